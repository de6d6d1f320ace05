"""The opening handshake as nearly always: a request like the one before, a 101 with nothing unusual in it. No I/O.

What a general HTTP parser needs for either is a third of all it costs to connect a charge point, on both sides.
Whatever is not plain is left to ``websockets``, which knows the rules in full; so nothing may be called plain that it
would refuse.
"""

from __future__ import annotations

import re
from base64 import b64encode
from functools import lru_cache
from hashlib import sha1
from typing import NamedTuple

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
_PLAIN_NAME = re.compile(r"[\w.~%-]+", re.ASCII)
_PLAIN_LINES = rb"\r\n(?:[\w-]+:[\x20-\x7e]*\r\n)*"
_PLAIN_BEGIN = re.compile(rb"HTTP/1\.1 101 [\x20-\x7e]*" + _PLAIN_LINES + rb"(?i:Sec-WebSocket-Accept): *")
_PLAIN_END = re.compile(rb" *" + _PLAIN_LINES + rb"\r\n")
_PLAIN_REQUEST = re.compile(rb"GET ([\x21-\x7e]+) HTTP/1\.1" + _PLAIN_LINES + rb"\r\n")
_PLAIN_KEY = re.compile(r"[A-Za-z0-9+/]{21}[AQgw]==")  # the only texts that stand for 16 bytes
_PLAIN_PROTOCOLS = re.compile(r"[\w.-]+(?:, *[\w.-]+)*", re.ASCII)
_UNUSUAL_IN_REQUEST = ("sec-websocket-extensions", "content-length", "transfer-encoding")
_MAX_PLAIN_BYTES = 1024

_YES = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %b\r\n%b\r\n"
)


class RequestTemplate(NamedTuple):
    """A request around its two variable parts: the last segment of the path, and the key.

    Attributes:
        begin: Up to the last segment.
        middle: From there up to the key.
        end: From there to the end of the last header.
    """

    begin: bytes
    middle: bytes
    end: bytes

    @classmethod
    def of(cls, request: bytes, key: bytes) -> RequestTemplate:
        """Take apart a request with that key for a path that ends in a slash."""
        begin, version, rest = request.partition(b" HTTP/1.1\r\n")
        fields, _, others = rest.partition(key)
        return cls(begin, version + fields, others.removesuffix(b"\r\n"))

    def filled(self, name: str, key: bytes, headers: tuple[tuple[str, str], ...]) -> bytes:
        """The request with a last segment, a key and further headers."""
        further = "".join([f"{field}: {value}\r\n" for field, value in headers]).encode()
        return b"".join((self.begin, name.encode(), self.middle, key, self.end, further, b"\r\n"))


def split(uri: str) -> tuple[str, str] | None:
    """A URI up to and with its last slash, and the last segment of its path; None when that is not plain."""
    base, _, name = uri.rpartition("/")
    return (base + "/", name) if base.count("/") > 2 and _PLAIN_NAME.fullmatch(name) else None


def accepts(head: bytes, key: bytes, subprotocols: tuple[str, ...]) -> bool:
    """Whether a response's head, down to the empty line, is a yes without anything unusual."""
    if len(head) > _MAX_PLAIN_BYTES:
        return False
    begin, _, end = head.partition(_accept(key))
    return _is_plain(begin, end, subprotocols)


@lru_cache(maxsize=16)
def _is_plain(begin: bytes, end: bytes, subprotocols: tuple[str, ...]) -> bool:
    """The same, given what stands around the accepted key: that is all a gateway's answers differ in."""
    if not _PLAIN_BEGIN.fullmatch(begin) or not _PLAIN_END.fullmatch(end):
        return False
    lines = [*begin.split(b"\r\n")[1:-1], *end.split(b"\r\n")[1:-2]]
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
    return (
        len(fields) == len(lines)
        and fields.get(b"upgrade", b"").lower() == b"websocket"
        and fields.get(b"connection", b"").lower() == b"upgrade"
        and fields.get(b"sec-websocket-protocol", b"").decode() in (subprotocols or ("",))
        and fields.keys().isdisjoint((b"sec-websocket-accept", b"sec-websocket-extensions"))
    )


def read_request(head: bytes) -> tuple[str, dict[str, str]] | None:
    """A request without anything unusual: its target, and its headers by lower-case name; else None.

    Args:
        head: Down to the empty line.
    """
    if len(head) > _MAX_PLAIN_BYTES or (found := _PLAIN_REQUEST.fullmatch(head)) is None:
        return None
    lines = head.decode().split("\r\n")[1:-2]
    headers = {name.lower(): value.strip(" ") for name, _, value in [line.partition(":") for line in lines]}
    plain = (
        len(headers) == len(lines)
        and headers.get("upgrade", "").lower() == "websocket"
        and headers.get("connection", "").lower() == "upgrade"
        and headers.get("sec-websocket-version") == "13"
        and _PLAIN_KEY.fullmatch(headers.get("sec-websocket-key", ""))
        and _PLAIN_PROTOCOLS.fullmatch(headers.get("sec-websocket-protocol", "not-there"))
        and headers.keys().isdisjoint(_UNUSUAL_IN_REQUEST)
    )
    return (found[1].decode(), headers) if plain else None


def yes(key: str, subprotocol: str | None) -> bytes:
    """The response that accepts a request."""
    chosen = b"" if subprotocol is None else b"Sec-WebSocket-Protocol: %b\r\n" % subprotocol.encode()
    return _YES % (_accept(key.encode()), chosen)


def _accept(key: bytes) -> bytes:
    """What shows that an answer is one to the request with that key (RFC 6455 section 4.2.2)."""
    return b64encode(sha1(key + _GUID, usedforsecurity=False).digest())
