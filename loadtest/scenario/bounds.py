"""Bounds of thresholds: ``below(50, "ms")``, ``at_most(0)``, ``above(500, "/s")``."""

from __future__ import annotations

import operator
from typing import Literal

import msgspec

Relation = Literal["<", "<=", ">", ">="]
Unit = Literal["us", "ms", "s", "min", "%", "", "/s"]

US_PER = {"us": 1, "ms": 1_000, "s": 1_000_000, "min": 60_000_000}
"""The units of time."""

_HOLDS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def scaled(value: float, unit: str) -> float:
    """A time in µs, anything else as it is; 1.001 ms are 1001 µs, though 1.001 * 1000 is a little less."""
    return float(f"{value * US_PER.get(unit, 1):.12g}")


class Bound(msgspec.Struct, frozen=True):
    """A limit on a figure: ``Bound("<", 50, "ms")``; see :func:`below` and its like."""

    relation: Relation
    value: float
    unit: Unit = ""

    def __str__(self) -> str:
        return f"{self.relation} {self.value:.15g}{self.unit}"

    @property
    def upper(self) -> bool:
        """It limits from above."""
        return self.relation in ("<", "<=")

    def holds(self, value: float) -> bool:
        """Whether a figure keeps to it; a time is given in µs, everything else in the bound's own unit."""
        return bool(_HOLDS[self.relation](value, scaled(self.value, self.unit)))


def below(value: float, unit: Unit = "") -> Bound:
    """Less than."""
    return Bound("<", value, unit)


def at_most(value: float, unit: Unit = "") -> Bound:
    """Less than or equal to."""
    return Bound("<=", value, unit)


def above(value: float, unit: Unit = "") -> Bound:
    """More than."""
    return Bound(">", value, unit)


def at_least(value: float, unit: Unit = "") -> Bound:
    """More than or equal to."""
    return Bound(">=", value, unit)
