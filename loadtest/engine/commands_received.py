"""The downlink as charge points see it: how long each command took to get here, and whether each came exactly once.

Also notes when each was answered, which is where the leg ``reply`` begins. Only commands that carry a stamp of this
run are measured; a backend under test may use any ids it likes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.interval import CommandArrivalRow
from loadtest.measure.reply_join import ReplyInstants
from loadtest.measure.sequence import DUPLICATE, REORDERED, SequenceWindows
from loadtest.measure.tags import DOWNLINK, INTENDED, SERVICE, Tag
from loadtest.protocol import stamp
from loadtest.protocol.actions import FROM_CENTRAL_SYSTEM
from loadtest.protocol.phases import PHASES
from loadtest.units import NS_PER_US

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.measure.interval import ChargePointWindow
    from loadtest.measure.recorder import Recorder
    from loadtest.protocol.frames import Call

_ACTIONS = frozenset(FROM_CENTRAL_SYSTEM)


class _Stream:
    """Samples and ledger row of one phase and action."""

    __slots__ = ("add_intended", "add_service", "row")

    def __init__(self, recorder: Recorder, phase: str, action: str) -> None:
        self.add_intended = recorder.handle(Tag(phase, DOWNLINK, action, INTENDED)).append
        self.add_service = recorder.handle(Tag(phase, DOWNLINK, action, SERVICE)).append
        self.row = CommandArrivalRow(phase, action)


class CommandsReceived:
    """Measures the stamped commands that reach the charge points of one process.

    Args:
        recorder: Takes the samples.
        run_tag: Marks the run's messages.
        epoch_ns: The run's origin of time.
        phases: Names of the numbers in stamps.
    """

    def __init__(self, recorder: Recorder, *, run_tag: int, epoch_ns: int, phases: Sequence[str] = PHASES) -> None:
        self._recorder = recorder
        self._run_tag = run_tag
        self._epoch_ns = epoch_ns
        self._phases = phases
        self._seen = SequenceWindows()
        self._answered = SequenceWindows()
        self._streams: dict[tuple[int, str], _Stream] = {}
        self._instants = ReplyInstants()

    def arrived(self, charge_point: int, call: Call, now_ns: int) -> None:
        """A charge point has got a CALL. A repeated one is counted and not measured."""
        known = self._ours(charge_point, call)
        if known is None:
            return
        stream = self._stream(known.phase, call.action)
        row = stream.row
        fate = self._seen.observe(charge_point, known.sequence)
        if fate == DUPLICATE:
            row.duplicated += 1
            return
        row.delivered += 1
        if fate == REORDERED:
            row.reordered += 1
        latency_us = self._since_epoch_us(now_ns) - known.intended_us
        stream.add_intended(latency_us)
        stream.add_service(latency_us - known.send_delay_us)

    def answered(self, charge_point: int, call: Call, now_ns: int) -> None:
        """A charge point has written its answer to a CALL. The answer to a repeated one is not counted again."""
        known = self._ours(charge_point, call)
        if known is None or self._answered.observe(charge_point, known.sequence) == DUPLICATE:
            return
        self._stream(known.phase, call.action).row.replied += 1
        self._instants.add(charge_point, known.sequence, self._since_epoch_us(now_ns), known.phase, call.action)

    def rows(self) -> list[CommandArrivalRow]:
        """The ledger so far."""
        return [stream.row for stream in self._streams.values()]

    def take_instants(self) -> bytes:
        """When the answers since the last call were written, see :mod:`loadtest.measure.reply_join`."""
        return self._instants.take()

    def windows(self) -> list[ChargePointWindow]:
        """Which commands each charge point has got."""
        return self._seen.export()

    def _ours(self, charge_point: int, call: Call) -> stamp.Stamp | None:
        known = stamp.decode(call.message_id)
        if (
            known is None
            or known.run_tag != self._run_tag
            or known.charge_point != charge_point
            or known.phase >= len(self._phases)
            or call.action not in _ACTIONS
        ):
            return None
        return known

    def _stream(self, phase: int, action: str) -> _Stream:
        stream = self._streams.get((phase, action))
        if stream is None:
            stream = self._streams[phase, action] = _Stream(self._recorder, self._phases[phase], action)
        return stream

    def _since_epoch_us(self, now_ns: int) -> int:
        return (now_ns - self._epoch_ns) // NS_PER_US
