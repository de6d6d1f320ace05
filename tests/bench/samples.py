"""Figures over the rounds of a benchmark: median, range, and the budget they are held against."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure, once per round."""

    name: str
    unit: str
    rounds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The figure to quote."""
        return statistics.median(self.rounds)

    def public(self) -> dict[str, Any]:
        """As it is written to the record."""
        return {"name": self.name, "unit": self.unit, "median": self.median, "rounds": self.rounds}


class Samples:
    """All figures, in the order they were first measured."""

    def __init__(self) -> None:
        self._samples: dict[str, Sample] = {}

    def __iter__(self) -> Iterator[Sample]:
        return iter(self._samples.values())

    def __contains__(self, name: str) -> bool:
        return name in self._samples

    def __getitem__(self, name: str) -> Sample:
        return self._samples[name]

    def add(self, name: str, unit: str, value: float) -> None:
        """Add this round's value of a figure."""
        self._samples.setdefault(name, Sample(name, unit)).rounds.append(value)

    def table(self, title: str, budgets: Sequence[Budget], last: Mapping[str, float]) -> Table:
        """Median and range of each figure, with its budget where it has one, and its last median where it is known."""
        limits = {budget.name: budget for budget in budgets}
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
        table.add_column("figure", no_wrap=True)
        for heading in ("median", "range", "budget", "last"):
            table.add_column(heading, justify="right", no_wrap=True)
        for sample in self:
            budget = limits.get(sample.name)
            verdict = "" if budget is None else f"{budget}{'' if budget.met(self) else ' MISSED'}"
            style = None if budget is None else "green" if budget.met(self) else "bold red"
            span = f"{_figure(min(sample.rounds))} … {_figure(max(sample.rounds))}"
            before = last.get(sample.name)
            change = f"{_figure(before)} ({sample.median / before - 1:+.0%})" if before else ""
            table.add_row(sample.name, f"{_figure(sample.median)} {sample.unit}", span, verdict, change, style=style)
        return table


@dataclass(frozen=True, slots=True)
class Budget:
    """The most a figure's median may be, or the least."""

    name: str
    limit: float
    at_least: bool = False

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:,g}"

    def met(self, samples: Samples) -> bool:
        """Whether it was kept to."""
        median = samples[self.name].median
        return median >= self.limit if self.at_least else median <= self.limit

    def public(self, samples: Samples) -> dict[str, Any]:
        """As it is written to the record."""
        return {"name": self.name, "limit": self.limit, "at_least": self.at_least, "met": self.met(samples)}


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
