"""The envelope that is none: the array of OCPP-J as it would stand on a WebSocket, one in each MQTT message.

So do gateways in front of AWS IoT Core, and it is the shortest there is in JSON.
"""

from __future__ import annotations

import msgspec

from loadtest.protocol import frames
from loadtest.protocol.envelope import Envelope

_quote = msgspec.json.Encoder().encode
_NO_PAYLOAD = msgspec.Raw()


def call(unique_id: str, action: str, payload: bytes) -> bytes:
    """A CALL."""
    return b"[2,%b,%b,%b]" % (_quote(unique_id), _quote(action), payload)


def call_result(unique_id: str, action: str, payload: bytes) -> bytes:  # noqa: ARG001 - not in this envelope
    """A CALLRESULT."""
    return b"[3,%b,%b]" % (_quote(unique_id), payload)


def call_error(unique_id: str, action: str, code: str, description: str, details: bytes = b"{}") -> bytes:  # noqa: ARG001
    """A CALLERROR."""
    return b"[4,%b,%b,%b,%b]" % (_quote(unique_id), _quote(code), _quote(description), details)


def decode(data: bytes) -> Envelope:
    """Read a message.

    Raises:
        RemoteProtocolError: Not one JSON array, or not that of a CALL, CALLRESULT or CALLERROR.
    """
    match frames.decode(data):
        case frames.Call(unique_id, action, payload):
            return Envelope(frames.CALL, unique_id, action, payload)
        case frames.CallResult(unique_id, payload):
            return Envelope(frames.CALL_RESULT, unique_id, "", payload)
        case frames.CallError(unique_id, code, description, details):
            return Envelope(frames.CALL_ERROR, unique_id, "", _NO_PAYLOAD, code, description, details)
