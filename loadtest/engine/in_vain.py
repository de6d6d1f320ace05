"""Which attempts to connect would fail again tomorrow: refused by policy, not by circumstances."""

from __future__ import annotations

import socket
import ssl

from loadtest.errors import UsageError

_TRY_AGAIN = frozenset({408, 425, 429})
"""Client errors that ask for another attempt: timeout, too early, too many (RFC 9110, 8470, 6585)."""
_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


def refusal(status: int) -> bool:
    """Whether a handshake answered with this HTTP status is turned down for good."""
    return 400 <= status < 500 and status not in _TRY_AGAIN


def failure(error: Exception | None) -> bool:
    """Whether there cannot be a connection: certificates do not fit, or there is no such host."""
    if isinstance(error, socket.gaierror):
        return error.errno in _NO_SUCH_NAME
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return False  # cut off in the middle of it
    return isinstance(error, (ssl.SSLError, UsageError))
