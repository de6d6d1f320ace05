"""A fleet from a scenario's classes to Locust's workers: planned, started, checked against the descriptors."""

from __future__ import annotations

import re
import runpy
from collections import Counter
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from locust.runners import WorkerNode
from msgspec.structs import replace

from loadtest.capacity.limit import DESCRIPTORS
from loadtest.errors import EnvironmentNotReady, UsageError
from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber, MqttChargePointFleet, wire
from loadtest.locust_plugin.dispatcher import PlannedDispatcher, in_rounds
from loadtest.locust_plugin.fleet import fleet_classes, parts_of, plan_fleet, users_of
from loadtest.locust_plugin.limits import SPARE_DESCRIPTORS, check_descriptors
from loadtest.locust_plugin.run_parts import RunParts
from loadtest.locust_plugin.scenario_check import check_scenario
from loadtest.scenario.commands import CommandLoad
from loadtest.scenario.faults import Pause
from loadtest.scenario.links import LinkModel
from loadtest.scenario.mix import Allotment, cut_into
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locust.runners import LocalRunner


class Kerb(ChargePointFleet):
    weight = 9


class Motorway(ChargePointFleet):
    weight = 1
    profile = ChargePointProfile(id_prefix="dc-", model="DC-150")


class System(CsmsSubscriber):
    pass


class Modern(MqttChargePointFleet):
    weight = 1


CLASSES: list[Any] = [Motorway, System, Kerb]


# Planning -------------------------------------------------------------------------------------------------------------


def test_nine_to_one_of_two_thousand() -> None:
    settings = resolve({"charge_points": 2000})
    fleet = plan_fleet(CLASSES, settings, 1, None)
    assert users_of(fleet, settings) == 4
    kerb, motorway = parts_of(fleet, CLASSES, settings)
    assert (str(kerb), str(motorway)) == ("1,800 Kerb in 2 cohorts", "200 Motorway in 1 cohort")
    assert (kerb.first_id, kerb.last_id) == ("cp-000000", "cp-001799")
    assert (motorway.first_id, motorway.last_id, motorway.model) == ("dc-001800", "dc-001999", "DC-150")
    assert plan_fleet(CLASSES, settings, 1, 4) == fleet, "the same number of users, given"
    assert [share.cohorts for share in plan_fleet(CLASSES, settings, 1, 11)] == [9, 1]


def test_the_mixed_fleet_of_the_documents_is_what_they_say() -> None:
    text = (Path(__file__).parents[4] / "docs" / "scenarios.md").read_text()
    source = re.findall(r"```python\n(.*?)```", text.partition("## Mixed fleets")[2], re.DOTALL)[0]
    scope: dict[str, Any] = {"__name__": "documented"}
    exec(source, scope)
    classes = [each for each in scope.values() if getattr(each, "__module__", "") == "documented"]
    settings = resolve({"charge_points": 2002})
    check_scenario(classes, settings)
    parts = parts_of(plan_fleet(classes, settings, 1, None), classes, settings)
    assert [(part.name, part.charge_points) for part in parts] == [("Kerb", 1800), ("Motorway", 200), ("Watched", 2)]
    assert [part.first_id for part in parts] == ["cp-000000", "dc-001800", "watched-002000"]


