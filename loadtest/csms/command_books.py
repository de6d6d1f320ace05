"""What became of every command: counters and samples by phase and action, and what charge points said."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from loadtest.measure.interval import AnswerRow, DeliveryRow, OperationRow
from loadtest.measure.tags import COMMAND, INTENDED, SERVICE, Tag
from loadtest.units import NS_PER_US

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.measure.recorder import Recorder


class CommandCell:
    """Commands of one action intended in one phase.

    Attributes:
        row: Their fates.
        reply: Arrivals of answers to them.
    """

    __slots__ = ("_add_intended", "_add_service", "phase", "reply", "row")

    def __init__(self, recorder: Recorder, phase: int, phase_name: str, action: str) -> None:
        self.phase = phase
        self.row = OperationRow(phase_name, action)
        self.reply = DeliveryRow(phase_name, action)
        self._add_intended = recorder.handle(Tag(phase_name, COMMAND, action, INTENDED)).append
        self._add_service = recorder.handle(Tag(phase_name, COMMAND, action, SERVICE)).append

    def sample(self, intended_ns: int, sent_ns: int, ended_ns: int) -> None:
        """A command was answered, or is waited for no longer."""
        self._add_intended((ended_ns - intended_ns) // NS_PER_US)
        self._add_service((ended_ns - sent_ns) // NS_PER_US)


class CommandBooks:
    """All cells of a subscriber, made when first needed.

    Args:
        recorder: Takes the samples.
        phases: Names of the phases' numbers.

    Attributes:
        answers: How often which answer was given, by action and answer.
    """

    def __init__(self, recorder: Recorder, phases: Sequence[str]) -> None:
        self.answers: Counter[tuple[str, str]] = Counter()
        self._recorder = recorder
        self._phases = phases
        self._cells: dict[tuple[int, str], CommandCell] = {}

    def cell(self, phase: int, action: str) -> CommandCell:
        """The cell of a phase and an action."""
        cell = self._cells.get((phase, action))
        if cell is None:
            cell = self._cells[phase, action] = CommandCell(self._recorder, phase, self._phases[phase], action)
        return cell

    def operations(self) -> list[OperationRow]:
        """The fates so far."""
        return [cell.row for cell in self._cells.values()]

    def replies(self) -> list[DeliveryRow]:
        """The arrivals of answers so far."""
        return [cell.reply for cell in self._cells.values()]

    def answer_rows(self) -> list[AnswerRow]:
        """What charge points have said so far."""
        return [AnswerRow(action, answer, count) for (action, answer), count in self.answers.items()]
