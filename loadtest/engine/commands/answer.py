"""What a handler of a command returns, or raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint

Answer = tuple[dict[str, Any], Callable[[], None] | None]
"""The payload of the CALLRESULT, and what follows once it has been sent."""

Handler = Callable[["ChargePoint", dict[str, Any], int], Answer]
"""Takes the charge point, the request's payload, valid by its official schema, and the monotonic instant in ns."""


class CallRefusedError(Exception):
    """A command is answered with a CALLERROR.

    Args:
        code: One of :data:`loadtest.protocol.call_errors.CODES`.
        description: For people, at most 255 characters.
    """

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description


def status(text: str, follow_up: Callable[[], None] | None = None) -> Answer:
    """The commonest answer: a status and nothing else."""
    return {"status": text}, follow_up
