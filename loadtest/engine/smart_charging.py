"""To come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint


class InstalledProfiles:
    """To come."""


def limit_w(charge_point: ChargePoint, connector: int, now_ns: int) -> tuple[float | None, int]:
    """To come."""
    return None, 0


def forget_transaction(charge_point: ChargePoint, connector: int) -> None:
    """To come."""


def install_for_start(charge_point: ChargePoint, connector: int, profile: dict[str, Any], now_ns: int) -> bool:
    """To come."""
    return False
