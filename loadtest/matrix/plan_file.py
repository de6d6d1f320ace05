"""A plan for a matrix, read from TOML and checked as a whole: what can be told before anything starts is told at once.

::

    scenario = "steady"
    repeats = 5
    [settings]
    charge_points = 500
    [axes]
    qos = [0, 1, 2]
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from loadtest.errors import LoadTestError, UsageError
from loadtest.matrix.arms import crossed_arms, name_faults, program, written_arms
from loadtest.matrix.plan import Plan
from loadtest.matrix.resolved_arms import Common, resolved_arms
from loadtest.matrix.setting_values import settings_in, shown
from loadtest.runner import scenarios
from loadtest.scenario.settings_table import SETTINGS
from loadtest.scenario.suggestions import did_you_mean
from loadtest.units import seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from loadtest.matrix.arms import ArmRow
    from loadtest.matrix.setting_values import Value
    from loadtest.runner.scenarios import Scenario

KEYS = (
    *("description", "scenario", "repeats", "seed", "seeds", "order_seed", "pause", "baseline", "thresholds"),
    *("before", "before_timeout", "void_retries", "settings", "arm", "axes", "exclude"),
)
_BELOW = tuple(setting.name for setting in SETTINGS)
MOST_ARMS = 20
MOST_REPEATS = 1000
MOST_RETRIES = 10
_BEFORE_TIMEOUT_S = 60.0


def read_plan(path: Path, name: str = "") -> Plan:
    """Read a plan and check it as a whole.

    Args:
        path: Its file.
        name: What it is called; the file's name without its ending when left out.

    Raises:
        UsageError: With every fault found, each with its place in the plan.
    """
    try:
        text = path.read_text(encoding="utf-8")
        plain = tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"cannot read the plan {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"the plan {path} is not TOML: {error}") from None
    reader = _Reader(plain)
    plan = reader.plan(name or path.stem, text)
    if reader.faults or plan is None:
        told = [f"{path}: {fault}" for fault in dict.fromkeys(reader.faults)]
        raise UsageError(told, hint="docs/matrix.md says what a plan may contain")
    return plan


class _Reader:
    """Reads one plan; what is wrong gathers in ``faults``."""

    def __init__(self, plain: Mapping[str, Any]) -> None:
        self.faults = [
            f"{key}: {_meant_below(key) or f'there is no such thing in a plan{did_you_mean(key, (*KEYS, *_BELOW))}'}"
            for key in plain
            if key not in KEYS
        ]
        self._plain = plain

    def plan(self, name: str, text: str) -> Plan | None:
        """The plan; ``None``, or of no use, when there are faults."""
        scenario = self._scenario()
        repeats, seeds = self._repeats()
        common = self._common()
        rows = self._rows()
        order_seed = self._whole("order_seed", seeds[0] if seeds else 1, 0, 2**63)
        pause_s = self._read("pause", 0.0, _time)
        before_timeout_s = self._read("before_timeout", _BEFORE_TIMEOUT_S, _time)
        before = program(self._plain["before"], "before", self.faults) if "before" in self._plain else ()
        void_retries = self._whole("void_retries", 1, 0, MOST_RETRIES)
        baseline = self._baseline([row.name for row in rows])
        description = self._read("description", "", _text)
        shared = {"threshold": "the plan's"} if "thresholds" in self._plain else {}
        arms = resolved_arms(rows, Common(scenario, common, shared, before), seeds, self.faults)
        if scenario is None or self.faults:
            return None
        return Plan(
            name=name,
            text=text,
            description=description,
            scenario=scenario,
            seeds=tuple(seeds[:repeats]),
            order_seed=order_seed,
            pause_s=pause_s,
            before_timeout_s=before_timeout_s,
            void_retries=void_retries,
            baseline=baseline,
            common=shown(common),
            arms=arms,
        )

    def _read(self, key: str, default: Any, read: Callable[[Any], Any]) -> Any:
        """A value; its default when it is missing, or wrong."""
        if key not in self._plain:
            return default
        try:
            return read(self._plain[key])
        except ValueError as error:
            self.faults.append(f"{key}: {error}")
            return default

    def _whole(self, key: str, default: int, low: int, high: int) -> int:
        def read(raw: Any) -> int:
            if not isinstance(raw, int) or isinstance(raw, bool) or not low <= raw <= high:
                raise ValueError(f"{raw!r} is no whole number from {low} to {high}")
            return raw

        value: int = self._read(key, default, read)
        return value

    def _scenario(self) -> Scenario | None:
        wanted = self._read("scenario", None, _text)
        if not wanted:
            if "scenario" not in self._plain:
                self.faults.append('scenario: there is none; write for example scenario = "steady"')
            return None
        try:
            return scenarios.find(wanted)
        except LoadTestError as error:
            self.faults += [f"scenario: {fault}" for fault in error.faults]
            return None

    def _repeats(self) -> tuple[int, list[int]]:
        """How many repeats, and the seed of each."""
        repeats = self._whole("repeats", 5, 1, MOST_REPEATS)
        if "seeds" not in self._plain:
            first = self._whole("seed", 1, 0, 2**63)
            return repeats, list(range(first, first + repeats))
        seeds: list[int] = self._read("seeds", [1], _seeds)
        if "seed" in self._plain:
            self.faults.append("seed: there are seeds as well: leave one")
        if "repeats" in self._plain and repeats != len(seeds):
            self.faults.append(
                f"seeds: there are {len(seeds)} for {repeats} repeats; one for each, or leave repeats out"
            )
        return len(seeds), seeds

    def _common(self) -> dict[str, Value]:
        common = settings_in(self._table("settings"), "[settings]", self.faults)
        if "thresholds" in self._plain:
            if "threshold" in common:
                self.faults.append("thresholds: they stand in [settings] as well: leave one")
            common |= settings_in({"thresholds": self._plain["thresholds"]}, "the plan's", self.faults)
        return common

    def _rows(self) -> list[ArmRow]:
        """The arms as written."""
        before = len(self.faults)
        written, axes, exclude = self._tables("arm"), self._table("axes"), self._tables("exclude")
        if len(self.faults) > before:
            return []
        if bool(written) == bool(axes):
            both = "there are [[arm]] and [axes]: leave one" if written else "there are none"
            self.faults.append(f"arms: {both}; each is an [[arm]] with a name, or all come from [axes]")
            return []
        if exclude and not axes:
            self.faults.append("exclude: takes combinations from [axes], and there are none; leave the arm out")
        rows = written_arms(written, self.faults) if written else crossed_arms(axes, exclude, self.faults)
        self.faults += name_faults(rows)
        if len(self.faults) == before and not 2 <= len(rows) <= MOST_ARMS:
            why = "one is a set of repeats: loadtest run --repeat" if len(rows) == 1 else "more cannot be told apart"
            self.faults.append(f"arms: there are {len(rows)}, but a matrix has 2 to {MOST_ARMS}; {why}")
        return rows

    def _baseline(self, names: list[str]) -> str:
        wanted: str = self._read("baseline", "", _text)
        if wanted and names and wanted not in names:
            there = did_you_mean(wanted, names) or f"; there are {', '.join(names)}"
            self.faults.append(f"baseline: no arm is named {wanted!r}{there}")
        return wanted

    def _table(self, key: str) -> Mapping[str, Any]:
        table = self._plain.get(key, {})
        if not isinstance(table, dict):
            self.faults.append(f"{key}: must be a table, [{key}]")
            return {}
        return table

    def _tables(self, key: str) -> list[dict[str, Any]]:
        tables = self._plain.get(key, [])
        if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
            self.faults.append(f"{key}: each must be a table, [[{key}]]")
            return []
        return tables


def _text(raw: Any) -> str:
    if not isinstance(raw, str):
        raise ValueError(f"{raw!r} is no text")  # noqa: TRY004 - what is gathered as a fault
    return raw.strip()


def _time(raw: Any) -> float:
    if isinstance(raw, bool) or not isinstance(raw, (str, int, float)):
        raise ValueError(f"{raw!r} is no time; write for example 5s")  # noqa: TRY004 - as above
    return seconds(raw)


def _seeds(raw: Any) -> list[int]:
    if not isinstance(raw, list) or not raw or any(not isinstance(seed, int) or isinstance(seed, bool) for seed in raw):
        raise ValueError("must be whole numbers, one for each repeat, such as [1, 2, 3]")
    if len(set(raw)) < len(raw) or len(raw) > MOST_REPEATS:
        raise ValueError(f"must be different, and at most {MOST_REPEATS}: repeats of one seed have the same load")
    return list(raw)


def _meant_below(key: str) -> str:
    """Where a setting belongs that stands at the top of a plan."""
    return "is a setting; it stands under [settings]" if key in _BELOW else ""
