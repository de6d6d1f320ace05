"""Restarting a charge point on request, with what that means for its transactions (OCPP 1.6 section 5.14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.units import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint

_POLL_NS = 100 * NS_PER_MS
_PATIENCE_NS = 10 * NS_PER_S
"""How long a soft reset waits for the messages of the transactions it has stopped; the rest goes out after it."""


def reset(charge_point: ChargePoint, now_ns: int, *, hard: bool) -> None:
    """Stop all transactions and restart; a soft reset first delivers their StopTransaction messages."""
    for transaction in charge_point.transactions:
        transaction.stop_now(now_ns, b"HardReset" if hard else b"SoftReset")
        if not transaction.over:  # it had not begun to charge
            transaction.free(now_ns)
    if hard:
        charge_point.reboot(now_ns, charge_point.profile.reboot_s)
        return
    give_up_ns = now_ns + _PATIENCE_NS

    def reboot_when_delivered(due_ns: int) -> None:
        busy = charge_point.is_registered and (charge_point.waiting or charge_point.call_id is not None)
        if busy and due_ns < give_up_ns:
            charge_point.fleet.at(due_ns + _POLL_NS, reboot_when_delivered)
        else:
            charge_point.reboot(due_ns, charge_point.profile.reboot_s)

    charge_point.fleet.at(now_ns, reboot_when_delivered)
