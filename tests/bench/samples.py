"""Figures over the rounds of a benchmark: median, range, and the budget they are held against."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


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

    def table(self, title: str, budgets: Sequence[Budget]) -> Table:
        """Median and range of each figure, with its budget where it has one."""
        limits = {budget.name: budget for budget in budgets}
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
        table.add_column("figure", no_wrap=True)
        for heading in ("median", "range", "budget"):
            table.add_column(heading, justify="right", no_wrap=True)
        for sample in self:
            budget = limits.get(sample.name)
            verdict = "" if budget is None else f"{budget.limit:,g}{'' if budget.met(self) else ' EXCEEDED'}"
            style = None if budget is None else "green" if budget.met(self) else "bold red"
            span = f"{_figure(min(sample.rounds))} … {_figure(max(sample.rounds))}"
            table.add_row(sample.name, f"{_figure(sample.median)} {sample.unit}", span, verdict, style=style)
        return table


@dataclass(frozen=True, slots=True)
class Budget:
    """The most a figure's median may be."""

    name: str
    limit: float

    def met(self, samples: Samples) -> bool:
        """Whether it was kept to."""
        return samples[self.name].median <= self.limit

    def public(self, samples: Samples) -> dict[str, Any]:
        """As it is written to the record."""
        return {"name": self.name, "limit": self.limit, "met": self.met(samples)}


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
