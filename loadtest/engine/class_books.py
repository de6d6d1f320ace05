"""The books of one class of charge points: every charge point has those of its class, chosen when it is made.

A fleet of one class has one set of books, which are those of the whole process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.engine.connect_legs import ConnectLegs
from loadtest.engine.fleet_counters import FleetCounters
from loadtest.engine.operations import Operations
from loadtest.engine.wire_bytes import WireBytes
from loadtest.measure.interval import ClassReport
from loadtest.measure.recorder import Recorder
from loadtest.measure.rows import merge_rows

if TYPE_CHECKING:
    from loadtest.engine.operations import PhaseClock
    from loadtest.measure.interval import OperationRow
    from loadtest.scenario.fleet_classes import FleetClasses


class ClassBooks:
    """What is counted and measured of the charge points of a class.

    Args:
        recorder: Takes their samples.
        phases: Which phase an instant belongs to.

    Attributes:
        connect_legs: How long they take to connect.
        counters: What happened to them besides their operations.
        registered_ever: How many have been registered.
        transactions_started: How many transactions have begun.
        wire_bytes: What their connections have carried.
    """

    __slots__ = (
        "connect_legs",
        "counters",
        "operations",
        "recorder",
        "registered_ever",
        "transactions_started",
        "wire_bytes",
    )

    def __init__(self, recorder: Recorder, phases: PhaseClock) -> None:
        self.recorder = recorder
        self.operations = Operations(recorder, phases)
        self.connect_legs = ConnectLegs(recorder, phases)
        self.counters = FleetCounters()
        self.wire_bytes = WireBytes()
        self.registered_ever = self.transactions_started = 0

    def count(self) -> dict[str, int]:
        """Running totals by the names they are reported under."""
        return self.counters.report() | self.wire_bytes.report()

    def report(self) -> ClassReport:
        """What has happened, with the samples since the last call."""
        return ClassReport(
            series=self.recorder.take_interval(),
            operations=self.operations.rows(),
            counters=self.count(),
            registered_ever=self.registered_ever,
            transactions_started=self.transactions_started,
        )


class FleetBooks:
    """The books of all classes of a process.

    Args:
        classes: What charge points are told apart by.
        recorder: Takes the samples where there is nothing to tell apart.
        phases: Which phase an instant belongs to.

    Attributes:
        whole: Of those whose class is not told; all of them where there is only one.
    """

    def __init__(self, classes: FleetClasses, recorder: Recorder, phases: PhaseClock) -> None:
        self._classes = classes
        self._phases = phases
        self.whole = ClassBooks(recorder, phases)
        self._of: dict[str, ClassBooks] = {}

    def of(self, number: int) -> ClassBooks:
        """The books of a charge point; made with the first of its class."""
        name = self._classes.of(number)
        if not name:
            return self.whole
        if name not in self._of:
            self._of[name] = ClassBooks(Recorder(), self._phases)
        return self._of[name]

    def operations(self) -> list[OperationRow]:
        """The operation ledger of the process so far."""
        return merge_rows(books.operations.rows() for books in self._all) if self._of else self.whole.operations.rows()

    def counters(self) -> dict[str, int]:
        """Running totals of the process by the names they are reported under."""
        totals = self.whole.count()
        for books in self._of.values():
            for name, count in books.count().items():
                totals[name] += count
        return totals

    @property
    def registered_ever(self) -> int:
        """How many charge points have been registered."""
        return sum(books.registered_ever for books in self._all)

    @property
    def transactions_started(self) -> int:
        """How many transactions have begun."""
        return sum(books.transactions_started for books in self._all)

    def fold_if_large(self) -> None:
        """Bound the memory that samples take, see :meth:`loadtest.measure.recorder.Recorder.fold_if_large`."""
        for books in self._all:
            books.recorder.fold_if_large()

    def report(self) -> dict[str, ClassReport]:
        """What has happened to each class, with its samples since the last call; nothing where there is only one."""
        return {name: books.report() for name, books in self._of.items()}

    @property
    def _all(self) -> list[ClassBooks]:
        return [self.whole, *self._of.values()]
