"""One charging transaction: the messages, their order, the meter, and every way it can go wrong."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from virtual_fleet import ACCEPTED, REFUSED, World

from loadtest.engine.visit import Visit
from loadtest.scenario.reconnect import CappedDoubling
from loadtest.scenario.vehicle import Vehicle

WHOLE = [
    "StatusNotification",
    "Authorize",
    "StartTransaction",
    "StatusNotification",
    "MeterValues",
    "MeterValues",
    "StopTransaction",
    "StatusNotification",
    "StatusNotification",
]


def charging_world(**profile: Any) -> World:
    """Transactions begin only when a test says so: the next driver is a day away."""
    return World(**{"transaction_duration_s": 25.0, "meter_interval_s": 10.0, "connectors": 2} | profile)


def begin(world: World, duration_s: float = 25.0, connector: int = 1) -> None:
    """A driver presents a tag for a transaction of a known length."""
    world.new()
    visit = Visit(connector, round(duration_s * 1e9), 0, Vehicle(1e6, 50_000, 0.1))
    world.one.welcome(visit, b"TAG", world.clock(), remote=False)


def run_for(world: World, duration_s: float) -> None:
    """Let time pass with a gateway that answers at once."""
    world.answer_all()
    for _ in range(round(duration_s * 10)):
        world.advance_s(0.1)
        world.answer_all()


def payloads_of(world: World, action: str) -> list[dict[str, Any]]:
    return [call.payload for call in world.sent if call.action == action]


def statuses(world: World) -> list[str]:
    return [each["status"] for each in payloads_of(world, "StatusNotification") if each["connectorId"] == 1]


def energy_wh(meter_values: dict[str, Any]) -> int:
    sampled = meter_values["meterValue"][0]["sampledValue"]
    (value,) = [each["value"] for each in sampled if each["measurand"] == "Energy.Active.Import.Register"]
    return int(value)


def test_a_transaction_from_tag_to_free_connector() -> None:
    with charging_world(power_w=36_000.0) as world:
        world.register()
        begin(world)
        run_for(world, 30)
        assert world.new() == WHOLE
        assert statuses(world)[1:] == ["Preparing", "Charging", "Finishing", "Available"]
        (start,), (stop,) = payloads_of(world, "StartTransaction"), payloads_of(world, "StopTransaction")
        meters = payloads_of(world, "MeterValues")
        ids = {stop["transactionId"], *(each["transactionId"] for each in meters)}
        assert len(ids) == 1
        assert ids != {-1}
        assert stop["reason"] == "Local"
        readings = [start["meterStart"], *map(energy_wh, meters), stop["meterStop"]]
        assert readings == [0, 100, 200, 250], "36 kW are 10 Wh a second; metered after 10 and 20 s, stopped at 25 s"
        assert world.one.transactions == []
        world.assert_balanced()


def test_the_register_never_runs_backwards_from_one_transaction_to_the_next() -> None:
    """Each connector has a register of its own."""
    with charging_world(transaction_gap_s=20.0, meter_interval_s=3.0) as world:
        world.register()
        run_for(world, 400)
        readings: dict[int, list[int]] = {1: [], 2: []}
        connector_of: dict[int, int] = {}
        for call in world.sent:
            match call.action:
                case "StartTransaction":
                    readings[call.payload["connectorId"]].append(call.payload["meterStart"])
                    connector_of[4711 + world.sent.index(call) + 1] = call.payload["connectorId"]
                case "MeterValues":
                    readings[call.payload["connectorId"]].append(energy_wh(call.payload))
                case "StopTransaction":
                    readings[connector_of[call.payload["transactionId"]]].append(call.payload["meterStop"])
        assert len(payloads_of(world, "StopTransaction")) >= 3
        assert all(before <= after for each in readings.values() for before, after in pairwise(each))
        assert readings[1][-1] + readings[2][-1] > 0
        world.assert_balanced()


def test_a_refused_tag_ends_it_before_it_began() -> None:
    with charging_world() as world:
        world.register()
        begin(world)
        world.answer({})
        world.answer(REFUSED)
        run_for(world, 30)
        assert world.new() == ["StatusNotification", "Authorize", "StatusNotification"]
        assert statuses(world)[1:] == ["Preparing", "Available"]
        assert world.one.transactions == []
        world.assert_balanced()


@pytest.mark.parametrize("failure", ["call_error", "timed_out", "cut_off", "nonsense"])
def test_without_an_authorisation_nothing_starts(failure: str) -> None:
    with charging_world(call_timeout_s=5.0) as world:
        world.register()
        begin(world)
        world.answer({})
        if failure == "call_error":
            world.answer_error()
        elif failure == "timed_out":
            world.advance_s(6.2)
            world.wire().outstanding = None
        elif failure == "cut_off":
            world.wire().end()
        else:
            world.answer({"idTagInfo": "yes"})
            assert world.books.counters.malformed == 1
        assert world.one.transactions == []
        world.advance_s(60)
        assert payloads_of(world, "StartTransaction") == []
        world.assert_balanced()


def test_without_a_connection_to_ask_over_the_connector_is_free_again() -> None:
    with World(transaction_duration_s=1e6) as world:
        world.register()
        world.command("TriggerMessage", {"requestedMessage": "Heartbeat"})
        begin(world)
        assert len(world.one.transactions) == 1
        world.wire().end()
        assert world.one.transactions == []
        assert world.one.connector_status(1) == b"Available"
        world.assert_balanced()


def test_a_start_that_is_not_accepted_stops_at_once_as_deauthorised() -> None:
    with charging_world() as world:
        world.register()
        begin(world)
        world.answer({})
        world.answer(ACCEPTED)
        world.answer(REFUSED | {"transactionId": 77})
        run_for(world, 30)
        (stop,) = payloads_of(world, "StopTransaction")
        assert (stop["transactionId"], stop["reason"]) == (77, "DeAuthorized")
        assert world.one.transactions == []
        world.assert_balanced()


@pytest.mark.parametrize("failure", ["call_error", "timed_out"])
def test_a_start_without_an_answer_goes_on_under_the_id_minus_1(failure: str) -> None:
    """OCPP 1.6 errata 3.18."""
    with charging_world(call_timeout_s=5.0, configuration={"TransactionMessageAttempts": "1"}) as world:
        world.register()
        begin(world)
        world.answer({})
        world.answer(ACCEPTED)
        if failure == "call_error":
            world.answer_error()
        else:
            world.advance_s(6.2)
        run_for(world, 30)
        messages = payloads_of(world, "MeterValues") + payloads_of(world, "StopTransaction")
        assert len(messages) == 3
        assert {each["transactionId"] for each in messages} == {-1}
        world.assert_balanced()


def test_what_waited_behind_the_start_carries_the_id_its_answer_brought() -> None:
    """The answer comes when the transaction has ended long ago: the messages in the queue still get it."""
    with charging_world(call_timeout_s=300.0) as world:
        world.register()
        begin(world)
        world.answer({})
        world.answer(ACCEPTED)
        world.advance_s(60)
        assert world.new()[-1] == "StartTransaction"
        assert world.one.transactions == []
        world.answer(ACCEPTED | {"transactionId": 77})
        world.answer_all()
        messages = payloads_of(world, "MeterValues") + payloads_of(world, "StopTransaction")
        assert [each["transactionId"] for each in messages] == [77, 77, 77]
        world.assert_balanced()


def test_an_answer_belongs_to_the_transaction_that_asked_not_to_the_present_one() -> None:
    with charging_world(call_timeout_s=300.0) as world:
        world.register()
        begin(world, duration_s=5)
        world.answer({})
        world.answer(ACCEPTED)
        world.advance_s(6)  # the first is over, its start still unanswered
        begin(world, duration_s=30)
        world.answer(ACCEPTED | {"transactionId": 1})
        stop_of_first = next(call for call in iter(lambda: world.answer({}), None) if call.action == "StopTransaction")
        assert stop_of_first.payload["transactionId"] == 1
        while (call := world.wire().outstanding) is not None and call.action != "StartTransaction":
            world.answer(ACCEPTED if call.action == "Authorize" else {})
        world.answer(ACCEPTED | {"transactionId": 2})
        run_for(world, 40)
        assert len(payloads_of(world, "StartTransaction")) == 2
        assert [each["transactionId"] for each in payloads_of(world, "StopTransaction")] == [1, 2]
        world.assert_balanced()


def test_an_authorisation_that_comes_too_late_starts_nothing() -> None:
    with charging_world(call_timeout_s=300.0) as world:
        world.register()
        begin(world, duration_s=5)
        world.answer({})
        world.advance_s(6)
        begin(world, duration_s=50)
        world.answer(ACCEPTED)  # to the first Authorize
        (present,) = world.one.transactions
        assert not present.started_ns
        world.answer_all()
        assert len(payloads_of(world, "StartTransaction")) == 1
        world.assert_balanced()


def test_offline_it_is_metered_and_stopped_all_the_same_and_told_in_order_later() -> None:
    with charging_world(reconnect=CappedDoubling(minimum_s=40, maximum_s=40)) as world:
        world.register()
        begin(world)
        run_for(world, 1)
        world.wire().end()
        world.new()
        world.advance_s(81)
        assert world.one.transactions == []
        world.open()
        world.answer({"status": "Accepted", "currentTime": "now", "interval": 300})
        world.answer_all()
        assert world.new()[1:4] == ["MeterValues", "MeterValues", "StopTransaction"]
        moments = [each["meterValue"][0]["timestamp"] for each in payloads_of(world, "MeterValues")]
        moments.append(payloads_of(world, "StopTransaction")[0]["timestamp"])
        assert moments == sorted(moments), "as of when it happened, not of when it was sent"
        world.assert_balanced()


def test_removed_with_its_cohort_it_leaves_no_trace_in_the_books() -> None:
    with charging_world() as world:
        world.register()
        begin(world)
        run_for(world, 12)
        wire = world.wire()
        offered = world.row().offered
        world.fleet.cohorts.remove(0)
        wire.end()
        world.advance_s(100)
        assert world.row().offered == offered
        world.assert_balanced()


def test_no_transactions_without_a_gap() -> None:
    with World(transaction_gap_s=0.0) as world:
        world.register()
        run_for(world, 600)
        assert payloads_of(world, "Authorize") == []


def test_drivers_come_by_the_seeded_schedule_and_go_away_when_nothing_is_free() -> None:
    with charging_world(transaction_gap_s=10.0, transaction_duration_s=25.0) as world:
        world.register()
        run_for(world, 600)
        tags = payloads_of(world, "Authorize")
        assert 25 <= len(tags) <= 60, "of 60 drivers, who find one of two connectors free or leave"
        assert world.books.counters.drivers_turned_away > 0
        assert {each["idTag"] for each in tags} == {"TAG0000000"}
        assert {each["connectorId"] for each in payloads_of(world, "StartTransaction")} == {1, 2}
        world.assert_balanced()


def arrivals(world: World) -> list[int]:
    return [call.stamp.intended_us for call in world.sent if call.action == "Authorize"]


def test_when_drivers_come_does_not_depend_on_what_the_network_does() -> None:
    with charging_world(transaction_gap_s=20.0, transaction_duration_s=1.0) as calm:
        calm.register()
        run_for(calm, 300)
    with charging_world(
        transaction_gap_s=20.0, transaction_duration_s=1.0, reconnect=CappedDoubling(minimum_s=0.01)
    ) as shaken:
        shaken.register()
        for _ in range(3):
            run_for(shaken, 0.2)
            shaken.wire().end()
            shaken.advance_s(0.1)
            shaken.register()
        run_for(shaken, 300 - 0.9)
    assert arrivals(calm) == arrivals(shaken)


def test_a_transaction_message_is_sent_again_after_the_interval_times_the_attempts_before() -> None:
    """OCPP 1.6 section 3.7.1; others overtake it meanwhile, those of the transaction do not."""
    keys = {"TransactionMessageAttempts": "3", "TransactionMessageRetryInterval": "60"}
    with charging_world(configuration=keys, meter_interval_s=0) as world:
        world.register(interval_s=10_000)
        begin(world, duration_s=1e5)
        world.answer({})
        world.answer(ACCEPTED)
        first = world.answer_error()
        world.answer_all()
        world.new()
        world.one.meter_values_now(1, world.clock())
        world.advance_s(59)
        assert world.new() == []
        world.one.report_status(1, world.clock())
        world.answer_all()
        assert world.new() == ["StatusNotification"]
        world.advance_s(1)
        assert world.new() == ["StartTransaction"]
        second = world.answer_error()
        world.advance_s(119)
        assert world.new() == []
        world.advance_s(1.1)
        third = world.answer_error()
        assert first.payload == second.payload == third.payload, "as of when it happened"
        world.answer_all()
        assert world.new() == ["StartTransaction", "MeterValues"], "after three attempts the next one has its turn"
        assert payloads_of(world, "MeterValues")[0]["transactionId"] == -1
        counters = world.books.counters
        assert (counters.transaction_retries, counters.transaction_messages_given_up) == (2, 1)
        world.assert_balanced()


def test_a_cut_connection_is_no_attempt() -> None:
    with charging_world(
        configuration={"TransactionMessageAttempts": "1"}, reconnect=CappedDoubling(minimum_s=0.1)
    ) as world:
        world.register()
        begin(world, duration_s=1e5)
        world.answer({})
        world.answer(ACCEPTED)
        for _ in range(3):
            world.wire().end()
            world.advance_s(1)
            world.open()
            world.new()
            world.answer({"status": "Accepted", "currentTime": "now", "interval": 300})
            assert world.new()[0] == "StartTransaction"
        world.answer(ACCEPTED | {"transactionId": 9})
        world.answer_all()
        run_for(world, 11)
        assert payloads_of(world, "MeterValues")[0]["transactionId"] == 9
        assert world.row("StartTransaction").cut_off == 3
        world.assert_balanced()


def test_a_stop_carries_the_values_it_is_configured_to_collect() -> None:
    keys = {"StopTxnSampledData": "Energy.Active.Import.Register"}
    with charging_world(configuration=keys) as world:
        world.register()
        begin(world)
        run_for(world, 30)
        (stop,) = payloads_of(world, "StopTransaction")
        contexts = [each["sampledValue"][0].get("context") for each in stop["transactionData"]]
        assert contexts == [None, None, "Transaction.End"], "a periodic sample is the default"
        world.assert_balanced()


def test_a_full_car_is_suspended_by_itself_and_takes_nothing_more() -> None:
    with charging_world(power_w=36_000.0) as world:
        world.register()
        world.new()
        visit = Visit(1, round(40e9), 0, Vehicle(1000, 50_000, 0.1, 0.25))
        world.one.welcome(visit, b"TAG", world.clock(), remote=False)
        run_for(world, 45)
        assert statuses(world)[1:] == ["Preparing", "Charging", "SuspendedEV", "Finishing", "Available"]
        (stop,) = payloads_of(world, "StopTransaction")
        assert stop["meterStop"] == 150
        world.assert_balanced()


def test_a_state_is_reported_only_when_it_has_lasted() -> None:
    """OCPP 1.6 section 9.1.21, MinimumStatusDuration."""
    with charging_world(minimum_status_s=3.0) as world:
        world.register()
        begin(world)
        run_for(world, 40)
        assert statuses(world)[1:] == ["Charging", "Available"], "Preparing and Finishing were over at once"
        world.assert_balanced()


def test_clock_aligned_values_come_on_the_boundaries_with_and_without_a_transaction() -> None:
    with charging_world(clock_aligned_s=60, meter_interval_s=0) as world:
        world.register()
        begin(world, duration_s=100)
        run_for(world, 200)
        meters = payloads_of(world, "MeterValues")
        moments = [each["meterValue"][0]["timestamp"] for each in meters]
        assert len(meters) >= 6
        assert {moment[17:19] for moment in moments} == {"00"}
        assert {each["connectorId"] for each in meters} == {1, 2}
        assert all(each["meterValue"][0]["sampledValue"][0]["context"] == "Sample.Clock" for each in meters)
        with_transaction = [each for each in meters if "transactionId" in each]
        assert 1 <= len(with_transaction) <= 2
        world.assert_balanced()
