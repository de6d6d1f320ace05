"""How a broker breaks MQTT, as far as a client has to tell one way from another."""

from __future__ import annotations

from enum import Enum

from loadtest.errors import RemoteProtocolError
from loadtest.transport.mqtt_reasons import Reason


class Fault(Enum):
    """A kind of violation: what reports call it, and the reason MQTT 5 lets the client give for leaving."""

    MALFORMED = "malformed packet", Reason.MALFORMED_PACKET
    TOO_LARGE = "packet too large", Reason.PACKET_TOO_LARGE
    OUT_OF_ORDER = "packet out of order", Reason.PROTOCOL_ERROR
    TOO_MANY = "receive maximum exceeded", Reason.RECEIVE_MAXIMUM_EXCEEDED
    NEVER_ACKNOWLEDGES = "never acknowledges", Reason.UNSPECIFIED_ERROR

    def __init__(self, words: str, reason: Reason) -> None:
        self.words = words
        self.reason = reason


class MqttError(RemoteProtocolError):
    """The broker broke the protocol, and the connection is ended for it.

    Attributes:
        fault: In which way.
    """

    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(f"{fault.words}: {detail}")
        self.fault = fault
