"""Configuration keys: what may be read and written, and that the behaviour they name really changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual_fleet import World

from loadtest.engine.configuration import initial
from loadtest.errors import UsageError
from loadtest.protocol import configuration_keys
from loadtest.protocol.configuration_keys import KEYS, is_valid
from loadtest.scenario.profile import ChargePointProfile


def change(world: World, key: str, value: str) -> str:
    status: str = world.command("ChangeConfiguration", {"key": key, "value": value})["status"]
    return status


def value_of(world: World, key: str) -> str:
    (known,) = world.command("GetConfiguration", {"key": [key]})["configurationKey"]
    value: str = known["value"]
    return value


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("HeartbeatInterval", "30", "Accepted"),
        ("HeartbeatInterval", "0", "Rejected"),
        ("HeartbeatInterval", "soon", "Rejected"),
        ("WebSocketPingInterval", "-1", "Rejected"),
        ("ClockAlignedDataInterval", "900", "Accepted"),
        ("MeterValuesSampledData", "Energy.Active.Import.Register,Voltage", "Accepted"),
        ("MeterValuesSampledData", "Happiness", "Rejected"),
        ("MeterValuesSampledData", "SoC", "Rejected"),
        ("LocalPreAuthorize", "TRUE", "Accepted"),
        ("LocalPreAuthorize", "yes", "Rejected"),
        ("NumberOfConnectors", "9", "Rejected"),
        ("NoSuchKey", "1", "NotSupported"),
        ("AuthorizationKey", "00112233445566778899", "Accepted"),
    ],
)
def test_changes_are_taken_or_refused_as_the_standard_says(key: str, value: str, status: str) -> None:
    with World() as world:
        world.register()
        before = {each["key"]: each.get("value") for each in world.command("GetConfiguration", {})["configurationKey"]}
        assert change(world, key, value) == status
        after = {each["key"]: each.get("value") for each in world.command("GetConfiguration", {})["configurationKey"]}
        changed = {name for name in after if after[name] != before[name]}
        assert changed <= {key}
        if status == "Accepted" and key != "AuthorizationKey":
            assert after[key] == value


def test_all_keys_are_told_and_what_may_only_be_written_without_its_value() -> None:
    with World() as world:
        world.register()
        told = {each["key"]: each for each in world.command("GetConfiguration", {})["configurationKey"]}
        assert told.keys() == KEYS.keys()
        assert "value" not in told["AuthorizationKey"]
        assert {name for name, each in told.items() if each["readonly"]} == {
            name for name, key in KEYS.items() if key.access == "R"
        }


def test_unknown_keys_are_named() -> None:
    with World() as world:
        world.register()
        answer = world.command("GetConfiguration", {"key": ["NoSuchKey", "NumberOfConnectors"]})
        assert answer["unknownKey"] == ["NoSuchKey"]
        assert [each["key"] for each in answer["configurationKey"]] == ["NumberOfConnectors"]


def test_one_charge_points_change_is_nobody_elses() -> None:
    with World(2) as world:
        first, second = world.charge_points
        assert first.configure("HeartbeatInterval", "5", world.clock()) == "Accepted"
        assert (
            first.configuration.integer("HeartbeatInterval"),
            second.configuration.integer("HeartbeatInterval"),
        ) == (
            5,
            300,
        )


def test_the_heartbeat_interval_counts_from_now_on() -> None:
    with World() as world:
        world.register(interval_s=1000)
        world.new()
        assert change(world, "HeartbeatInterval", "2") == "Accepted"
        assert value_of(world, "HeartbeatInterval") == "2"
        world.run_for(10)
        assert world.new() == ["Heartbeat"] * 5


def test_the_sample_interval_reaches_a_running_transaction() -> None:
    with World(meter_interval_s=1000) as world:
        world.register()
        world.charge()
        assert change(world, "MeterValueSampleInterval", "10") == "Accepted"
        world.run_for(35)
        assert len(world.payloads_of("MeterValues")) == 3
        assert change(world, "MeterValueSampleInterval", "0") == "Accepted"
        world.run_for(35)
        assert len(world.payloads_of("MeterValues")) == 3


def test_measurands_reach_the_next_sample() -> None:
    with World(meter_interval_s=10) as world:
        world.register()
        world.charge()
        assert change(world, "MeterValuesSampledData", "Voltage,Power.Active.Import") == "Accepted"
        world.run_for(11)
        (sample,) = world.payloads_of("MeterValues")
        measurands = [each["measurand"] for each in sample["meterValue"][0]["sampledValue"]]
        assert measurands == ["Voltage"] * 3 + ["Power.Active.Import"]


def test_clock_aligned_data_begins_when_it_is_asked_for() -> None:
    with World(drivers=None) as world:
        world.register()
        assert change(world, "ClockAlignedDataInterval", "60") == "Accepted"
        world.run_for(125)
        moments = [each["meterValue"][0]["timestamp"] for each in world.payloads_of("MeterValues")]
        assert len(moments) == 2
        assert {moment[17:19] for moment in moments} == {"00"}


def test_pings_begin_and_a_gateway_that_does_not_answer_them_is_left() -> None:
    with World() as world:
        world.register()
        assert change(world, "WebSocketPingInterval", "10") == "Accepted"
        for _ in range(3):
            world.advance_s(10)
            world.wire().flush()  # the gateway's pong
        assert world.books.counters.pings == 3
        world.advance_s(10)  # this one finds nobody
        assert world.books.counters.pongs_missing == 0
        world.advance_s(10)
        assert world.wire().ending
        assert world.books.counters.pongs_missing == 1


def test_the_connection_timeout_ends_waiting_for_a_driver_who_does_not_come() -> None:
    with World() as world:
        world.register()
        assert change(world, "ConnectionTimeOut", "1") == "Accepted"
        world.command("RemoteStartTransaction", {"idTag": "APP"})
        assert world.one.transactions[0].visit.plug_in_ns > 10**9
        world.run_for(30)
        assert world.statuses()[1:] == ["Preparing", "Available"]
        assert world.payloads_of("StartTransaction") == []


def test_a_profile_sets_keys_and_is_told_which_it_cannot() -> None:
    profile = ChargePointProfile(configuration={"WebSocketPingInterval": "30", "CpoName": "x"})
    configuration = initial(profile, 30.0)
    assert configuration.ping_interval_ns == 30 * 10**9
    with pytest.raises(UsageError) as refused:
        initial(ChargePointProfile(configuration={"Nonsense": "1", "ConnectionTimeOut": "-3"}), 30.0)
    assert len(refused.value.faults) == 2


@given(st.sampled_from(sorted(KEYS)), st.text(max_size=12) | st.integers(-(10**12), 10**12).map(str))
def test_no_value_that_counts_as_valid_breaks_its_reader(name: str, value: str) -> None:
    if not is_valid(name, value):
        return
    match KEYS[name].kind:
        case "integer":
            assert 0 <= int(value) <= KEYS[name].high
        case "boolean":
            assert value.lower() in {"true", "false"}
        case "list":
            assert all(configuration_keys.items(value))
