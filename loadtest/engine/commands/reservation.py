"""ReserveNow and CancelReservation (OCPP 1.6 sections 5.1 and 5.13)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadtest.engine import reservation
from loadtest.engine.commands.answer import Answer, Handler, status
from loadtest.engine.local_list import key
from loadtest.engine.reservation import Reservation
from loadtest.protocol import connector_states as states

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint
    from loadtest.engine.connectors import Connector

_REFUSALS = {states.FAULTED: "Faulted", states.UNAVAILABLE: "Unavailable"}


def _reserve_now(charge_point: ChargePoint, request: dict[str, Any], now_ns: int) -> Answer:
    """Hold a connector; a reservation with the same id gives way if the new one is possible."""
    number, parent = request["connectorId"], request.get("parentIdTag")
    try:
        expires_ns = charge_point.fleet.instant_ns(request["expiryDate"])
    except ValueError:
        return status("Rejected")
    if not _accepts(charge_point, number) or expires_ns <= now_ns:
        return status("Rejected")
    replaced = reservation.find(charge_point, request["reservationId"])
    refusal = _refusal(charge_point, number, replaced)
    if refusal is not None:
        return status(refusal)
    wanted = Reservation(request["reservationId"], key(request["idTag"]), key(parent) if parent else None, expires_ns)

    def reserve() -> None:
        if replaced is not None and replaced.number != number:
            reservation.release(charge_point, replaced, now_ns)
        reservation.reserve(charge_point, number, wanted, now_ns)

    return status("Accepted", reserve)


def _accepts(charge_point: ChargePoint, number: int) -> bool:
    """Whether it is configured to accept reservations of a connector."""
    configuration = charge_point.configuration
    first = 0 if configuration.boolean("ReserveConnectorZeroSupported") else 1
    supported = "Reservation" in configuration.items("SupportedFeatureProfiles")
    return supported and first <= number <= charge_point.profile.connectors


def _refusal(charge_point: ChargePoint, number: int, replaced: Connector | None) -> str | None:
    """Why a connector cannot be reserved now."""
    for each in {0, number}:
        if charge_point.connector_status(each) in _REFUSALS:
            return _REFUSALS[charge_point.connector_status(each)]
    free = set(reservation.free(charge_point))
    if replaced is not None and replaced.status == states.RESERVED:
        free.add(replaced.number)
    if number == 0:
        taken = reservation.held(charge_point, 0) is not None and (replaced is None or replaced.number != 0)
        return "Occupied" if taken or not free else None
    kept_free = reservation.held(charge_point, 0) is not None and (replaced is None or replaced.number != 0)
    return None if number in free and len(free) > kept_free else "Occupied"


def _cancel_reservation(charge_point: ChargePoint, request: dict[str, Any], now_ns: int) -> Answer:
    connector = reservation.find(charge_point, request["reservationId"])
    if connector is None:
        return status("Rejected")
    return status("Accepted", lambda: reservation.release(charge_point, connector, now_ns))


HANDLERS: dict[str, Handler] = {
    "CancelReservation": _cancel_reservation,
    "ReserveNow": _reserve_now,
}
