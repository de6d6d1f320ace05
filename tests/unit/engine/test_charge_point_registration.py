"""Registration (OCPP 1.6 section 4.2): Accepted, Pending and Rejected obeyed to the letter."""

from __future__ import annotations

import itertools

import pytest
from virtual_fleet import World

from loadtest.engine.sending import CONNECTING, OFFLINE, OPEN, REGISTERED, REJECTED
from loadtest.protocol.frames import CallResult
from loadtest.scenario.reconnect import CappedDoubling
from loadtest.units import NS_PER_S


def boot_conf(status: str, interval: int) -> dict[str, object]:
    return {"status": status, "currentTime": "2026-01-01T00:00:00Z", "interval": interval}


def test_the_first_message_is_a_boot_notification_and_nothing_follows_before_its_answer() -> None:
    with World(transaction_gap_s=1.0) as world:
        wire = world.open()
        assert wire.path == "/ocpp/cp-000000"
        world.advance_s(29)
        assert world.new() == ["BootNotification"]


@pytest.mark.parametrize("connectors", [1, 2, 5])
def test_accepted_is_followed_by_the_status_of_connector_0_and_of_every_connector(connectors: int) -> None:
    with World(connectors=connectors) as world:
        world.register()
        assert world.new() == ["BootNotification"] + ["StatusNotification"] * (connectors + 1)
        assert [call.payload["connectorId"] for call in world.sent[1:]] == list(range(connectors + 1))
        assert {call.payload["status"] for call in world.sent[1:]} == {"Available"}
        assert world.fleet.gauges()["registered_ever"] == 1
        world.assert_balanced()


def test_heartbeats_come_at_the_interval_of_the_central_system() -> None:
    with World() as world:
        world.register(interval_s=20)
        world.new()
        world.advance_s(20)
        world.answer_all()
        for _ in range(5):
            world.advance_s(20)
            world.answer_all()
        assert world.new() == ["Heartbeat"] * 6
        beats = [call.stamp.intended_us for call in world.sent if call.action == "Heartbeat"]
        assert {later - sooner for sooner, later in itertools.pairwise(beats)} == {20_000_000}


def test_a_second_registration_replaces_the_heartbeat_of_the_first() -> None:
    with World(reconnect=CappedDoubling(minimum_s=0.1, maximum_s=0.1)) as world:
        world.register(interval_s=10)
        for _ in range(3):
            world.wire().end()
            world.advance_s(0.3)
            world.register(interval_s=10)
        world.one.boot(world.clock())
        world.answer(boot_conf("Accepted", 10))
        world.answer_all()
        world.new()
        for _ in range(100):
            world.advance_s(0.5)
            world.answer_all()
        assert world.new() == ["Heartbeat"] * 5, "one chain of beats in 50 s, not five"


def test_interval_0_leaves_the_heartbeat_to_the_charge_point() -> None:
    with World(default_heartbeat_s=7.0) as world:
        world.register(interval_s=0)
        world.new()
        for _ in range(4):
            world.advance_s(7)
            world.answer_all()
        assert world.new() == ["Heartbeat"] * 4


def test_an_interval_of_its_own_outdoes_that_of_the_central_system() -> None:
    with World(heartbeat_s=2.5) as world:
        world.register(interval_s=3)
        world.new()
        for _ in range(4):
            world.advance_s(2.5)
            world.answer_all()
        assert world.new() == ["Heartbeat"] * 4


@pytest.mark.parametrize("status", ["Pending", "Rejected", "Perhaps"])
def test_not_accepted_means_silence_and_another_boot_after_the_interval(status: str) -> None:
    with World(transaction_gap_s=1.0) as world:
        world.open()
        world.answer(boot_conf(status, 40))
        world.new()
        world.advance_s(39.9)
        assert world.new() == []
        world.advance_s(0.11)
        assert world.new() == ["BootNotification"]
        world.answer(boot_conf("Accepted", 300))
        assert world.one.state == REGISTERED
        assert world.books.counters.not_accepted == 1
        world.assert_balanced()


def test_interval_0_leaves_the_wait_for_the_next_boot_to_the_charge_point() -> None:
    with World() as world:
        world.open()
        world.answer(boot_conf("Rejected", 0))
        world.new()
        world.advance_s(59.9)
        assert world.new() == []
        world.advance_s(0.2)
        assert world.new() == ["BootNotification"]


def test_pending_answers_questions_and_rejected_does_not() -> None:
    with World() as world:
        world.open()
        world.answer(boot_conf("Pending", 40))
        assert isinstance(world.ask("GetConfiguration", {}), CallResult)
        world.advance_s(41)
        world.answer(boot_conf("Rejected", 40))
        world.replies.clear()
        world.tell(b'[2,"x","GetConfiguration",{}]')
        assert world.replies == []
        assert (world.books.counters.calls_received, world.books.counters.calls_answered) == (2, 1)


