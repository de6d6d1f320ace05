"""SetChargingProfile, ClearChargingProfile and GetCompositeSchedule, and what they do to a car that charges."""

from __future__ import annotations

from typing import Any

import pytest
from commanding import ask, wall
from test_transaction import begin, run_for
from virtual_fleet import World

from loadtest.engine.charging import Charging

SMART = {"meter_interval_s": 10.0, "power_w": 11_000.0, "connectors": 2, "transaction_duration_s": 1000.0}


def profile(limit: float = 4000.0, purpose: str = "TxDefaultProfile", **changes: Any) -> dict[str, Any]:
    """Constant from now on, in W, unless changed; ``schedule`` changes the schedule."""
    schedule = {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
    return {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": schedule | changes.pop("schedule", {}),
    } | changes


def install(world: World, connector: int = 1, **charging_profile: Any) -> str:
    status = ask(world, "SetChargingProfile", connectorId=connector, csChargingProfiles=profile(**charging_profile))
    world.answer_all()
    return str(status["status"])


def whole(world: World, limit: float, **changes: Any) -> dict[str, Any]:
    """A ChargePointMaxProfile."""
    absolute = {"chargingProfileKind": "Absolute", "schedule": {"startSchedule": wall(world, -1)}}
    return {"limit": limit, "purpose": "ChargePointMaxProfile"} | absolute | changes


def power_w(world: World, connector: int = 1) -> float:
    """What the next meter value says."""
    world.sent.clear()
    run_for(world, 10.5)
    values = [call.payload for call in world.sent if call.action == "MeterValues"]
    (power,) = [
        float(sample["value"])
        for payload in values
        if payload["connectorId"] == connector
        for sample in payload["meterValue"][0]["sampledValue"]
        if sample.get("measurand") == "Power.Active.Import"
    ][-1:]
    return power


def composite(world: World, connector: int = 1, duration: int = 100, **unit: str) -> list[tuple[int, float]]:
    answer = ask(world, "GetCompositeSchedule", connectorId=connector, duration=duration, **unit)
    assert (answer["status"], answer["connectorId"]) == ("Accepted", connector)
    periods = answer["chargingSchedule"]["chargingSchedulePeriod"]
    return [(period["startPeriod"], period["limit"]) for period in periods]


def smart_world(**changes: Any) -> World:
    return World(**SMART | changes)


def test_a_limit_is_the_power_the_meter_shows_until_it_is_cleared() -> None:
    with smart_world() as world:
        world.register()
        begin(world, 1000)
        assert power_w(world) == 11_000
        assert install(world, purpose="TxProfile", limit=4000) == "Accepted"
        assert power_w(world) == 4_000
        assert ask(world, "ClearChargingProfile", id=1) == {"status": "Accepted"}
        assert power_w(world) == 11_000
        assert ask(world, "ClearChargingProfile", id=1) == {"status": "Unknown"}
        features = world.one.features_or_none
        assert features is not None
        assert features.charging is None


def test_the_energy_is_the_integral_of_the_limited_power() -> None:
    with smart_world() as world:
        world.register()
        periods = [
            {"startPeriod": 0, "limit": 7200},
            {"startPeriod": 10, "limit": 3600},
            {"startPeriod": 20, "limit": 0},
        ]
        install(world, schedule={"chargingSchedulePeriod": periods})
        begin(world, 30)
        run_for(world, 31)
        (stop,) = [call.payload for call in world.sent if call.action == "StopTransaction"]
        assert stop["meterStop"] == pytest.approx(20 + 10, abs=1)


def test_zero_suspends_and_the_schedule_resumes() -> None:
    with smart_world() as world:
        world.register()
        periods = [{"startPeriod": 0, "limit": 0}, {"startPeriod": 30, "limit": 5000}]
        install(world, schedule={"chargingSchedulePeriod": periods})
        begin(world, 1000)
        run_for(world, 40)
        states = [call.payload["status"] for call in world.sent if call.action == "StatusNotification"]
        assert states[-3:] == ["Preparing", "SuspendedEVSE", "Charging"]


def test_a_replaced_schedule_leaves_no_instants_behind() -> None:
    with smart_world() as world:
        world.register()
        begin(world, 1000)
        periods = [{"startPeriod": 10 * each, "limit": 1000 + each} for each in range(20)]
        for _ in range(5):
            install(world, schedule={"chargingSchedulePeriod": periods})
        calls: list[int] = []
        apply = Charging.limit

        def limit(charging: Charging, limit_w: float | None, now_ns: int) -> None:
            calls.append(now_ns)
            apply(charging, limit_w, now_ns)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Charging, "limit", limit)
            run_for(world, 100)
        assert len(calls) == 10  # one for each period, not one for each profile that ever was


