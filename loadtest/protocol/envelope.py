"""One OCPP message as it crosses the broker, whatever it looked like there, and what every encoding of it can do.

An *envelope* is how message type, id, action and payload stand together in JSON; an *encoding* is how the whole becomes
bytes. Inside the harness a payload is JSON text everywhere.
"""

from __future__ import annotations

from typing import Protocol

import msgspec


class Envelope(msgspec.Struct, gc=False):
    """A message that was read. Text fields are empty where its type has none.

    The names on the wire are those of EMQX's gateway, so that the usual envelope is read straight into this.

    Attributes:
        message_type: :data:`~loadtest.protocol.frames.CALL`, ``CALL_RESULT`` or ``CALL_ERROR``.
        unique_id: What an answer has in common with its CALL.
        action: Of a CALL; some encodings name it in answers too.
        payload: JSON text of a CALL or CALLRESULT.
        error_code: Of a CALLERROR, see :mod:`loadtest.protocol.call_errors`; not checked.
        error_description: For people.
        error_details: JSON text.
    """

    message_type: int = msgspec.field(name="MessageTypeId")
    unique_id: str = msgspec.field(name="UniqueId")
    action: str = msgspec.field(name="Action", default="")
    payload: msgspec.Raw = msgspec.field(name="Payload", default=msgspec.Raw())
    error_code: str = msgspec.field(name="ErrorCode", default="")
    error_description: str = msgspec.field(name="ErrorDescription", default="")
    error_details: msgspec.Raw = msgspec.field(name="ErrorDetails", default=msgspec.Raw())


class Encoding(Protocol):
    """Writes messages and reads them; chosen once, by :func:`loadtest.protocol.encodings.encoding`.

    Payloads and details are JSON text. Writing raises :class:`~loadtest.errors.LocalProtocolError` for what the
    encoding cannot carry; JSON carries everything.
    """

    def call(self, unique_id: str, action: str, payload: bytes) -> bytes:
        """A CALL."""
        ...

    def call_result(self, unique_id: str, action: str, payload: bytes) -> bytes:
        """A CALLRESULT to a CALL with that action."""
        ...

    def call_error(self, unique_id: str, action: str, code: str, description: str, details: bytes = b"{}") -> bytes:
        """A CALLERROR to a CALL with that action; ``code`` as in :data:`loadtest.protocol.call_errors.CODES`."""
        ...

    def decode(self, data: bytes) -> Envelope:
        """Read a message.

        Raises:
            RemoteProtocolError: It is none, or lacks what its type requires.
        """
        ...
