"""What a picture of the report is: words, and Plotly figures of data and layout only.

Colours are names (``@ink``); the page puts in those of its theme, and again when the theme changes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable

COLOURS = 8
"""Series colours a theme has: ``@series-0`` and so on."""

_US_PER_MS = 1000
_NINES = (0, 50, 90, 99, 99.9, 99.99, 99.999, 99.9999)


class Variant(TypedDict):
    """One figure, and what it is of by the names of the choices that lead to it."""

    choice: dict[str, str]
    data: list[dict[str, Any]]
    layout: dict[str, Any]


class Chart(TypedDict):
    """One picture: where it stands, what it shows in words, and its figures.

    With several variants readers choose which one they see; ``start`` is the first. ``of`` names the picture whose
    variants are shown, mostly its own. ``linked``: it has the time axis that all such pictures share.
    """

    id: str
    section: str
    title: str
    caption: str
    linked: bool
    of: str
    start: int
    variants: list[Variant]


def picture(
    name: str, section: str, title: str, caption: str, variants: list[Variant], *, linked: bool = False
) -> Chart:
    """One picture with variants of its own, of which the first is shown."""
    return {
        "id": name,
        "section": section,
        "title": title,
        "caption": caption,
        "linked": linked,
        "of": name,
        "start": 0,
        "variants": variants,
    }


def latency_axis(values_ms: Iterable[float | None], title: str) -> dict[str, Any]:
    """A logarithmic axis, with as many steps in a decade as there is room for."""
    present = [value for value in values_ms if value]
    if not present:
        return {"title": {"text": title}}
    low, high = math.log10(min(present)), math.log10(max(present))
    ticks = log_ticks(low, high)
    return {
        "type": "log",
        "title": {"text": title},
        "range": [low - 0.08, high + 0.12],
        "tickvals": ticks,
        "ticktext": [f"{tick:,g}" for tick in ticks],
    }


def percentile_axis(largest: float) -> dict[str, Any]:
    """The axis of ``1 / (1 - p)``, named by percentiles, up to the largest value there is."""
    return {
        "type": "log",
        "title": {"text": "percentile"},
        "tickvals": [1 / (1 - percent / 100) for percent in _NINES],
        "ticktext": [f"{percent:g} %" for percent in _NINES],
        "range": [0, math.log10(max(largest, 2)) + 0.05],
    }


def log_ticks(low: float, high: float) -> list[float]:
    """Ticks of a logarithmic axis between two decimal logarithms, as many as there is room for."""
    bases: tuple[float, ...] = (1,)
    if high - low < 2.2:
        bases = (1, 2, 5) if high - low > 0.9 else (1, 1.5, 2, 3, 4, 6, 8)
    return [base * 10.0**power for power in range(-3, 6) for base in bases]


def in_ms(values_us: Iterable[int]) -> list[float]:
    """Microseconds in milliseconds."""
    return [value_us / _US_PER_MS for value_us in values_us]