def test_the_transaction_overrules_the_default_and_its_profiles_end_with_it() -> None:
    with smart_world() as world:
        world.register()
        install(world, connector=0, limit=6000)
        begin(world, 50)
        assert power_w(world) == 6_000
        install(world, chargingProfileId=2, purpose="TxProfile", limit=9000, stackLevel=3)
        assert power_w(world) == 9_000
        run_for(world, 60)
        begin(world, 50)
        assert power_w(world) == 6_000


def test_the_charge_points_limit_is_shared_by_those_who_charge() -> None:
    with smart_world() as world:
        world.register()
        install(world, 0, **whole(world, 8000))
        begin(world, 1000, 1)
        assert power_w(world, 1) == 8_000
        begin(world, 60, 2)
        assert (power_w(world, 1), power_w(world, 2)) == (4_000, 4_000)
        install(world, 2, chargingProfileId=2, limit=1000)
        assert (power_w(world, 1), power_w(world, 2)) == (7_000, 1_000)
        run_for(world, 60)  # the other leaves
        assert power_w(world, 1) == 8_000


def test_below_the_minimum_rate_nothing_flows() -> None:
    with smart_world() as world:
        world.register()
        install(world, 0, **whole(world, 3000))
        install(world, chargingProfileId=2, limit=6000, schedule={"minChargingRate": 4000})
        begin(world, 100)
        assert power_w(world) == 0


def test_a_remote_start_brings_its_profile_which_ends_even_if_nobody_comes() -> None:
    with smart_world() as world:
        world.register()
        tx = profile(purpose="TxProfile", limit=2000)
        request = {"idTag": "TAG", "connectorId": 1, "chargingProfile": tx}
        assert ask(world, "RemoteStartTransaction", **request) == {"status": "Accepted"}
        run_for(world, 30)
        assert power_w(world) == 2_000
        request = {"idTag": "TAG", "connectorId": 2, "chargingProfile": profile()}
        assert ask(world, "RemoteStartTransaction", **request) == {"status": "Rejected"}  # not a TxProfile
        request["chargingProfile"] = tx | {"transactionId": 1}
        assert ask(world, "RemoteStartTransaction", **request) == {"status": "Rejected"}
    with smart_world(configuration={"AuthorizeRemoteTxRequests": "true"}) as world:
        world.register()
        ask(world, "RemoteStartTransaction", idTag="TAG", connectorId=1, chargingProfile=tx)
        world.answer({})
        world.answer({"idTagInfo": {"status": "Blocked"}})
        world.answer_all()
        assert ask(world, "ClearChargingProfile") == {"status": "Unknown"}


@pytest.mark.parametrize(
    ("connector", "changes"),
    [
        (3, {}),
        (-1, {}),
        (1, {"purpose": "ChargePointMaxProfile"}),
        (0, {"purpose": "ChargePointMaxProfile"}),  # Relative
        (0, {"purpose": "TxProfile"}),
        (2, {"purpose": "TxProfile"}),  # nobody charges there
        (1, {"purpose": "TxProfile", "transactionId": 999}),
        (1, {"transactionId": 1}),
        (1, {"stackLevel": 11}),
        (1, {"stackLevel": -1}),
        (1, {"schedule": {"chargingSchedulePeriod": [{"startPeriod": 1, "limit": 1}]}}),
        (1, {"schedule": {"chargingSchedulePeriod": [{"startPeriod": each, "limit": 1} for each in range(25)]}}),
    ],
)
def test_what_cannot_be_done_is_rejected(connector: int, changes: dict[str, Any]) -> None:
    with smart_world() as world:
        world.register()
        begin(world, 1000)
        world.answer_all()
        assert install(world, connector, **changes) == "Rejected"
        assert ask(world, "ClearChargingProfile") == {"status": "Unknown"}


def test_a_transaction_may_be_named() -> None:
    with smart_world() as world:
        world.register()
        begin(world, 1000)
        world.answer_all()
        (transaction,) = world.one.transactions
        assert install(world, purpose="TxProfile", transactionId=transaction.transaction_id) == "Accepted"


