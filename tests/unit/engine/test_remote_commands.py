"""Remote start and stop, reset, availability and unlocking: what follows an *Accepted* really happens."""

from __future__ import annotations

import pytest
from virtual_fleet import World

from loadtest.scenario.reconnect import CappedDoubling


def remote_start(world: World, **fields: object) -> str:
    status: str = world.command("RemoteStartTransaction", {"idTag": "APP"} | fields)["status"]
    return status


def test_a_remote_start_is_accepted_first_and_followed_by_the_transaction() -> None:
    with World(connectors=2) as world:
        world.register()
        world.new()
        assert remote_start(world, connectorId=2) == "Accepted"
        assert world.new() == ["StatusNotification"]
        assert remote_start(world, connectorId=2) == "Rejected", "it is taken"
        world.run_for(21)
        assert world.statuses(2)[1:] == ["Preparing", "Charging"]
        (start,) = world.payloads_of("StartTransaction")
        assert (start["connectorId"], start["idTag"]) == (2, "APP")
        assert world.payloads_of("Authorize") == [], "the central system has authorized it itself"
        world.assert_balanced()


def test_the_charge_point_asks_all_the_same_when_it_is_configured_to() -> None:
    with World(configuration={"AuthorizeRemoteTxRequests": "true"}) as world:
        world.register()
        assert remote_start(world) == "Accepted"
        world.run_for(21)
        assert world.payloads_of("Authorize") == [{"idTag": "APP"}]
        assert len(world.payloads_of("StartTransaction")) == 1


@pytest.mark.parametrize("fields", [{"connectorId": 9}, {"idTag": ""}, {"idTag": "ü"}, {"idTag": 'a"b'}])
def test_what_cannot_be_started_is_rejected(fields: dict[str, object]) -> None:
    with World() as world:
        world.register()
        assert remote_start(world, **fields) == "Rejected"
        world.run_for(30)
        assert world.payloads_of("StartTransaction") == []


def test_remote_starts_are_forbidden_before_accepted() -> None:
    """OCPP 1.6 section 4.2."""
    with World() as world:
        world.open()
        world.answer({"status": "Pending", "currentTime": "now", "interval": 100})
        assert remote_start(world) == "Rejected"
        world.advance_s(99)
        assert world.one.transactions == []
        world.assert_balanced()


def test_two_connectors_charge_at_the_same_time() -> None:
    with World(connectors=2, transaction_duration_s=1e6) as world:
        world.register()
        assert remote_start(world) == "Accepted"
        assert remote_start(world) == "Accepted"
        assert remote_start(world) == "Rejected"
        world.run_for(21)
        assert {each["connectorId"] for each in world.payloads_of("StartTransaction")} == {1, 2}
        assert len(world.one.transactions) == 2
        world.assert_balanced()


def test_a_remote_stop_ends_the_transaction_it_names_and_no_other() -> None:
    with World() as world:
        world.register()
        world.charge()
        for wanted, status in ((-1, "Rejected"), (76, "Rejected"), (77, "Accepted"), (77, "Rejected")):
            assert world.command("RemoteStopTransaction", {"transactionId": wanted}) == {"status": status}
        world.answer_all()
        (stop,) = world.payloads_of("StopTransaction")
        assert (stop["transactionId"], stop["reason"]) == (77, "Remote")
        assert world.statuses()[-1] == "Finishing", "the car is still plugged in"
        world.run_for(61)
        assert world.statuses()[-1] == "Available"
        world.assert_balanced()


def test_a_soft_reset_delivers_the_stop_then_boots_again() -> None:
    with World(reboot_s=5.0) as world:
        world.register()
        world.charge()
        world.new()
        assert world.command("Reset", {"type": "Soft"}) == {"status": "Accepted"}
        wire = world.wire()
        world.run_for(0.3)
        assert world.new() == ["StopTransaction", "StatusNotification"]
        assert world.payloads_of("StopTransaction")[0]["reason"] == "SoftReset"
        assert wire.ending
        wire.end()
        world.advance_s(4.5)
        assert world.books.counters.connect_attempts == 1
        world.advance_s(0.5)
        assert world.books.counters.connect_attempts == 2
        world.register()
        assert world.new()[0] == "BootNotification"
        assert world.books.counters.reboots == 1
        world.assert_balanced()


def test_a_hard_reset_tells_of_the_stop_after_the_next_boot() -> None:
    with World(reboot_s=5.0, boot_on_reconnect=False) as world:
        world.register()
        world.charge()
        world.new()
        assert world.command("Reset", {"type": "Hard"}) == {"status": "Accepted"}
        assert world.new() == [], "nothing is sent into a connection that ends"
        world.wire().end()
        world.advance_s(6)
        world.open()
        world.answer({"status": "Accepted", "currentTime": "now", "interval": 300})
        world.answer_all()
        sent = world.new()
        assert sent[0] == "BootNotification"
        assert "StopTransaction" in sent
        assert world.payloads_of("StopTransaction")[-1]["reason"] == "HardReset"
        world.assert_balanced()


@pytest.mark.parametrize("kind", ["Soft", "Hard"])
def test_a_reset_with_a_driver_who_has_not_begun_forgets_him(kind: str) -> None:
    with World(reboot_s=1.0) as world:
        world.register()
        remote_start(world)
        world.answer_all()
        world.command("Reset", {"type": kind})
        world.advance_s(0.2)
        world.wire().end()
        world.advance_s(2)
        world.register()
        world.run_for(60)
        assert world.payloads_of("StartTransaction") == []
        assert world.statuses()[-1] == "Available"
        world.assert_balanced()


