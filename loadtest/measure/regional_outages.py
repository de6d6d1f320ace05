"""Outages of whole regions: what the engines tell of them, each about its own charge points, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.run_events import REGION_BACK, REGION_DOWN, RunEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from loadtest.measure.interval import RegionalOutage

MOST = 10_000
"""Outages that are kept; of more there is no picture anyway."""


class RegionalOutages:
    """The outages of one run."""

    def __init__(self) -> None:
        self._found: dict[tuple[float, int], RegionalOutage] = {}

    def take(self, outages: Iterable[RegionalOutage]) -> None:
        """Take what an engine says of its charge points."""
        for outage in outages:
            known = self._found.get((outage.start_s, outage.region))
            if known is not None:
                known.charge_points += outage.charge_points
            elif len(self._found) < MOST:
                self._found[outage.start_s, outage.region] = outage

    def begun(self, now_s: float) -> list[RegionalOutage]:
        """Those that have begun; they end when their network comes back."""
        return [self._found[key] for key in sorted(self._found) if key[0] <= now_s]

    def until(self, end_s: float) -> list[RegionalOutage]:
        """All of them in order, as far as the run lasted."""
        found = [self._found[key] for key in sorted(self._found)]
        for outage in found:
            outage.end_s = min(outage.end_s, end_s)
        return found


def events(outages: Iterable[RegionalOutage], end_s: float) -> Iterator[RunEvent]:
    """When each began, and when it ended if the run had not."""
    for outage in outages:
        hit = f"region {outage.region}: {outage.charge_points:,} charge points"
        yield RunEvent(outage.start_s, REGION_DOWN, f"{hit} have no network", "links")
        if outage.end_s < end_s:
            yield RunEvent(outage.end_s, REGION_BACK, f"{hit} have their network back", "links")
