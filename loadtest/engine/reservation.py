"""To come."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint


class Reservation:
    """To come."""


def blocks(charge_point: ChargePoint, connector: int, id_tag: bytes, now_ns: int) -> bool:
    """To come."""
    return False


def consume(charge_point: ChargePoint, connector: int, id_tag: bytes, now_ns: int) -> int | None:
    """To come."""
    return None
