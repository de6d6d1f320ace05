"""Why a broker refuses, or ends a connection: reason codes, and what a client does about each.

Source: OASIS MQTT Version 5.0 section 2.4 and table 2-6; the return codes of MQTT 3.1.1 (section 3.2.2.3) are told in
the same words, so that nobody above the transport needs to know which version was spoken.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadtest.transport.mqtt5_properties import Properties


class Behaviour(StrEnum):
    """What makes sense after a refusal."""

    TRY_LATER = "try again later"
    USE_ANOTHER_SERVER = "use another server"
    GIVE_UP = "give up"


class Reason(IntEnum):
    """Reason codes of MQTT 5 that a broker may give; those from 0x80 on are failures."""

    SUCCESS = 0x00
    DISCONNECT_WITH_WILL = 0x04
    NO_MATCHING_SUBSCRIBERS = 0x10
    NO_SUBSCRIPTION_EXISTED = 0x11
    CONTINUE_AUTHENTICATION = 0x18
    UNSPECIFIED_ERROR = 0x80
    MALFORMED_PACKET = 0x81
    PROTOCOL_ERROR = 0x82
    IMPLEMENTATION_SPECIFIC_ERROR = 0x83
    UNSUPPORTED_PROTOCOL_VERSION = 0x84
    CLIENT_IDENTIFIER_NOT_VALID = 0x85
    BAD_USER_NAME_OR_PASSWORD = 0x86
    NOT_AUTHORISED = 0x87
    SERVER_UNAVAILABLE = 0x88
    SERVER_BUSY = 0x89
    BANNED = 0x8A
    SERVER_SHUTTING_DOWN = 0x8B
    BAD_AUTHENTICATION_METHOD = 0x8C
    KEEP_ALIVE_TIMEOUT = 0x8D
    SESSION_TAKEN_OVER = 0x8E
    TOPIC_FILTER_INVALID = 0x8F
    TOPIC_NAME_INVALID = 0x90
    PACKET_IDENTIFIER_IN_USE = 0x91
    PACKET_IDENTIFIER_NOT_FOUND = 0x92
    RECEIVE_MAXIMUM_EXCEEDED = 0x93
    TOPIC_ALIAS_INVALID = 0x94
    PACKET_TOO_LARGE = 0x95
    MESSAGE_RATE_TOO_HIGH = 0x96
    QUOTA_EXCEEDED = 0x97
    ADMINISTRATIVE_ACTION = 0x98
    PAYLOAD_FORMAT_INVALID = 0x99
    RETAIN_NOT_SUPPORTED = 0x9A
    QOS_NOT_SUPPORTED = 0x9B
    USE_ANOTHER_SERVER = 0x9C
    SERVER_MOVED = 0x9D
    SHARED_SUBSCRIPTIONS_NOT_SUPPORTED = 0x9E
    CONNECTION_RATE_EXCEEDED = 0x9F
    MAXIMUM_CONNECT_TIME = 0xA0
    SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED = 0xA1
    WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED = 0xA2

    @property
    def words(self) -> str:
        """The name as reports show it, such as ``server busy``."""
        return self.name.replace("_", " ").lower().replace("qos", "QoS")


FIRST_FAILURE = 0x80

RETURN_CODES = {
    1: Reason.UNSUPPORTED_PROTOCOL_VERSION,
    2: Reason.CLIENT_IDENTIFIER_NOT_VALID,
    3: Reason.SERVER_UNAVAILABLE,
    4: Reason.BAD_USER_NAME_OR_PASSWORD,
    5: Reason.NOT_AUTHORISED,
}
"""CONNACK return codes of MQTT 3.1.1 (table 3.1), as reason codes."""

_BY_CODE = {int(reason): reason for reason in Reason}

_TRY_LATER = frozenset(
    {
        Reason.UNSPECIFIED_ERROR,
        Reason.IMPLEMENTATION_SPECIFIC_ERROR,
        Reason.SERVER_UNAVAILABLE,
        Reason.SERVER_BUSY,
        Reason.SERVER_SHUTTING_DOWN,
        Reason.KEEP_ALIVE_TIMEOUT,
        Reason.RECEIVE_MAXIMUM_EXCEEDED,
        Reason.MESSAGE_RATE_TOO_HIGH,
        Reason.QUOTA_EXCEEDED,
        Reason.ADMINISTRATIVE_ACTION,
        Reason.CONNECTION_RATE_EXCEEDED,
        Reason.MAXIMUM_CONNECT_TIME,
    }
)


def behaviour(code: int) -> Behaviour:
    """What to do after a refusal, or a connection ended by the broker.

    What the other side may change its mind about is worth another attempt, and so is what no specification names.
    """
    if code in (Reason.USE_ANOTHER_SERVER, Reason.SERVER_MOVED):
        return Behaviour.USE_ANOTHER_SERVER
    return Behaviour.TRY_LATER if code in _TRY_LATER or code not in _BY_CODE else Behaviour.GIVE_UP


def in_words(code: int) -> str:
    """A reason code as reports show it; one that no specification names as a number."""
    reason = _BY_CODE.get(code)
    return f"reason code {code:#04x}" if reason is None else reason.words


def explained(code: int, said: Properties) -> str:
    """A reason code in words, with the other server and the text that the broker names beside it."""
    words = in_words(code)
    if said.server_reference is not None:
        words += f", {said.server_reference}"
    return f"{words}: {said.reason_string}" if said.reason_string else words
