"""The ledgers of a run's classes: the same books, closed for the charge points of each class alone.

Every charge point is of one class and every message of one charge point, so that the classes' ledgers add up to the
run's, which is checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure import ledger as ledgers
from loadtest.measure.rows import merge_rows
from loadtest.measure.transaction_ledger import settle_transactions
from loadtest.scenario.fleet_classes import BEYOND_FLEET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from loadtest.measure.histogram import Histogram
    from loadtest.measure.interval import ChargePointWindow, SentCounts
    from loadtest.measure.ledger import Ledger
    from loadtest.measure.link_cuts import InFlight
    from loadtest.measure.settled_transactions import SettledTransactions
    from loadtest.measure.sources import Source
    from loadtest.measure.tags import Tag
    from loadtest.scenario.fleet_classes import FleetClasses

_ADDED_UP = ("offered", "dropped", "sent", "answered", "call_error", "timed_out", "cut_off", "link_cut", "unfinished")
_TRANSACTIONS = ("started", "stopped", "complete", "flawed", "lost", "duplicated", "reordered", "late", "pending")


class ClassLedgers:
    """Closes the books of classes.

    Args:
        classes: What charge points are told apart by.
        sources: Every process that took part.
        samples: By class and series.
        in_flight: What was under way when links were cut.
        named: Every engine and subscriber has sent its final report.
    """

    def __init__(
        self,
        classes: FleetClasses,
        sources: Sequence[Source],
        samples: Mapping[str, Mapping[Tag, Histogram]],
        in_flight: Sequence[InFlight],
        *,
        named: bool,
    ) -> None:
        self._classes = classes
        self._sources = sources
        self._samples = samples
        self._in_flight = in_flight
        self._named = named
        self._observed = any(source.role == "subscriber" for source in sources)

    def settle(
        self,
        whole: Ledger,
        transactions: SettledTransactions | None,
        started: Callable[[str], int],
        phases: Sequence[str],
    ) -> None:
        """Put the classes' ledgers into the run's, and say what does not add up.

        Args:
            whole: The run's, closed.
            transactions: What both ends have told of them; ``None``: there were none.
            started: Transactions begun, by the name of a class.
            phases: Names of the numbers in records.
        """
        if not any(source.classes for source in self._sources):
            return
        for name, charge_points in self._classes.spans():
            ledger = self._ledger(name, charge_points)
            if name == BEYOND_FLEET and not ledger.total.offered:
                continue
            if transactions is not None:
                own = transactions.of(charge_points, started(name))
                ledger.transactions = settle_transactions(own, phases)
                ledger.transactions.rows, ledger.transactions.flaws = [], []
                ledger.transactions.energy_checked = ledger.transactions.energy_backwards = None
            whole.unbalanced += [f"{name}: {sentence}" for sentence in ledger.unbalanced]
            whole.classes[name] = ledger
        whole.unbalanced += _not_added_up(whole)

    def _ledger(self, name: str, charge_points: range) -> Ledger:
        told = [source.classes[name] for source in self._sources if name in source.classes]
        counts = {tag: histogram.total for tag, histogram in self._samples.get(name, {}).items()}
        ledger = ledgers.settle(
            merge_rows(each.operations for each in told),
            merge_rows(each.deliveries for each in told),
            self._sent(charge_points),
            [self._seen(source, charge_points) for source in self._sources if source.role == "subscriber"],
            counts,
            [message for message in self._in_flight if message.charge_point in charge_points],
            observed=self._observed,
            named=self._named,
        )
        ledger.lost_messages, ledger.link_cut_messages = [], []  # named in the run's
        return ledger

    def _sent(self, charge_points: range) -> Iterator[SentCounts]:
        """A cohort is of one class."""
        return (counts for source in self._sources for counts in source.sent if counts.first in charge_points)

    @staticmethod
    def _seen(source: Source, charge_points: range) -> list[ChargePointWindow]:
        return [window for window in source.seen if window.charge_point in charge_points]


def _not_added_up(whole: Ledger) -> Iterator[str]:
    """One sentence for each figure of the run that is not the sum of its classes'."""
    parts = whole.classes.values()
    totals = [part.total for part in parts]
    for name in _ADDED_UP:
        yield from _differing(f"operations {name}", getattr(whole.total, name), [getattr(row, name) for row in totals])
    for name in ("delivered", "link_cut", "lost", "duplicated", "reordered"):
        yield from _differing(f"messages {name}", getattr(whole, name), [getattr(part, name) for part in parts])
    if whole.transactions is not None:
        flows = [part.transactions for part in parts if part.transactions is not None]
        for name in _TRANSACTIONS:
            figure = getattr(whole.transactions, name)
            yield from _differing(f"transactions {name}", figure, [getattr(flow, name) for flow in flows])


def _differing(what: str, whole: int, parts: list[int]) -> Iterator[str]:
    if whole != sum(parts):
        yield f"{what}: {whole} in all, {sum(parts)} in the classes together"
