"""DataTransfer, both ways (OCPP 1.6 sections 4.3 and 5.6).

The charge points know one vendor, ``loadtest``, and two of its messages: ``echo`` answers with the data it got;
``send`` makes the charge point send a DataTransfer with that data in its turn, message id ``echo``.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from loadtest.engine.commands.answer import Answer, Handler, status
from loadtest.engine.operations import DATA_TRANSFER

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint

VENDOR = "loadtest"
ECHO = "echo"
SEND = "send"


class DataTransferResult(msgspec.Struct):
    """DataTransfer.conf."""

    status: Literal["Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId"]
    data: str | None = None


_result = msgspec.json.Decoder(DataTransferResult)


class _Checker:
    """Counts an answer that is none."""

    __slots__ = ("_charge_point",)

    def __init__(self, charge_point: ChargePoint) -> None:
        self._charge_point = charge_point

    def on_result(self, action: int, payload: bytes, now_ns: int) -> None:
        try:
            _result.decode(payload)
        except (msgspec.DecodeError, RecursionError):
            self._charge_point.books.counters.malformed += 1

    def on_failure(self, action: int, now_ns: int) -> None:
        """The operation's fate says it already."""


def data_transfer(charge_point: ChargePoint, request: dict[str, Any], now_ns: int) -> Answer:
    """DataTransfer from the central system."""
    if request["vendorId"] != VENDOR:
        return status("UnknownVendorId")
    data = request.get("data", "")
    match request.get("messageId"):
        case constant if constant == ECHO:
            return {"status": "Accepted", "data": data}, None
        case "send" if charge_point.is_registered:
            return status("Accepted", functools.partial(data_transfer_up, charge_point, ECHO, data, now_ns))
        case "send" | None:
            return status("Rejected")
        case _:
            return status("UnknownMessageId")


def data_transfer_up(charge_point: ChargePoint, message_id: str, data: str, now_ns: int) -> None:
    """The charge point sends a DataTransfer of the harness' own vendor; the answer is checked."""
    payload = msgspec.json.encode({"vendorId": VENDOR, "messageId": message_id, "data": data})
    charge_point.offer(DATA_TRANSFER, now_ns, payload, _Checker(charge_point))


HANDLERS: dict[str, Handler] = {"DataTransfer": data_transfer}