def test_a_soft_reset_stops_who_comes_while_it_waits_and_two_are_one() -> None:
    with World(boot_on_reconnect=False) as world:
        world.register()
        world.charge()
        assert world.command("Reset", {"type": "Soft"}) == {"status": "Accepted"}
        assert world.command("Reset", {"type": "Soft"}) == {"status": "Accepted"}
        world.advance_s(1)
        (late,) = world.one.transactions or [world.one.begin_transaction(1, b"LATE", world.clock(), remote=True)]
        world.advance_s(0.2)
        assert late.over
        world.answer_all()
        world.advance_s(0.2)
        world.wire().end()
        assert world.books.counters.reboots == 1
        world.assert_balanced()


def test_nobody_charges_at_a_charge_point_that_restarts() -> None:
    with World(reboot_s=30.0, configuration={"AllowOfflineTxForUnknownId": "true"}) as world:
        world.register()
        world.command("Reset", {"type": "Hard"})
        world.wire().end()
        assert not world.one.is_free(1, b"TAG", world.clock())
        world.advance_s(31)
        world.register()
        assert world.one.is_free(1, b"TAG", world.clock())


def availability(world: World, connector: int, kind: str) -> str:
    status: str = world.command("ChangeAvailability", {"connectorId": connector, "type": kind})["status"]
    return status


def test_a_connector_goes_out_of_service_and_comes_back() -> None:
    with World(connectors=2) as world:
        world.register()
        assert availability(world, 1, "Inoperative") == "Accepted"
        world.answer_all()
        assert (world.statuses(1)[-1], world.statuses(2)[-1]) == ("Unavailable", "Available")
        assert remote_start(world, connectorId=1) == "Rejected"
        assert availability(world, 1, "Inoperative") == "Accepted", "again: nothing to do"
        assert availability(world, 1, "Operative") == "Accepted"
        world.answer_all()
        assert world.statuses(1)[1:] == ["Unavailable", "Available"]
        assert availability(world, 3, "Operative") == "Rejected"


def test_it_waits_for_a_transaction_and_the_whole_charge_point_means_every_connector() -> None:
    with World(connectors=2) as world:
        world.register()
        world.charge(duration_s=20)
        assert availability(world, 0, "Inoperative") == "Scheduled"
        world.answer_all()
        assert [world.statuses(number)[-1] for number in (0, 1, 2)] == ["Unavailable", "Charging", "Unavailable"]
        world.run_for(21)
        assert world.statuses(1)[-1] == "Unavailable"
        assert availability(world, 0, "Operative") == "Accepted"
        world.answer_all()
        assert [world.statuses(number)[-1] for number in (0, 1, 2)] == ["Available"] * 3
        assert world.one.connectors_known == [], "nothing is left to remember"
        world.assert_balanced()


def test_out_of_service_after_a_driver_who_never_came_goes_by_available() -> None:
    """The table of transitions leads from Preparing to Unavailable by no other way."""
    with World(configuration={"ConnectionTimeOut": "5"}, time_scale=0.01) as world:
        world.register()
        remote_start(world)
        world.answer_all()
        assert availability(world, 1, "Inoperative") == "Scheduled"
        world.run_for(6)
        assert world.statuses()[1:] == ["Preparing", "Available", "Unavailable"]
        world.assert_balanced()


def test_availability_outlives_a_restart() -> None:
    """OCPP 1.6 section 5.2: persistent across reboots."""
    with World(reboot_s=1.0) as world:
        world.register()
        availability(world, 1, "Inoperative")
        world.answer_all()
        world.command("Reset", {"type": "Hard"})
        world.wire().end()
        world.advance_s(2)
        world.register()
        assert world.statuses(1)[-1] == "Unavailable"


def test_unlocking_stops_what_charges_there() -> None:
    with World(connectors=2) as world:
        world.register()
        assert world.command("UnlockConnector", {"connectorId": 1}) == {"status": "Unlocked"}
        world.charge()
        assert world.command("UnlockConnector", {"connectorId": 1}) == {"status": "Unlocked"}
        world.answer_all()
        assert world.payloads_of("StopTransaction")[0]["reason"] == "UnlockCommand"
        assert world.command("UnlockConnector", {"connectorId": 3}) == {"status": "NotSupported"}
        world.assert_balanced()


def test_a_charge_point_that_came_back_tells_only_what_has_changed() -> None:
    with World(connectors=2, boot_on_reconnect=False, reconnect=CappedDoubling(minimum_s=0.1)) as world:
        world.register()
        world.wire().end()
        world.one.set_status(2, b"Faulted", world.clock())
        world.new()
        world.advance_s(1)
        world.open()
        world.answer_all()
        assert world.new() == ["StatusNotification"]
        assert world.statuses(2)[-1] == "Faulted"


@pytest.mark.parametrize("lost", ["under way", "waiting"])
def test_a_report_lost_with_its_connection_is_made_up_for_on_the_next(lost: str) -> None:
    with World(connectors=2, boot_on_reconnect=False, reconnect=CappedDoubling(minimum_s=0.1)) as world:
        world.register()
        world.charge(duration_s=10)
        if lost == "waiting":
            world.command("TriggerMessage", {"requestedMessage": "Heartbeat"})
        world.one.transactions[0].free(world.clock())
        world.wire().end()
        world.new()
        world.advance_s(1)
        world.open()
        world.answer_all()
        assert [world.statuses(number)[-1] for number in (0, 1, 2)] == ["Available"] * 3
        assert world.new() == ["StatusNotification"] * 3
        world.assert_balanced()
