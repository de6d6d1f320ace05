"""To come."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint


class Decision(Enum):
    """To come."""

    ASK = auto()
    ACCEPT = auto()
    REFUSE = auto()


class LocalAuthorization:
    """To come."""


def decide(charge_point: ChargePoint, id_tag: bytes, now_ns: int) -> Decision:
    """To come."""
    return Decision.ASK


def learn(
    charge_point: ChargePoint, id_tag: bytes, status: str, expiry: str | None, parent: str | None, now_ns: int
) -> None:
    """To come."""
