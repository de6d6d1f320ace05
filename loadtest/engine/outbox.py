"""Transaction messages that wait: for the connection, for their predecessors, or for their next attempt.

OCPP 1.6 section 3.7.1: they are delivered in order, each attempted ``TransactionMessageAttempts`` times; other
messages may overtake them.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from loadtest.engine.operations import METER_VALUES

if TYPE_CHECKING:
    from loadtest.engine.sending import Waiting

LIMIT = 1_000
"""Messages kept; of what is beyond, meter values go first, the oldest before the others."""


class Outbox:
    """The transaction messages of one charge point; exists only while there are any.

    Attributes:
        entries: What waits, in order.
        attempts: How often the first message, or the one under way, has been sent in vain.
        retry_ns: When it may be tried again; 0: now.
    """

    __slots__ = ("attempts", "entries", "retry_ns")

    def __init__(self) -> None:
        self.entries: deque[Waiting] = deque()
        self.attempts = 0
        self.retry_ns = 0

    @property
    def ready(self) -> bool:
        """The first message may be sent now."""
        return bool(self.entries) and not self.retry_ns

    def append(self, entry: Waiting) -> Waiting | None:
        """Add the newest message; returns what had to go for it."""
        self.entries.append(entry)
        if len(self.entries) <= LIMIT:
            return None
        for position, waiting in enumerate(self.entries):
            tried = position == 0 and self.attempts > 0  # attempts are counted for one message
            if waiting[0].action == METER_VALUES and not tried:
                del self.entries[position]
                return waiting
        return self.entries.pop()
