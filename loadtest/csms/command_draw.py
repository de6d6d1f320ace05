"""What the payload of a command is drawn from, and how that of an action is made."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, NamedTuple

from loadtest.clock import rfc3339

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from loadtest.csms.addressees import Addressee

Payload = dict[str, Any]

PLACE_OF_FILES = "ftp://files.example/loadtest"
"""Nobody goes there: emulated charge points move no files."""


class Draw(NamedTuple):
    """What a payload is made of.

    Attributes:
        to: The charge point it is for.
        choice: Where chance comes from.
        now: Wall time.
        number: A number no command of this subscriber has had before, for request, reservation and profile ids.
    """

    to: Addressee
    choice: random.Random
    now: dt.datetime
    number: int

    def connector(self, lowest: int = 1) -> int:
        """One of the charge point's connectors."""
        return self.choice.randint(lowest, self.to.connectors)

    def id_tag(self) -> str:
        """The tag of one of many drivers."""
        return f"TAG{self.choice.randrange(10_000):07d}"

    def time(self, later: dt.timedelta = dt.timedelta()) -> str:
        """An instant as OCPP writes it."""
        return rfc3339(self.now + later)


class Maker(NamedTuple):
    """How the payload of an action is made, and which charge points it makes sense for, if not for all."""

    make: Callable[[Draw], Payload]
    suits: Callable[[Addressee], bool] | None = None


def triggers(messages: tuple[str, ...]) -> Callable[[Draw], Payload]:
    """What makes the requests for one of these messages."""

    def make(draw: Draw) -> Payload:
        wanted = draw.choice.choice(messages)
        payload: Payload = {"requestedMessage": wanted}
        if wanted in ("MeterValues", "StatusNotification"):
            payload["connectorId"] = draw.connector()
        return payload

    return make
