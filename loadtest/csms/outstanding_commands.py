"""Commands that have not been answered: until an answer comes, or the time for it is over."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from loadtest.csms.addressees import Addressee
    from loadtest.csms.command_books import CommandCell

REMEMBERED = 1 << 17
"""Commands that timed out whose answers are still recognised."""


class Sent(NamedTuple):
    """A command that has been sent."""

    to: Addressee
    cell: CommandCell
    sequence: int
    payload: Mapping[str, Any]
    intended_ns: int
    sent_ns: int


class OutstandingCommands:
    """Those of one subscriber, by their unique id.

    Args:
        timeout_ns: How long each is waited for; the same for all, so that they are overdue in the order of sending.
    """

    def __init__(self, timeout_ns: int) -> None:
        self._timeout_ns = timeout_ns
        self._waiting: dict[str, Sent] = {}
        self._deadlines: deque[tuple[int, str]] = deque()
        self._timed_out: dict[int, str] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._waiting)

    def add(self, unique_id: str, sent: Sent) -> None:
        """One has been sent."""
        self._waiting[unique_id] = sent
        self._deadlines.append((sent.sent_ns + self._timeout_ns, unique_id))

    def get(self, unique_id: str) -> Sent | None:
        """The one of that id; ``None``: it was answered, timed out, or never sent."""
        return self._waiting.get(unique_id)

    def answered(self, unique_id: str) -> None:
        """It is outstanding no more."""
        del self._waiting[unique_id]

    def overdue(self, now_ns: int) -> Iterator[Sent]:
        """Give up each whose time is over; what it was is remembered for an answer that comes late."""
        while self._deadlines and self._deadlines[0][0] <= now_ns:
            sent = self._waiting.pop(self._deadlines.popleft()[1], None)
            if sent is None:
                continue
            self._timed_out[_key(sent.to.number, sent.sequence)] = sent.cell.row.action
            if len(self._timed_out) > REMEMBERED:
                del self._timed_out[next(iter(self._timed_out))]
            yield sent

    def action_given_up(self, charge_point: int, sequence: int) -> str | None:
        """The action of a command that timed out; ``None``: nobody remembers."""
        return self._timed_out.get(_key(charge_point, sequence))

    def take_all(self) -> list[Sent]:
        """Give up whatever is left."""
        left = list(self._waiting.values())
        self._waiting.clear()
        return left


def _key(charge_point: int, sequence: int) -> int:
    """Of one command, in one number: a tuple takes several times the memory; a stamp has 24 bits for the second."""
    return charge_point << 24 | sequence
