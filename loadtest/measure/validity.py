"""How valid the messages of a run were: a share of them is held against the official schemas.

What charge points send is ours to get right, so that a fault there makes a run void; what the central system answers
is judged like everything else of the system under test. Messages that could not be checked in time are told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

SHARE = 64
"""One of so many messages is checked; a power of two."""

INVALID_MESSAGE, INVALID_ANSWER = "invalid_message", "invalid_answer"
"""Kinds of events: a charge point sent, or the central system answered, what the schema does not allow."""


class Validity(msgspec.Struct):
    """Counts of messages. An engine reports each as ``engine.<name>``."""

    checked: int = 0
    invalid: int = 0
    answers_checked: int = 0
    answers_invalid: int = 0
    unchecked: int = 0

    @classmethod
    def of(cls, counters: Mapping[str, int]) -> Validity:
        """From the counters of a run."""
        return cls(*(counters.get(f"engine.{name}", 0) for name in cls.__struct_fields__))

    def counters(self) -> dict[str, int]:
        """By the names they are reported under."""
        return {f"engine.{name}": getattr(self, name) for name in self.__struct_fields__}

    def __str__(self) -> str:
        """One line, for people; empty when nothing was checked."""
        if not self.checked + self.answers_checked:
            return ""
        more = f"; {self.unchecked:,} more came too fast to be checked" if self.unchecked else ""
        return (
            f"1 of {SHARE} messages against the official schemas: {self.checked:,} of charge points, "
            f"{self.invalid:,} invalid; {self.answers_checked:,} answers of the central system, "
            f"{self.answers_invalid:,} invalid{more}"
        )
