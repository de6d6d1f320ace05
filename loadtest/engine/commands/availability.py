"""ChangeAvailability and UnlockConnector (OCPP 1.6 sections 5.2 and 5.18)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadtest.engine.commands.answer import Answer, Handler, status
from loadtest.protocol import connector_states as states

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint


def _change_availability(charge_point: ChargePoint, request: dict[str, Any], now_ns: int) -> Answer:
    """Now, or *Scheduled* for the end of the transaction; connector 0 stands for all of them."""
    number, operative = request["connectorId"], request["type"] == "Operative"
    if not 0 <= number <= charge_point.profile.connectors:
        return status("Rejected")
    numbers = range(charge_point.profile.connectors + 1) if number == 0 else (number,)
    busy = not operative and any(charge_point.transaction_on(each) is not None for each in numbers)

    def change() -> None:
        for each in numbers:
            set_availability(charge_point, each, now_ns, operative=operative)

    return status("Scheduled" if busy else "Accepted", change)


def set_availability(charge_point: ChargePoint, number: int, now_ns: int, *, operative: bool) -> None:
    """Take a connector out of service or into it, at the latest when its transaction ends."""
    connector = charge_point.connector(number)
    connector.scheduled_inoperative = not operative and connector.transaction is not None
    if connector.scheduled_inoperative:
        return
    connector.operative = operative
    before, after = (states.UNAVAILABLE, states.AVAILABLE) if operative else (states.AVAILABLE, states.UNAVAILABLE)
    if connector.status in (before, states.RESERVED) and connector.status != after:
        if not operative:
            connector.reservation = None
        if not (operative and connector.status == states.RESERVED):
            charge_point.set_status(number, after, now_ns)


def _unlock_connector(charge_point: ChargePoint, request: dict[str, Any], now_ns: int) -> Answer:
    """A transaction there is stopped first; then the lock opens."""
    number = request["connectorId"]
    if not 1 <= number <= charge_point.profile.connectors:
        return status("NotSupported")
    transaction = charge_point.transaction_on(number)
    if transaction is None:
        return status("Unlocked")
    return status("Unlocked", lambda: transaction.stop_now(now_ns, b"UnlockCommand"))


HANDLERS: dict[str, Handler] = {
    "ChangeAvailability": _change_availability,
    "UnlockConnector": _unlock_connector,
}
