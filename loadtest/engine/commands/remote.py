"""RemoteStartTransaction, RemoteStopTransaction and Reset (OCPP 1.6 sections 5.11, 5.12 and 5.14)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadtest.engine import smart_charging
from loadtest.engine.commands.answer import Answer, Handler, status
from loadtest.engine.reset import reset
from loadtest.engine.transaction_result import UNKNOWN_TRANSACTION

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint


def _remote_start(charge_point: ChargePoint, request: dict[str, Any], now_ns: int) -> Answer:
    """*Accepted* only says that it was taken; whether a transaction comes of it is seen later."""
    id_tag = request["idTag"]
    connector = _connector_for(charge_point, request.get("connectorId"), id_tag.encode(), now_ns)
    possible = (
        charge_point.is_registered  # remote starts are forbidden before (OCPP 1.6 section 4.2.1)
        and connector is not None
        and id_tag != ""
        and id_tag.isascii()
        and id_tag.isprintable()
        and not set('"\\') & set(id_tag)
    )
    if not possible or connector is None:
        return status("Rejected")
    profile = request.get("chargingProfile")
    if profile is not None and not smart_charging.install_for_start(charge_point, connector, profile, now_ns):
        return status("Rejected")

    def begin() -> None:
        charge_point.begin_transaction(connector, id_tag.encode(), now_ns, remote=True)

    return status("Accepted", begin)


def _connector_for(charge_point: ChargePoint, wanted: int | None, id_tag: bytes, now_ns: int) -> int | None:
    """The connector wanted, or the first that may be used, if there is any."""
    for number in range(1, charge_point.profile.connectors + 1) if wanted is None else (wanted,):
        exists = 1 <= number <= charge_point.profile.connectors
        if exists and charge_point.is_free(number, id_tag, now_ns) and charge_point.transaction_on(number) is None:
            return number
    return None


def _remote_stop(charge_point: ChargePoint, request: dict[str, Any], now_ns: int) -> Answer:
    wanted = request["transactionId"]
    found = [each for each in charge_point.transactions if each.transaction_id == wanted != UNKNOWN_TRANSACTION]
    if not found or not charge_point.is_registered:
        return status("Rejected")
    return status("Accepted", lambda: found[0].stop_now(now_ns, b"Remote"))


def _reset(charge_point: ChargePoint, request: dict[str, Any], now_ns: int) -> Answer:
    return status("Accepted", lambda: reset(charge_point, now_ns, hard=request["type"] == "Hard"))


HANDLERS: dict[str, Handler] = {
    "RemoteStartTransaction": _remote_start,
    "RemoteStopTransaction": _remote_stop,
    "Reset": _reset,
}