def test_a_heartbeat_interval_set_while_pending_gives_way_to_the_one_of_the_registration() -> None:
    with World() as world:
        world.open()
        world.answer({"status": "Pending", "currentTime": "now", "interval": 10})
        world.command("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "7"})
        world.advance_s(11)
        world.answer({"status": "Accepted", "currentTime": "now", "interval": 40})
        assert world.books.registered_ever == 1
        assert world.one.heartbeat_ns == 40 * NS_PER_S


def test_pending_sends_boot_at_once_when_it_is_asked_to_and_forgets_the_wait() -> None:
    with World() as world:
        world.open()
        world.answer(boot_conf("Pending", 40))
        world.new()
        world.one.boot(world.clock())
        assert world.new() == ["BootNotification"]
        world.answer(boot_conf("Accepted", 300))
        world.answer_all()
        world.new()
        world.advance_s(45)
        assert "BootNotification" not in world.new(), "the wait of the Pending answer is over with Accepted"


@pytest.mark.parametrize(("status", "state"), [("Pending", OPEN), ("Rejected", REJECTED)])
def test_a_new_connection_does_not_shorten_the_wait(status: str, state: int) -> None:
    with World(reconnect=CappedDoubling(minimum_s=1)) as world:
        wire = world.open()
        world.answer(boot_conf(status, 100))
        world.new()
        wire.end()
        assert world.one.state == OFFLINE
        world.advance_s(2)
        assert world.one.state == CONNECTING
        world.open()
        assert world.one.state == state
        world.advance_s(97)
        assert world.new() == []
        world.advance_s(1)
        assert world.new() == ["BootNotification"]
        world.answer(boot_conf("Accepted", 300))
        world.answer_all()
        assert world.one.state == REGISTERED


def test_a_wait_that_ended_offline_is_no_wait_any_more() -> None:
    with World(reconnect=CappedDoubling(minimum_s=5)) as world:
        wire = world.open()
        world.answer(boot_conf("Rejected", 3))
        wire.end()
        world.advance_s(11)
        world.new()
        world.open()
        assert world.new() == ["BootNotification"]


def test_whoever_was_never_accepted_boots_even_if_reconnects_need_no_boot() -> None:
    with World(boot_on_reconnect=False) as world:
        for _ in range(2):
            wire = world.open()
            assert world.new() == ["BootNotification"]
            wire.end()
            world.advance_s(10)


@pytest.mark.parametrize("boot", [True, False])
def test_a_reconnect_repeats_the_boot_only_if_the_profile_says_so(boot: bool) -> None:
    with World(boot_on_reconnect=boot) as world:
        world.register()
        world.new()
        world.wire().end()
        world.advance_s(3)
        world.open()
        if boot:
            assert world.new() == ["BootNotification"]
            world.answer(boot_conf("Accepted", 300))
        world.answer_all()
        assert world.new() == ["StatusNotification"] * (2 if boot else 0), "nothing has changed since"
        assert world.books.counters.registrations == 2
        assert world.fleet.gauges()["registered_ever"] == 1
        world.assert_balanced()


def test_a_boot_without_an_answer_is_repeated_after_a_minute() -> None:
    with World(call_timeout_s=30) as world:
        world.open()
        world.new()
        world.advance_s(89.9)
        assert world.row().timed_out == 1
        assert world.new() == []
        world.advance_s(2)
        assert world.new() == ["BootNotification"]
        world.answer_error()
        world.advance_s(61)
        assert world.new() == ["BootNotification"]
        world.assert_balanced()


def test_a_boot_answer_that_makes_no_sense_is_counted_and_taken_for_a_no() -> None:
    with World() as world:
        world.open()
        world.answer({"status": 5})
        assert world.books.counters.malformed == 1
        assert world.one.state == REJECTED
        world.advance_s(61)
        assert world.new() == ["BootNotification"] * 2
        world.assert_balanced()


def test_register_time_runs_from_the_first_attempt_however_many_it_takes() -> None:
    with World(reconnect=CappedDoubling(minimum_s=1)) as world:
        world.advance_s(0.5)
        world.reach().end()
        world.advance_s(4.5)
        world.open()
        world.advance_s(0.25)
        world.answer(boot_conf("Accepted", 300))
        intended = world.samples_of("ramp.register.BootNotification.intended")
        service = world.samples_of("ramp.register.BootNotification.service")
        assert (intended.total, service.total) == (1, 1)
        assert intended.max_us == pytest.approx(5_251_000, abs=2_000)
        assert service.max_us < intended.max_us - 500_000
