"""Where a broker is: ``mqtt://[user:password@]host[:port]``, or ``mqtts://…`` for MQTT over TLS."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from loadtest.errors import UsageError

DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker's URL in parts. ``str()`` leaves the credentials out, so that it can be shown."""

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    encrypted: bool = False

    def __str__(self) -> str:
        """The URL without credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.encrypted else 'mqtt'}://{host}:{self.port}"


def parse(url: str) -> BrokerAddress:
    """Read a broker URL.

    Raises:
        UsageError: It is not one; the message names it, without credentials, and says what is wrong.
    """
    hint = "write mqtt://host:1883 or mqtt://user:password@host:1883"
    scheme, separator, rest = url.partition("://") if "://" in url else ("", "", url)
    shown = scheme + separator + rest.rpartition("@")[2]  # errors end up in logs and records
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"broker URL {shown!r}: {error}", hint=hint) from None
    if parts.scheme not in DEFAULT_PORTS:
        raise UsageError(f"broker URL {shown!r}: the scheme is neither mqtt:// nor mqtts://", hint=hint)
    if not host:
        raise UsageError(f"broker URL {shown!r}: no host is named", hint=hint)
    if port == 0:
        raise UsageError(f"broker URL {shown!r}: nothing listens on port 0", hint=hint)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise UsageError(f"broker URL {shown!r}: nothing may follow the port", hint=hint)
    username = unquote(parts.username) if parts.username else None
    if parts.password and username is None:
        raise UsageError(f"broker URL {shown!r}: a password needs a user name", hint=hint)
    password = None if parts.password is None else unquote(parts.password)
    return BrokerAddress(host, port or DEFAULT_PORTS[parts.scheme], username, password, parts.scheme == "mqtts")
