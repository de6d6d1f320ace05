"""What charge points lost through their own links and restarts, as engines and subscribers tell it.

A link that goes down, a fault that cuts charge points off, and a restart take a connection away. What was in flight on
it may or may not have arrived; nobody knows before both ends are asked. Engines name the CALLs concerned and the times
in which charge points were away, subscribers the commands that were not answered; here they meet.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from loadtest.protocol.actions import FROM_CENTRAL_SYSTEM, FROM_CHARGE_POINT
from loadtest.protocol.phases import PHASES
from loadtest.units import US_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from loadtest.measure.interval import IntervalReport

IN_FLIGHT = struct.Struct("<IIBB")
"""A CALL: charge point, sequence number, phase, position in ``FROM_CHARGE_POINT``."""

ABSENCE = struct.Struct("<IQQ")
"""Charge point; from when to when it was away, in µs after the run's epoch."""

UNANSWERED = struct.Struct("<IIBBQQBI")
"""A command: charge point, sequence number, phase, position in ``FROM_CENTRAL_SYSTEM``, when it was sent and given up
in µs after the run's epoch, whether it timed out (1) or was unfinished (0), and after how many seconds from its sending
a broker was not to deliver it any more (0: it was always to)."""

STILL_AWAY_US = (1 << 64) - 1
"""In place of the end of an absence that outlasted the run."""

KEPT = 1 << 20
"""Records kept of each kind, 31 bytes at most; what is beyond is taken to be the system under test's doing."""


class InFlight(NamedTuple):
    """A message that was in flight when the charge point's own link, or its restart, took its connection away."""

    charge_point: int
    sequence: int
    phase: str
    action: str


class CutCommand(NamedTuple):
    """A command that was not answered, or whose answer was lost, because its charge point was away.

    ``may_have_expired``: It was away when the time was over within which the command was worth delivering.
    """

    message: InFlight
    timed_out: bool
    may_have_expired: bool = False


class UnansweredCommands:
    """The commands one subscriber has given up in an interval."""

    def __init__(self) -> None:
        self._records = bytearray()

    def add(
        self,
        charge_point: int,
        sequence: int,
        lifetime_us: tuple[int, int],
        phase: int,
        action: str,
        *,
        timed_out: bool,
        expiry_s: int = 0,
    ) -> None:
        """Book one; ``lifetime_us`` is when it was sent and when it was given up, after the run's epoch."""
        number = FROM_CENTRAL_SYSTEM.index(action)
        self._records += UNANSWERED.pack(charge_point, sequence, phase, number, *lifetime_us, timed_out, expiry_s)

    def take(self) -> bytes:
        """What was booked since the last call."""
        taken = bytes(self._records)
        self._records.clear()
        return taken


class LinkCutBooks:
    """What has been told so far.

    Args:
        phases: The run's phases; a phase is reported as a position in it.
    """

    def __init__(self, phases: Sequence[str] = PHASES) -> None:
        self._phases = phases
        self._in_flight = bytearray()
        self._absences = bytearray()
        self._unanswered = bytearray()

    def take(self, report: IntervalReport) -> None:
        """Take a report.

        Raises:
            ValueError: Something in it is no whole number of records, or names a phase or an action there is not.
        """
        self._check(report.calls_in_flight, IN_FLIGHT, FROM_CHARGE_POINT)
        self._check(report.commands_unanswered, UNANSWERED, FROM_CENTRAL_SYSTEM)
        if len(report.absences) % ABSENCE.size:
            raise ValueError("absences are no whole number of records")
        _keep(self._in_flight, report.calls_in_flight, IN_FLIGHT)
        _keep(self._absences, report.absences, ABSENCE)
        _keep(self._unanswered, report.commands_unanswered, UNANSWERED)

    def calls(self) -> list[InFlight]:
        """The CALLs that may have been lost with a link."""
        return [
            InFlight(charge_point, sequence, self._phases[phase], FROM_CHARGE_POINT[action])
            for charge_point, sequence, phase, action in IN_FLIGHT.iter_unpack(self._in_flight)
        ]

    def commands(self, answered_us: Callable[[int, int], int | None] = lambda *_: None) -> list[CutCommand]:
        """The commands that were not answered because of a link: their charge points were away at the wrong time.

        That is some time between sending and giving up; or, when the charge point did answer and the answer never
        arrived, the instant at which it answered.

        Args:
            answered_us: When a charge point answered a command in vain, in µs after the run's epoch; None: it did not.
        """
        away: dict[int, list[tuple[int, int]]] = {}
        for charge_point, since_us, until_us in ABSENCE.iter_unpack(self._absences):
            away.setdefault(charge_point, []).append((since_us, until_us))
        found = []
        for record in UNANSWERED.iter_unpack(self._unanswered):
            number, sequence, phase, action, sent_us, ended_us, timed_out, expiry_s = record
            if number not in away:
                continue
            at_us = answered_us(number, sequence)
            first_us, last_us = (sent_us, ended_us) if at_us is None else (at_us, at_us)
            if _met(away[number], first_us, last_us):
                message = InFlight(number, sequence, self._phases[phase], FROM_CENTRAL_SYSTEM[action])
                expires_us = sent_us + expiry_s * US_PER_S  # brokers count in whole seconds: it may be one earlier
                expired = bool(expiry_s) and _met(away[number], expires_us - US_PER_S, expires_us)
                found.append(CutCommand(message, bool(timed_out), expired))
        return found

    def _check(self, records: bytes, layout: struct.Struct, actions: Sequence[str]) -> None:
        if len(records) % layout.size:
            raise ValueError(f"{len(records)} bytes are no whole number of records of {layout.size}")
        for _, _, phase, action, *_ in layout.iter_unpack(records):
            if phase >= len(self._phases) or action >= len(actions):
                raise ValueError("a record names a phase or an action that does not exist")


def _met(absences: Iterable[tuple[int, int]], first_us: int, last_us: int) -> bool:
    """Whether one of them touches a span of time."""
    return any(since_us <= last_us and first_us <= until_us for since_us, until_us in absences)


def _keep(kept: bytearray, records: bytes, layout: struct.Struct) -> None:
    kept += records[: KEPT * layout.size - len(kept)]


def by_row(messages: Iterable[InFlight]) -> dict[tuple[str, str], int]:
    """How many there are of each phase and action."""
    counts: dict[tuple[str, str], int] = {}
    for message in messages:
        key = message.phase, message.action
        counts[key] = counts.get(key, 0) + 1
    return counts
