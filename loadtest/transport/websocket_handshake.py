"""What both sides of an opening handshake have in common (RFC 6455 section 4): its limits, and how it fails.

An opening, of either side, is fed with whatever arrives until it gives back the bytes that follow the HTTP head, which
already belong to the first frame; then it is thrown away. It does no I/O. ``websockets`` knows the rules, and reads
what is not plain.
"""

from __future__ import annotations

from loadtest.errors import LoadTestError

MAX_HEAD_BYTES = 16 * 1024
"""Longest request or response head. Far above what charge points send, far below what could exhaust memory."""

MAX_REASON = 200
"""Characters of a refusal's reason that are kept."""

END_OF_HEAD = b"\r\n\r\n"


class HandshakeRefused(LoadTestError):  # noqa: N818 - reads as the event it reports
    """The server did not open the connection.

    Attributes:
        status: The HTTP status, or 0 when the answer was not HTTP or broke the WebSocket handshake's rules.
        reason: The first line of the body, else the status phrase, else what was wrong.
    """

    def __init__(self, status: int, reason: str) -> None:
        # It may quote the peer, whose bytes beyond ASCII stand in it as surrogates that nobody could encode.
        reason = reason.encode(errors="backslashreplace").decode()[:MAX_REASON]
        super().__init__(f"WebSocket handshake refused: {status} {reason}")
        self.status = status
        self.reason = reason
