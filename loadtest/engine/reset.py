"""Restarting a charge point on request, with what that means for its transactions (OCPP 1.6 section 5.14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.engine.sending import RETIRED
from loadtest.units import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint

_POLL_NS = 100 * NS_PER_MS
_PATIENCE_NS = 10 * NS_PER_S
"""How long a soft reset waits for the messages of the transactions it has stopped; the rest goes out after it."""


def reset(charge_point: ChargePoint, now_ns: int, *, hard: bool) -> None:
    """Stop all transactions and restart; a soft reset tells of them before that, a hard one afterwards."""
    if hard:
        charge_point.reboot(now_ns, charge_point.profile.reboot_s)
        stop_all(charge_point, now_ns, b"HardReset")
        return
    give_up_ns = now_ns + _PATIENCE_NS

    def reboot_when_delivered(due_ns: int) -> None:
        if charge_point.state == RETIRED or charge_point.restart_due_ns > due_ns:
            return  # gone, or going down for another reason
        stop_all(charge_point, due_ns, b"SoftReset")  # those that have come meanwhile as well
        busy = charge_point.is_registered and (charge_point.waiting or charge_point.call_id is not None)
        if busy and due_ns < give_up_ns:
            charge_point.fleet.at(due_ns + _POLL_NS, reboot_when_delivered)
        else:
            charge_point.reboot(due_ns, charge_point.profile.reboot_s)

    charge_point.fleet.at(now_ns, reboot_when_delivered)


def stop_all(charge_point: ChargePoint, now_ns: int, reason: bytes) -> None:
    """Stop all transactions; those that have not begun to charge never will."""
    for transaction in charge_point.transactions:
        transaction.stop_now(now_ns, reason)
        if not transaction.over:
            transaction.free(now_ns)
