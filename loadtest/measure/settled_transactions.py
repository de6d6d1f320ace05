"""What both ends have told of transactions, put together: of a whole run, or of some of its charge points."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from loadtest.measure.transaction_records import DTYPE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


def _none() -> NDArray[np.void]:
    return np.zeros(0, DTYPE)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SettledTransactions:
    """The transactions of a run, and their remarkable sendings as arrays of ``DTYPE``.

    Attributes:
        started: Transactions begun.
        stopped: Those that are over: charge point above 32 bits of its own count.
        observed: Subscribers have told everything; else nothing below is known.
        sent_and_arrived: Those that arrived, though not answered or not the first of their message.
        sent_in_vain: Those that never arrived.
        fates: Messages that were not sent, or not again.
        duplicated: One for each further arrival.
        reordered: Those that arrived after a later one of the same charge point.
        unnamed_duplicates: Repeated arrivals of messages too old to be remembered, by charge point.
        unexplained: Arrivals no engine has told of; of the whole run only.
    """

    started: int
    stopped: NDArray[np.uint64]
    observed: bool = False
    sent_and_arrived: NDArray[np.void] = dataclasses.field(default_factory=_none)
    sent_in_vain: NDArray[np.void] = dataclasses.field(default_factory=_none)
    fates: NDArray[np.void] = dataclasses.field(default_factory=_none)
    duplicated: NDArray[np.void] = dataclasses.field(default_factory=_none)
    reordered: NDArray[np.void] = dataclasses.field(default_factory=_none)
    unnamed_duplicates: Mapping[int, int] = dataclasses.field(default_factory=dict)
    unexplained: int = 0

    def of(self, charge_points: range, started: int) -> SettledTransactions:
        """Of some charge points only, which have begun ``started`` of the transactions."""

        def within(records: NDArray[np.void]) -> NDArray[np.void]:
            numbers = records["charge_point"]
            return records[(numbers >= charge_points.start) & (numbers < charge_points.stop)]

        numbers = self.stopped >> np.uint64(32)
        return SettledTransactions(
            started=started,
            stopped=self.stopped[(numbers >= charge_points.start) & (numbers < charge_points.stop)],
            observed=self.observed,
            sent_and_arrived=within(self.sent_and_arrived),
            sent_in_vain=within(self.sent_in_vain),
            fates=within(self.fates),
            duplicated=within(self.duplicated),
            reordered=within(self.reordered),
            unnamed_duplicates={
                number: count for number, count in self.unnamed_duplicates.items() if number in charge_points
            },
        )
