"""A share of a run's messages held against the official schemas, between the messages instead of on their way.

Taking one costs a list entry; charge points ask ``number + sequence & checks.mask == 0`` first, which spreads the
share evenly over charge points and over time. The fleet's sweep does the checking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.validity import INVALID_ANSWER, INVALID_MESSAGE, SHARE, Validity
from loadtest.protocol import schemas
from loadtest.protocol.actions import FROM_CHARGE_POINT

if TYPE_CHECKING:
    from loadtest.protocol.schemas import Validator

CAPACITY = 1_000
"""Messages that may wait for their check; those beyond are counted as unchecked."""

PER_SWEEP = 100
"""Messages checked at one go: about 0.2 ms, ten times a second enough for 64,000 messages a second."""

FAULTS_TOLD = 10
"""Different faults that are told in words; of the others only the number."""


class SampledChecks:
    """What waits to be checked, and what was found.

    Attributes:
        mask: A message is taken when these bits of its number are zero.
    """

    __slots__ = ("_found", "_told", "_waiting", "mask")

    def __init__(self, share: int = SHARE) -> None:
        self.mask = share - 1
        self._waiting: list[tuple[bool, Validator, bytes]] = []
        self._found = Validity()
        self._told: dict[tuple[str, str], bool] = {}
        for action in FROM_CHARGE_POINT:  # compiled now, not between the messages of a run
            schemas.request(action)
            schemas.response(action)

    def note_call(self, action: bytes | str, payload: bytes) -> None:
        """A charge point sends a CALL."""
        self._note(schemas.request(_text(action)), payload, ours=True)

    def note_result(self, action: bytes | str, payload: bytes) -> None:
        """A charge point sends a CALLRESULT."""
        self._note(schemas.response(_text(action)), payload, ours=True)

    def note_answer(self, action: bytes | str, payload: bytes) -> None:
        """The central system has answered with a CALLRESULT."""
        self._note(schemas.response(_text(action)), payload, ours=False)

    def check_some(self, limit: int = PER_SWEEP) -> None:
        """Check at most so many of those that wait, the oldest first."""
        batch, self._waiting = self._waiting[:limit], self._waiting[limit:]
        found = self._found
        for ours, validator, payload in batch:
            fault = validator.check(payload)
            found.checked += ours
            found.answers_checked += not ours
            if fault is not None:
                found.invalid += ours
                found.answers_invalid += not ours
                kind = INVALID_MESSAGE if ours else INVALID_ANSWER
                if len(self._told) < FAULTS_TOLD:
                    self._told.setdefault((kind, f"{validator.name}: {fault.text}"), False)

    def check_all(self) -> None:
        """Check whatever still waits: the run is over."""
        self.check_some(CAPACITY)

    def new_faults(self) -> list[tuple[str, str]]:
        """Kind of event and text of every different fault that was not told yet, ten in all."""
        new = [key for key, told in self._told.items() if not told]
        self._told.update(dict.fromkeys(new, True))
        return new

    def counters(self) -> dict[str, int]:
        """Running totals by the names they are reported under."""
        return self._found.counters()

    def _note(self, validator: Validator | None, payload: bytes, *, ours: bool) -> None:
        if validator is None:  # an action of the vendor's own
            return
        if len(self._waiting) < CAPACITY:
            self._waiting.append((ours, validator, payload))
        else:
            self._found.unchecked += 1


def _text(action: bytes | str) -> str:
    return action if isinstance(action, str) else action.decode("ascii", "replace")
