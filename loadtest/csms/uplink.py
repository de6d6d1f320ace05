"""The uplink as the subscriber sees it: how long each CALL took to get here, and whether each came exactly once."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING

from loadtest.csms.energy import SHARE, EnergyRegisters
from loadtest.measure.interval import ClassReport, DeliveryRow
from loadtest.measure.recorder import Recorder
from loadtest.measure.rows import merge_rows
from loadtest.measure.sequence import DUPLICATE, NEW, REORDERED, SequenceWindows
from loadtest.measure.tags import INTENDED, SERVICE, UPLINK, Tag
from loadtest.measure.transaction_records import FATE_BITS, MESSAGES, sending_key
from loadtest.protocol import stamp
from loadtest.protocol.actions import FROM_CHARGE_POINT
from loadtest.scenario.fleet_classes import BEYOND_FLEET, ONE_CLASS, FleetClasses
from loadtest.units import NS_PER_US

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msgspec import Raw

    from loadtest.measure.interval import ChargePointWindow

OTHER_ACTION = "Other"
"""Books all actions OCPP does not know, so that nobody can make us keep a series for each."""

_ACTIONS = frozenset(FROM_CHARGE_POINT)


class _Stream:
    """Samples and ledger row of one phase and action."""

    __slots__ = ("add_intended", "add_service", "meters", "of_transaction", "row")

    def __init__(self, recorder: Recorder, phase: str, action: str) -> None:
        self.add_intended = recorder.handle(Tag(phase, UPLINK, action, INTENDED)).append
        self.add_service = recorder.handle(Tag(phase, UPLINK, action, SERVICE)).append
        self.row = DeliveryRow(phase, action)
        self.of_transaction = action in MESSAGES
        self.meters = action == "MeterValues"


class _ClassStreams(dict[tuple[int, str], _Stream]):
    """The streams of one class of charge points by phase and action, or of all where nothing is told apart."""

    __slots__ = ("recorder",)

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def rows(self) -> list[DeliveryRow]:
        return [stream.row for stream in self.values()]


class Uplink:
    """Measures stamped CALLs of one run.

    Args:
        recorder: Takes the samples.
        run_tag: Marks the run's messages.
        epoch_ns: The run's origin of time.
        phases: Names of the numbers in stamps.
        classes: What charge points are told apart by.

    Attributes:
        arrivals: CALLs of this run, duplicates included.
        foreign: CALLs stamped by another run.
        unstamped: CALLs of anyone else, such as a real charge point.
        energy: What meters show.
    """

    def __init__(
        self,
        recorder: Recorder,
        *,
        run_tag: int,
        epoch_ns: int,
        phases: Sequence[str],
        classes: FleetClasses = ONE_CLASS,
    ) -> None:
        self.arrivals = 0
        self.foreign = 0
        self.unstamped = 0
        self.energy = EnergyRegisters()
        self._run_tag = run_tag
        self._epoch_ns = epoch_ns
        self._phases = phases
        self._windows = SequenceWindows()
        self._transaction_arrivals = array("Q")
        self._classes = classes
        self._of_class = [_ClassStreams(Recorder()) for _ in (*classes.names, BEYOND_FLEET)] if classes else []
        self._of_all = None if classes else _ClassStreams(recorder)

    def observe(self, unique_id: str, action: str, arrived_ns: int, payload: bytes | Raw = b"") -> bool:
        """Book one CALL that arrived at ``arrived_ns``; returns whether it is of this run.

        Latencies of zero or less are recorded as they are. A duplicate is counted and not measured: the
        message had been delivered before. The payload tells whether meter values are those of a transaction.
        """
        decoded = stamp.decode(unique_id)
        if decoded is None:
            self.unstamped += 1
            return False
        run_tag, phase, charge_point, sequence, intended_us, send_delay_us = decoded
        if run_tag != self._run_tag or phase >= len(self._phases):
            self.foreign += 1
            return False
        self.arrivals += 1
        streams = self._of_all
        if streams is None:
            streams = self._of_class[bisect_right(self._classes.ends, charge_point)]
        stream = streams.get((phase, action)) or self._new_stream(streams, phase, action)
        fate = self._windows.observe(charge_point, sequence)
        row = stream.row
        if stream.of_transaction and (not stream.meters or b'"transactionId"' in bytes(payload)):
            if fate == NEW and payload and not charge_point % SHARE:
                self.energy.note(charge_point, bytes(payload))
            self._transaction_arrivals.append(fate << FATE_BITS | sending_key(charge_point, sequence))
        if fate == DUPLICATE:
            row.duplicated += 1
            return True
        row.delivered += 1
        if fate == REORDERED:
            row.reordered += 1
        latency_us = (arrived_ns - self._epoch_ns) // NS_PER_US - intended_us
        stream.add_intended(latency_us)
        stream.add_service(latency_us - send_delay_us)
        return True

    def rows(self) -> list[DeliveryRow]:
        """The ledger so far."""
        if self._of_all is not None:
            return self._of_all.rows()
        return merge_rows(streams.rows() for streams in self._of_class)

    def report(self) -> dict[str, ClassReport]:
        """The ledger of each class so far, with its samples since the last call; nothing where there is only one."""
        names = (*self._classes.names, BEYOND_FLEET)
        return {
            name: ClassReport(series=streams.recorder.take_interval(), deliveries=streams.rows())
            for name, streams in zip(names, self._of_class, strict=False)
            if streams
        }

    def fold_if_large(self) -> None:
        """Bound the memory that samples of classes take."""
        for streams in self._of_class:
            streams.recorder.fold_if_large()

    def take_transaction_arrivals(self) -> bytes:
        """Which sendings of transaction messages have arrived since the last call."""
        taken = self._transaction_arrivals.tobytes()
        del self._transaction_arrivals[:]
        return taken

    def windows(self) -> list[ChargePointWindow]:
        """Which sequence numbers of each charge point have arrived."""
        return self._windows.export()

    def _new_stream(self, streams: _ClassStreams, phase: int, action: str) -> _Stream:
        key = (phase, action if action in _ACTIONS else OTHER_ACTION)
        stream = streams.get(key)
        if stream is None:
            stream = streams[key] = _Stream(streams.recorder, self._phases[phase], key[1])
        return stream
