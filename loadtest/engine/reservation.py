"""Reservations: who may use a connector, and until when (OCPP 1.6 sections 5.1 and 5.13).

A reservation hangs on its connector; one of connector 0 keeps any one connector free. It ends when it is used,
cancelled or expires, and when its connector is taken out of service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from loadtest.engine.authorization import parent_of
from loadtest.engine.local_list import key
from loadtest.protocol import connector_states as states

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint
    from loadtest.engine.connectors import Connector


class Reservation(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One reservation.

    Attributes:
        reservation_id: What the central system calls it.
        id_tag: Whom it is for, see :func:`loadtest.engine.local_list.key`.
        parent: Which group it is for as well.
        expires_ns: When it ends.
    """

    reservation_id: int
    id_tag: bytes
    parent: bytes | None
    expires_ns: int


def find(charge_point: ChargePoint, reservation_id: int) -> Connector | None:
    """The connector a reservation holds."""
    for connector in charge_point.connectors_known:
        if connector.reservation is not None and connector.reservation.reservation_id == reservation_id:
            return connector
    return None


def held(charge_point: ChargePoint, number: int) -> Reservation | None:
    """The reservation of a connector."""
    for connector in charge_point.connectors_known:
        if connector.number == number:
            return connector.reservation
    return None


def reserve(charge_point: ChargePoint, number: int, reservation: Reservation, now_ns: int) -> None:
    """Hold a connector that is available, or held already; release it when the reservation expires."""
    connector = charge_point.connector(number)
    connector.reservation = reservation
    resume(charge_point, number, now_ns)

    def expire(due_ns: int) -> None:
        for each in charge_point.connectors_known:
            if each.reservation is reservation:
                release(charge_point, each, due_ns)

    charge_point.fleet.at(reservation.expires_ns, expire)


def resume(charge_point: ChargePoint, number: int, now_ns: int) -> None:
    """A connector that is available again is reserved as before, when nobody has used its reservation."""
    if number and held(charge_point, number) and charge_point.connector_status(number) == states.AVAILABLE:
        charge_point.set_status(number, states.RESERVED, now_ns)


def release(charge_point: ChargePoint, connector: Connector, now_ns: int) -> None:
    """End a connector's reservation."""
    connector.reservation = None
    if connector.status == states.RESERVED:
        charge_point.set_status(connector.number, states.AVAILABLE, now_ns)


def blocks(charge_point: ChargePoint, number: int, id_tag: bytes, now_ns: int) -> bool:
    """Whether a reservation keeps a tag from using a connector."""
    reservation, whole = held(charge_point, number), held(charge_point, 0)
    if reservation is not None and reservation.expires_ns > now_ns:
        return not _entitles(charge_point, reservation, id_tag)
    if whole is None or whole.expires_ns <= now_ns or _entitles(charge_point, whole, id_tag):
        return False
    return len(free(charge_point)) <= 1


def consume(charge_point: ChargePoint, number: int, id_tag: bytes, now_ns: int) -> int | None:
    """A transaction starts: the id of the reservation that it uses, which ends with it; ``None`` for none."""
    for connector in charge_point.connectors_known:
        reservation = connector.reservation
        if reservation is None or connector.number not in {number, 0} or reservation.expires_ns <= now_ns:
            continue
        if _entitles(charge_point, reservation, id_tag):
            connector.reservation = None
            return reservation.reservation_id
    return None


def free(charge_point: ChargePoint) -> list[int]:
    """The connectors that are available and not reserved."""
    return [
        number
        for number in range(1, charge_point.profile.connectors + 1)
        if charge_point.connector_status(number) == states.AVAILABLE and held(charge_point, number) is None
    ]


def _entitles(charge_point: ChargePoint, reservation: Reservation, id_tag: bytes) -> bool:
    """Tag or group are those of the reservation."""
    if key(id_tag) == reservation.id_tag:
        return True
    return reservation.parent is not None and parent_of(charge_point, id_tag) == reservation.parent
