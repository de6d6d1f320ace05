"""Making an MQTT connection: TCP, TLS, CONNECT and its answer; what cannot be is told with what to do about it."""

from __future__ import annotations

import asyncio
import os
import ssl
from typing import TYPE_CHECKING

from loadtest.errors import EnvironmentNotReady, LoadTestError
from loadtest.transport import mqtt_reasons as reasons
from loadtest.transport import tls
from loadtest.transport.mqtt5_properties import decode
from loadtest.transport.mqtt_reasons import Reason

if TYPE_CHECKING:
    from loadtest.transport.mqtt_connection import Connection
    from loadtest.transport.mqtt_decoder import Connack
    from loadtest.transport.mqtt_url import BrokerAddress

HANDSHAKE_TIMEOUT_S = 10.0

_REFUSALS = {
    Reason.UNSUPPORTED_PROTOCOL_VERSION: ("does not speak this version of MQTT", "the broker knows another one only"),
    Reason.CLIENT_IDENTIFIER_NOT_VALID: (
        "refuses the client identifier",
        "another policy on client identifiers is needed in the broker",
    ),
    Reason.SERVER_UNAVAILABLE: ("says it is unavailable", "look at the broker's log"),
    Reason.BAD_USER_NAME_OR_PASSWORD: (
        "refuses the user name or password",
        "write them into the URL: mqtt://user:password@host:port",
    ),
    Reason.NOT_AUTHORISED: (
        "says this client is not authorised",
        "write user and password into the URL; may those in it connect?",
    ),
}
"""Why CONNACK refuses, where more can be said than the reason's name."""


class BrokerRefuses(EnvironmentNotReady):
    """A broker has answered CONNECT, and lets nobody in.

    Attributes:
        code: Of its CONNACK, of whichever version of MQTT that is.
    """

    def __init__(self, code: int, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


async def establish(address: BrokerAddress, connection: Connection, connect_packet: bytes) -> None:
    """Connect, send CONNECT and wait until CONNACK has accepted it.

    Raises:
        EnvironmentNotReady: Nothing answers there; the hint says what to do.
        BrokerRefuses: The broker does.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
            context = tls.client_context() if address.encrypted else None
            await loop.create_connection(lambda: connection, address.host, address.port, ssl=context)
            connection.write(connect_packet)
            connack = await connection.connack
    except TimeoutError:
        connection.abort("handshake timed out")
        raise EnvironmentNotReady(
            f"MQTT broker {address} did not answer within {HANDSHAKE_TIMEOUT_S:g} s", hint="is it an MQTT broker?"
        ) from None
    except ssl.SSLError as error:
        raise EnvironmentNotReady(
            f"MQTT broker {address}: {tls.in_words(error, authorities='the environment variable SSL_CERT_FILE')}"
        ) from None
    except OSError as error:
        # uvloop writes a text of its own into strerror; name resolution has error numbers of its own, below zero.
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else error.strerror or str(error)
        raise EnvironmentNotReady(
            f"MQTT broker {address} cannot be reached: {reason}",
            hint="is it running, and is that its address?",
        ) from None
    except LoadTestError as error:
        raise EnvironmentNotReady(
            f"MQTT broker {address} ended the handshake: {error.message}",
            hint="is it an MQTT broker?" + ("" if address.encrypted else " where it speaks TLS, write mqtts://"),
        ) from None
    if connack.return_code:
        connection.abort("refused")
        raise _refusal(address, connack)


def _refusal(address: BrokerAddress, connack: Connack) -> BrokerRefuses:
    code = reasons.RETURN_CODES.get(connack.return_code, connack.return_code)
    if code in _REFUSALS:
        what, hint = _REFUSALS[Reason(code)]
        return BrokerRefuses(connack.return_code, f"MQTT broker {address} {what}", hint=hint)
    explained = reasons.explained(code, decode(connack.properties))
    return BrokerRefuses(connack.return_code, f"MQTT broker {address} refuses: {explained}")
