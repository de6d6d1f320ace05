"""The leg ``reply``: when charge points wrote their answers to commands, joined with when these arrived.

An answer carries the command's id and nothing of its own, so no time can travel in it. Engines report the instants at
which answers were written, subscribers those at which they arrived; they meet here, each with its charge point and
the number of the command.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from loadtest.protocol.actions import FROM_CENTRAL_SYSTEM
from loadtest.protocol.phases import PHASES

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_UNMATCHED = 1 << 20
"""Answers waiting for their other half, on each side; beyond it the oldest are given up, and counted."""

_RECORD = struct.Struct("<IIQBB")
_ACTION_NUMBERS = {action: number for number, action in enumerate(FROM_CENTRAL_SYSTEM)}

_Half = TypeVar("_Half")


class ReplyInstants:
    """The instants one process reports in an interval."""

    def __init__(self) -> None:
        self._records = bytearray()

    def add(self, charge_point: int, sequence: int, at_us: int, phase: int, action: str) -> None:
        """Book one answer: whose, to which of its commands, when; times in µs after the run's epoch."""
        self._records += _RECORD.pack(charge_point, sequence, max(at_us, 0), phase, _ACTION_NUMBERS[action])

    def take(self) -> bytes:
        """What was booked since the last call."""
        taken = bytes(self._records)
        self._records.clear()
        return taken


class ReplySample(NamedTuple):
    """One answer on its way."""

    phase: str
    action: str
    latency_us: int


class ReplyJoin:
    """Joins what engines and subscribers report.

    Args:
        phases: The run's phases; engines report a phase as a position in it.

    Attributes:
        given_up: Halves that were dropped for want of room.
    """

    def __init__(self, phases: Sequence[str] = PHASES) -> None:
        self._phases = phases
        self.given_up = 0
        self._written: dict[tuple[int, int], tuple[int, int, int]] = {}
        self._arrived: dict[tuple[int, int], int] = {}

    @property
    def on_their_way(self) -> int:
        """Answers that were written and have not arrived."""
        return len(self._written)

    @property
    def unexplained(self) -> int:
        """Answers that arrived and that no engine has reported as written."""
        return len(self._arrived)

    def add_written(self, records: bytes) -> list[ReplySample]:
        """Take an engine's report; returns the samples it completes.

        Raises:
            ValueError: The bytes are no records.
        """
        samples = []
        for charge_point, sequence, at_us, phase, action in self._records(records):
            key = charge_point, sequence
            arrived_us = self._arrived.pop(key, None)
            if arrived_us is None:
                self._written[key] = at_us, phase, action
            else:
                samples.append(self._sample(phase, action, arrived_us - at_us))
        self._bound(self._written)
        return samples

    def add_arrived(self, records: bytes) -> list[ReplySample]:
        """Take a subscriber's report; returns the samples it completes.

        Raises:
            ValueError: The bytes are no records.
        """
        samples = []
        for charge_point, sequence, at_us, _phase, _action in self._records(records):
            key = charge_point, sequence
            written = self._written.pop(key, None)
            if written is None:
                self._arrived[key] = at_us
            else:
                written_us, phase, action = written
                samples.append(self._sample(phase, action, at_us - written_us))
        self._bound(self._arrived)
        return samples

    def written_us(self, charge_point: int, sequence: int) -> int | None:
        """When an answer was written that has not arrived, in µs after the run's epoch; None: there is none."""
        written = self._written.get((charge_point, sequence))
        return None if written is None else written[0]

    def give_up(self, charge_point: int, sequence: int) -> bool:
        """Wait no longer for the arrival of an answer; returns whether it was waited for."""
        return self._written.pop((charge_point, sequence), None) is not None

    def _bound(self, waiting: dict[tuple[int, int], _Half]) -> None:
        while len(waiting) > MAX_UNMATCHED:
            del waiting[next(iter(waiting))]
            self.given_up += 1

    def _sample(self, phase: int, action: int, latency_us: int) -> ReplySample:
        return ReplySample(self._phases[phase], FROM_CENTRAL_SYSTEM[action], latency_us)

    def _records(self, records: bytes) -> list[tuple[int, int, int, int, int]]:
        if len(records) % _RECORD.size:
            raise ValueError(f"{len(records)} bytes are no whole number of records of {_RECORD.size}")
        found = list(_RECORD.iter_unpack(records))
        if any(phase >= len(self._phases) or action >= len(FROM_CENTRAL_SYSTEM) for *_, phase, action in found):
            raise ValueError("a record names a phase or an action that does not exist")
        return found