def test_no_more_profiles_than_there_is_room_for_but_one_in_anothers_place() -> None:
    with smart_world(configuration={"MaxChargingProfilesInstalled": "2"}) as world:
        world.register()
        assert install(world, chargingProfileId=1, stackLevel=1) == "Accepted"
        assert install(world, chargingProfileId=2, stackLevel=2) == "Accepted"
        assert install(world, chargingProfileId=3, stackLevel=3) == "Rejected"
        assert install(world, chargingProfileId=3, stackLevel=2, limit=77) == "Accepted"
        assert composite(world) == [(0, 77)]
        assert install(world, chargingProfileId=3, stackLevel=0, limit=88) == "Accepted"  # id 3 moves below id 1
        assert composite(world) == [(0, 4000)]


def test_without_the_feature_profile_it_is_not_supported() -> None:
    with smart_world(configuration={"SupportedFeatureProfiles": "Core"}) as world:
        world.register()
        assert install(world) == "NotSupported"
        assert ask(world, "GetCompositeSchedule", connectorId=1, duration=9) == {"status": "Rejected"}


@pytest.mark.parametrize(
    ("criteria", "left"),
    [
        ({}, set()),
        ({"id": 2}, {1, 3, 4}),
        ({"id": 2, "stackLevel": 9}, {1, 3, 4}),
        ({"connectorId": 0}, {2, 4}),
        ({"chargingProfilePurpose": "TxDefaultProfile"}, {3}),
        ({"stackLevel": 5}, {1, 2, 3}),
        ({"connectorId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile"}, {1, 3, 4}),
        ({"connectorId": 2}, None),
        ({"id": 9}, None),
    ],
)
def test_profiles_are_cleared_by_what_they_match(criteria: dict[str, Any], left: set[int] | None) -> None:
    with smart_world() as world:
        world.register()
        install(world, 0, chargingProfileId=1)
        install(world, 1, chargingProfileId=2)
        install(world, 0, chargingProfileId=3, **whole(world, 9000))
        install(world, 1, chargingProfileId=4, stackLevel=5)
        expected = "Unknown" if left is None else "Accepted"
        assert ask(world, "ClearChargingProfile", **criteria) == {"status": expected}
        for each in (1, 2, 3, 4):
            known = "Accepted" if left is None or each in left else "Unknown"
            assert ask(world, "ClearChargingProfile", id=each) == {"status": known}


def test_a_composite_schedule_is_the_least_of_all_limits() -> None:
    with smart_world() as world:
        world.register()
        assert composite(world) == [(0, 11_000)]
        periods = [{"startPeriod": 0, "limit": 32}, {"startPeriod": 20, "limit": 8}]
        install(world, schedule={"chargingRateUnit": "A", "chargingSchedulePeriod": periods, "duration": 60})
        assert composite(world) == [(0, 11_000), (20, 5_520), (60, 11_000)]
        install(world, 0, chargingProfileId=2, **whole(world, 7000))
        assert composite(world) == [(0, 7_000), (20, 5_520), (60, 7_000)]
        assert composite(world, chargingRateUnit="A") == [(0, 10.1), (20, 8.0), (60, 10.1)]
        assert composite(world, connector=0) == [(0, 7_000)]
        assert composite(world, duration=20) == [(0, 7_000)]


def test_a_composite_schedule_names_its_start_and_its_phases() -> None:
    with smart_world(supply="AC1") as world:
        world.register()
        answer = ask(world, "GetCompositeSchedule", connectorId=1, duration=60, chargingRateUnit="A")
        assert answer["scheduleStart"] == world.fleet.timestamp(world.clock()).decode()
        periods = [{"startPeriod": 0, "limit": 47.8, "numberPhases": 1}]
        assert answer["chargingSchedule"] == {
            "duration": 60,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": periods,
        }


@pytest.mark.parametrize("request_", [{"connectorId": 3, "duration": 9}, {"connectorId": 1, "duration": 0}])
def test_a_composite_schedule_of_nothing_is_rejected(request_: dict[str, int]) -> None:
    with smart_world() as world:
        world.register()
        assert ask(world, "GetCompositeSchedule", **request_) == {"status": "Rejected"}


def test_direct_current_is_limited_in_watts() -> None:
    with smart_world(supply="DC", voltage_v=400.0) as world:
        world.register()
        amperes = {"chargingRateUnit": "A"}
        assert install(world, schedule=amperes) == "Rejected"
        assert install(world) == "Accepted"
        assert composite(world) == [(0, 4_000)]
        answer = ask(world, "GetCompositeSchedule", connectorId=1, duration=9, **amperes)
        assert answer == {"status": "Rejected"}
