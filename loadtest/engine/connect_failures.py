"""Why connections could not be made: counted by cause, and the first of each told in words."""

from __future__ import annotations

import errno
import ssl
from collections import Counter

from loadtest.transport import mqtt_reasons, tls

NO_NETWORK = "no_network"
"""The charge point's own link was down, or went down meanwhile; nobody else is to blame."""
TIMED_OUT = "timed_out"
ENDED = "ended_in_handshake"
CONNECTION_REFUSED = "connection_refused"
NETWORK = "network"
TLS = "tls"
NOT_WEBSOCKET = "not_websocket"
NOT_MQTT = "not_mqtt"
SUBSCRIPTION_REFUSED = "mqtt_subscription_refused"
REDIRECTED_TOO_OFTEN = "mqtt_redirected_too_often"
UNUSABLE_REFERENCE = "mqtt_unusable_reference"
"""A broker sends charge points to another server, and names none they could connect to."""

NO_DESCRIPTORS, NO_SOURCE_PORT, NO_MEMORY = ("no_descriptors", "no_source_port", "no_memory")
"""This machine, or the engine's share of it, was the limit: the peer never saw the attempt."""
_OWN_LIMIT_OF = {
    errno.EMFILE: NO_DESCRIPTORS,
    errno.ENFILE: NO_DESCRIPTORS,
    errno.EADDRINUSE: NO_SOURCE_PORT,
    errno.EADDRNOTAVAIL: NO_SOURCE_PORT,
    errno.ENOBUFS: NO_MEMORY,
    errno.ENOMEM: NO_MEMORY,
}
_LACKING = {NO_DESCRIPTORS: "file descriptor", NO_SOURCE_PORT: "source port", NO_MEMORY: "memory"}


def cause_of_status(status: int) -> str:
    """The cause of a refusal by its HTTP status; 0 when the answer broke the handshake's rules."""
    return f"http_{status}" if status else NOT_WEBSOCKET


def cause_of_reason(code: int) -> str:
    """The cause of a refusal by its MQTT reason code, such as ``mqtt_server_busy``."""
    return f"mqtt_{mqtt_reasons.in_words(code).replace(' ', '_')}"


def cause_of_error(error: Exception) -> str:
    """The cause of a connection that TCP or TLS could not make."""
    if isinstance(error, ssl.SSLError):
        return TLS
    if isinstance(error, ConnectionRefusedError):
        return CONNECTION_REFUSED
    return _OWN_LIMIT_OF.get(getattr(error, "errno", 0), NETWORK)


def in_words(error: Exception) -> str:
    """What kept TCP or TLS from making a connection."""
    if isinstance(error, ssl.SSLError):
        return tls.in_words(error)
    lacking = _LACKING.get(cause_of_error(error))
    return f"no {lacking} left: {error}" if lacking else str(error)


def end_of_handshake(error: Exception | None, handshake: str, peer: str) -> tuple[str, str]:
    """Cause and words of a connection that ended before the peer had answered.

    Args:
        error: What ended it; None: the peer did.
        handshake: What was under way.
        peer: What kind of server it was with.
    """
    text = f"the connection ended during the {handshake} handshake"
    if isinstance(error, ssl.SSLError):
        return TLS, f"{text}: {tls.in_words(error)}"
    mostly = f"a {peer} out of file descriptors, or with as many connections as it allows, does so: see its log"
    return ENDED, f"{text}; {mostly}"


class ConnectFailures:
    """Failed attempts of a fleet. There are few causes: an HTTP status has three digits, an MQTT reason code one byte.

    Attributes:
        first: The first failure of each cause, in words.
    """

    def __init__(self) -> None:
        self.first: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self._untold: list[str] = []

    def add(self, cause: str, text: str = "") -> None:
        """An attempt has failed; ``text`` says more about it."""
        self._counts[cause] += 1
        if text and cause not in self.first:
            self.first[cause] = text
            self._untold.append(text)

    def take_untold(self) -> list[str]:
        """The first failures of causes that are new since the last call."""
        taken, self._untold = self._untold, []
        return taken

    def report(self) -> dict[str, int]:
        """Running totals by the names they are reported under."""
        return {f"engine.connect_failures.{cause}": count for cause, count in self._counts.items()}