def test_the_fleet_on_both_paths_of_the_documents_can_be_run() -> None:
    text = (Path(__file__).parents[4] / "docs" / "ocpp-over-mqtt.md").read_text()
    (source,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    scope: dict[str, Any] = {"__name__": "documented"}
    exec(source, scope)
    classes = [each for each in scope.values() if getattr(each, "__module__", "") == "documented"]
    settings = resolve({"charge_points": 400})
    check_scenario(classes, settings)
    parts = parts_of(plan_fleet(classes, settings, 1, None), classes, settings)
    assert [(part.charge_points, part.path) for part in parts] == [(300, "gateway"), (100, "direct")]


def test_each_class_takes_its_path_and_the_rest_that_of_the_settings() -> None:
    classes = [Modern, System, Kerb]
    for path, expected in (
        ("gateway", {"Modern": "direct", "Kerb": "gateway"}),
        ("direct", {"Modern": "direct", "Kerb": "direct"}),
    ):
        settings = resolve({"charge_points": 20, "path": path})
        check_scenario(classes, settings)
        parts = parts_of(plan_fleet(classes, settings, 1, None), classes, settings)
        assert {part.name: part.path for part in parts} == expected


def test_a_path_there_is_not_and_settings_of_one_nobody_takes_are_told_at_once() -> None:
    class Odd(ChargePointFleet):
        path = "tunnel"

    class Faulty(CsmsSubscriber):
        faults = (Pause(name="pause", part="gateway", at_s=2, duration_s=2),)

    settings = resolve({"status_topic": "s/${cid}", "gateway_processes": 2})
    for classes, named in (([Odd, Faulty], ["Odd.path"]), ([Modern, Faulty], ["--gateway-processes", "faults"])):
        with pytest.raises(UsageError) as caught:
            check_scenario(classes, settings)
        assert sorted(fault.partition(":")[0] for fault in caught.value.faults) == named


@pytest.mark.parametrize("users", [1, 2, 13])
def test_too_few_or_too_many_users_for_the_classes_are_told_so(users: int) -> None:
    with pytest.raises(UsageError) as refused:
        plan_fleet(CLASSES, resolve({"charge_points": 10}), 1, users)
    assert re.search(
        r"--users: .* 10 charge points of 2 classes \(Kerb, Motorway\) need 2 to 10", refused.value.message
    )
    assert "leave --users out" in refused.value.hint


# Starting -------------------------------------------------------------------------------------------------------------


def dispatched(dispatcher: PlannedDispatcher, users: int) -> dict[str, Counter[str]]:
    """Users of each class on each worker after Locust has been told how many there are to be."""
    dispatcher.new_dispatch(users, 1000)
    last: Mapping[str, Mapping[str, int]] = {}
    for last in dispatcher:  # noqa: B007 - only where it ends is of interest
        pass
    return {worker: Counter(counts) for worker, counts in last.items()}


def dispatcher(planned: dict[str, int], workers: int) -> PlannedDispatcher:
    nodes = [WorkerNode(f"host_{number}") for number in range(workers)]
    System.fixed_count = planned["System"]
    groups = [{"System": planned["System"]}, {name: count for name, count in planned.items() if name != "System"}]
    return partial(PlannedDispatcher, planned=lambda: groups)(worker_nodes=nodes, user_classes=CLASSES)


@given(st.integers(1, 6), st.integers(1, 3), st.integers(2, 5000))
def test_locust_starts_what_is_planned_with_the_same_mix_on_each_worker(
    workers: int, subscribers: int, charge_points: int
) -> None:
    settings = resolve({"charge_points": charge_points, "subscribers": subscribers})
    fleet = plan_fleet(CLASSES, settings, workers, None)
    planned = {"System": subscribers} | {share.name: share.cohorts for share in fleet}
    on_workers = dispatched(dispatcher(planned, workers), users_of(fleet, settings))
    assert sum(on_workers.values(), Counter()) == planned
    for name in planned:
        numbers = [counts[name] for counts in on_workers.values()]
        assert max(numbers) - min(numbers) <= 1


def test_users_added_during_a_run_come_by_weight_and_those_taken_off_come_back() -> None:
    planned = {"System": 1, "Kerb": 9, "Motorway": 3}
    deals = dispatcher(planned, 2)
    assert sum(dispatched(deals, 13).values(), Counter()) == planned
    assert sum(dispatched(deals, 23).values(), Counter()) == {"System": 1, "Kerb": 18, "Motorway": 4}
    fewer = sum(dispatched(deals, 8).values(), Counter())
    assert fewer["System"] == 1
    assert fewer["Motorway"] in (1, 2)
    assert sum(dispatched(deals, 13).values(), Counter()) == planned


def test_a_lost_workers_users_go_to_those_left() -> None:
    planned = {"System": 1, "Kerb": 8, "Motorway": 4}
    deals = dispatcher(planned, 4)
    dispatched(deals, 13)
    deals.remove_worker(WorkerNode("host_3"))
    on_workers = dispatched(deals, 13)
    assert sorted(on_workers) == ["host_0", "host_1", "host_2"]
    assert sum(on_workers.values(), Counter()) == planned


@given(st.dictionaries(st.sampled_from("ABC"), st.integers(0, 30)), st.integers(1, 7))
def test_rounds_name_everybody_as_often_as_asked(counts: dict[str, int], workers: int) -> None:
    assert Counter(in_rounds(counts, workers)) == Counter({name: count for name, count in counts.items() if count})


NO_LOCUST: dict[str, Any] = {"stats": None, "environment": SimpleNamespace(parsed_options=SimpleNamespace())}


def test_cohorts_are_given_by_class_and_subscribers_up_to_their_number() -> None:
    sent: list[dict[str, Any]] = []
    runner = SimpleNamespace(
        **NO_LOCUST, send_message=lambda name, data, client_id: sent.append({"name": name, "to": client_id} | data)
    )
    parts = RunParts(_as_runner(runner), None, 1, Allotment(cut_into({"A": 18, "B": 2}, 3)), lambda _: None, Path())  # type: ignore[arg-type]
    asks = [(wire.COHORT, "B"), (wire.SUBSCRIBER, ""), (wire.COHORT, "A"), (wire.SUBSCRIBER, "")]
    for token, (role, fleet_class) in enumerate(asks):
        data = {"role": role, "token": token, "fleet_class": fleet_class}
        parts.take(SimpleNamespace(type=wire.ASK, data=data, node_id="w"))  # type: ignore[arg-type]
    heading = {"name": wire.GRANT, "to": "w"}
    assert sent == [
        heading | {"role": wire.COHORT, "token": 0, "first": 18, "count": 2},
        heading | {"role": wire.SUBSCRIBER, "token": 1, "number": 0},
        heading | {"role": wire.COHORT, "token": 2, "first": 0, "count": 9},
    ], "the broker serves one subscriber"


def test_a_subscriber_that_asks_while_another_is_answered_gets_a_place_of_its_own() -> None:
    """A LocalRunner answers by a call, in which the one answered starts a process and others have their turn."""
    numbers: list[int] = []
    ask = SimpleNamespace(type=wire.ASK, data={"role": wire.SUBSCRIBER, "token": 0}, node_id="local")

    def answer(name: str, data: dict[str, Any], client_id: str | None) -> None:
        if len(numbers) < 2:
            numbers.append(data["number"])
            parts.take(ask)  # type: ignore[arg-type]

    runner = _as_runner(SimpleNamespace(**NO_LOCUST, send_message=answer))
    parts = RunParts(runner, None, 1, Allotment(cut_into({"A": 1}, 1)), lambda _: None, Path())  # type: ignore[arg-type]
    parts.subscribers = 2
    parts.take(ask)  # type: ignore[arg-type]
    assert numbers == [0, 1]


def _as_runner(runner: Any) -> LocalRunner:
    return runner  # type: ignore[no-any-return]


# Descriptors ----------------------------------------------------------------------------------------------------------


def refusal(classes: list[Any], limit: int, **settings: int) -> EnvironmentNotReady | None:
    resolved = resolve({"charge_points": 2000, **settings})
    fleet = plan_fleet(classes, resolved, 1, None)
    try:
        check_descriptors(resolved, fleet, 1, fleet_classes(classes), limit)
    except EnvironmentNotReady as error:
        return error
    return None


@given(st.integers(SPARE_DESCRIPTORS + 30, 3000), st.integers(2, 4000))
def test_the_engines_it_proposes_are_enough_and_not_one_too_many(limit: int, charge_points: int) -> None:
    error = refusal(CLASSES, limit, charge_points=charge_points)
    if error is None:
        assert charge_points <= limit - SPARE_DESCRIPTORS
        return
    assert DESCRIPTORS in error.message, "by these words a search for capacity knows it"
    found = re.search(r"use --engines (\d+)", error.hint)
    assert found is not None
    engines = int(found[1])
    assert refusal(CLASSES, limit, charge_points=charge_points, engines=engines) is None
    assert refusal(CLASSES, limit, charge_points=charge_points, engines=engines - 1) is not None


def test_a_charge_point_whose_link_can_be_half_open_counts_twice() -> None:
    class Rural(ChargePointFleet):
        profile = ChargePointProfile(link=LinkModel(half_open_weight=1))

    class Told(ChargePointFleet):
        profile = replace(Rural.profile, link=LinkModel(half_open_weight=0))

    assert refusal([Told, System], SPARE_DESCRIPTORS + 2000) is None
    assert refusal([Rural, System], SPARE_DESCRIPTORS + 4000) is None
    error = refusal([Rural, System], SPARE_DESCRIPTORS + 3999)
    assert error is not None
    assert "not 4,000, two for each whose link can be half-open" in error.message
    half = refusal([Rural, Told, System], SPARE_DESCRIPTORS + 2999)
    assert half is not None
    assert "not 3,000" in half.message


def test_no_number_of_engines_helps_when_there_is_no_room_at_all() -> None:
    error = refusal(CLASSES, SPARE_DESCRIPTORS)
    assert error is not None
    assert error.hint == "raise the limit (ulimit -Hn)"


# What classes say -----------------------------------------------------------------------------------------------------


def test_faults_of_all_classes_are_told_at_once_each_with_its_class() -> None:
    class Home(ChargePointFleet):
        profile: ClassVar[Any] = {"connectors": 2}

    class Yard(ChargePointFleet):
        profile = ChargePointProfile(connectors=99, power_w=-1)

    class Attic(ChargePointFleet):
        profile = ChargePointProfile(link={"mean_up_s": 5})  # type: ignore[arg-type]

    class Asking(CsmsSubscriber):
        commands: ClassVar[Any] = ["Reset"]

    with pytest.raises(UsageError) as refused:
        check_scenario([Home, Attic, Yard, Kerb, Asking], resolve({}))
    assert refused.value.faults[0] == "Home.profile: must be a ChargePointProfile(…)"
    assert refused.value.faults[1].startswith("Attic.profile.link: ")
    assert [fault.split(": ")[0] for fault in refused.value.faults[2:]] == [
        "Yard.profile.connectors",
        "Yard.profile.power_w",
        "commands",
    ]


@pytest.mark.parametrize(("field", "value"), [("weight", "3"), ("weight", -1), ("fixed_count", None)])
def test_what_locust_cannot_weigh_is_told_by_class_and_field(field: str, value: object) -> None:
    with pytest.raises(UsageError, match=rf"^Odd.{field}: .* is no number from 0$"):
        type("Odd", (ChargePointFleet,), {field: value})


@pytest.mark.parametrize("classes", [[Kerb], [System], [Kerb, System, CsmsSubscriber]])
def test_a_scenario_has_one_central_system_and_charge_points(classes: list[Any]) -> None:
    with pytest.raises(UsageError, match="one subclass of CsmsSubscriber and at least one of ChargePointFleet"):
        check_scenario(classes, resolve({}))


def test_what_only_looks_like_a_field_is_told_and_not_ignored() -> None:
    class Home(ChargePointFleet):
        profiles = ChargePointProfile()
        faults = ()
        wall_box = True

    class Slips(CsmsSubscriber):
        heartbeat_intervall_s = 5
        Faults = ()
        limit = None

    with pytest.raises(UsageError) as refused:
        check_scenario([Home, Slips], resolve({}))
    assert list(refused.value.faults) == [
        "Home.profiles: there is no such field; did you mean profile?",
        "Home.faults: belongs to the CsmsSubscriber",
        "Slips.heartbeat_intervall_s: there is no such field; did you mean heartbeat_interval_s?",
        "Slips.Faults: there is no such field; did you mean faults?",
        "Slips.limit: there is no such field; did you mean limits?",
    ]


def test_the_classes_as_they_are_can_be_run() -> None:
    check_scenario(CLASSES, resolve({}))
    assert System.commands == CommandLoad()


@pytest.mark.parametrize(
    "scenario", sorted((Path(__file__).parents[4] / "scenarios").glob("*.py")), ids=lambda at: at.stem
)
def test_the_scenarios_of_the_library_can_be_run(scenario: Path) -> None:
    classes = [
        each
        for each in runpy.run_path(str(scenario)).values()
        if isinstance(each, type)
        and issubclass(each, (ChargePointFleet, CsmsSubscriber))
        and not each.__module__.startswith("loadtest")
    ]
    check_scenario(classes, resolve({"duration": "20m"}))


def test_a_threshold_can_be_of_a_class_of_the_scenario_only() -> None:
    check_scenario([Modern, System, Kerb], resolve({"threshold": "lost class:Kerb < 1"}))
    with pytest.raises(UsageError) as caught:
        check_scenario([Modern, System, Kerb], resolve({"threshold": "lost class:Kreb < 1"}))
    (fault,) = caught.value.faults
    assert (
        fault == "threshold 'lost class:Kreb < 1': there is no class 'Kreb'; there are Modern, Kerb; did you mean Kerb?"
    )
