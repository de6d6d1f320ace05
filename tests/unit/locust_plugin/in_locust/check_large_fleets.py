"""The scenarios of ``make bench-fleet`` can be run with the settings it gives them."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber
from loadtest.locust_plugin.scenario_check import check_scenario
from loadtest.scenario.faults import timeline
from loadtest.scenario.resolve import resolve

if TYPE_CHECKING:
    import pytest

BENCH = Path(__file__).parents[4] / "tests" / "bench"


def test_they_are_as_they_are_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCH)
    cases = runpy.run_path(str(BENCH / "large_fleets.py"))["CASES"].values()
    for case in cases:
        scenario, _, *words = case.command(BENCH, "once")[4:]
        options: dict[str, Any] = {
            flag.removeprefix("--").replace("-", "_"): value
            for flag, value in zip(words[::2], words[1::2], strict=True)
        }
        made = runpy.run_path(scenario).values()
        declared = [each for each in made if isinstance(each, type) and each not in (ChargePointFleet, CsmsSubscriber)]
        users = [each for each in declared if issubclass(each, (ChargePointFleet, CsmsSubscriber))]
        check_scenario(users, resolve(options))
        (system,) = (each for each in users if issubclass(each, CsmsSubscriber))
        assert all(moment.at_s < case.duration_s for moment in timeline(system.faults))
