"""Who may open a connection: the handshake's outcomes in EMQX's order, with its statuses and reason words.

Where EMQX crashes and answers 500 (an URL without an id, bad percent-encoding) the answer here is 400.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from loadtest.protocol.topics import fits_topic_level
from loadtest.transport.websocket_server import Reject

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

Authenticate = Callable[[bytes, bytes], bool]
"""Whether user name and password, as the bytes that were sent, open the door. Called in the event loop: it must not
block."""

SUBPROTOCOL = "ocpp1.6"

NO_SUBPROTOCOL = "no_subprotocol"
NO_SUPPORTED_SUBPROTOCOL = "no_supported_subprotocol"
ID_EMPTY = "clientid_cannot_be_empty"
ID_UNSUPPORTED = "unsupported_clientid"
NOT_AUTHORIZED = "not_authorized"
BAD_CREDENTIALS = "bad_username_or_password"
NOT_FOUND = "not_found"
ORIGIN_REFUSED = "origin_not_allowed"

REASONS = frozenset(
    {
        NO_SUBPROTOCOL,
        NO_SUPPORTED_SUBPROTOCOL,
        ID_EMPTY,
        ID_UNSUPPORTED,
        NOT_AUTHORIZED,
        BAD_CREDENTIALS,
        NOT_FOUND,
        ORIGIN_REFUSED,
    }
)
"""All reason words of :func:`admit`."""

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def admit(
    target: str,
    headers: Mapping[str, str],
    *,
    path: str,
    origins: Collection[str] = (),
    require_subprotocol: bool = True,
    authenticate: Authenticate | None = None,
    check_identity: bool = True,
    certificate_names: Collection[str] | None = None,
) -> bytes | Reject:
    """Decide on an upgrade request.

    Args:
        target: The request target as sent.
        headers: Request headers by lower-case name.
        path: What must precede ``/<charge point id>``.
        origins: Let in when there is an ``Origin`` header; empty: whatever it says. Only browsers send one.
        require_subprotocol: Refuse who offers none; else it is told ours all the same, as EMQX does.
        authenticate: Looks at HTTP Basic credentials; without it everyone is let in, whatever they bring.
        check_identity: The user name must be the id (OCPP-J 1.6 section 6.2), and so must one of the names in the
            client's certificate. EMQX looks at neither.
        certificate_names: Those of the client's certificate; ``None`` when none is asked for.

    Returns:
        The charge point's id as UTF-8, or the refusal.
    """
    url_path = target.partition("?")[0]
    if url_path != path and not url_path.startswith(path + "/"):
        return Reject(404, NOT_FOUND)
    if origins and "origin" in headers and headers["origin"] not in origins:
        return Reject(403, ORIGIN_REFUSED)
    if "sec-websocket-protocol" in headers:
        if SUBPROTOCOL not in {offer.strip() for offer in headers["sec-websocket-protocol"].split(",")}:
            return Reject(400, NO_SUPPORTED_SUBPROTOCOL)
    elif require_subprotocol:
        return Reject(400, NO_SUBPROTOCOL)
    identity = _identity(url_path[len(path) + 1 :])
    if isinstance(identity, Reject):
        return identity
    if check_identity and certificate_names is not None and identity.decode() not in certificate_names:
        return Reject(400, NOT_AUTHORIZED)
    if authenticate is not None:
        owner = identity if check_identity else None
        if reason := _refusal(headers.get("authorization", ""), authenticate, owner):
            return Reject(400, reason)
    return identity


def _identity(escaped: str) -> bytes | Reject:
    """The id from its place in the URL."""
    if not escaped:
        return Reject(400, ID_EMPTY)
    raw = escaped.encode("utf-8", "surrogateescape")
    identity = unquote_to_bytes(raw)
    try:
        text = identity.decode()
    except UnicodeDecodeError:
        return Reject(400, ID_UNSUPPORTED)
    if _BAD_ESCAPE.search(raw) or not fits_topic_level(text):
        return Reject(400, ID_UNSUPPORTED)
    return identity


def _refusal(authorization: str, authenticate: Authenticate, owner: bytes | None) -> str:
    """Why HTTP Basic credentials (RFC 7617) do not open the door; empty when they do.

    A password is any bytes: OCPP's are random, and rarely UTF-8.
    """
    scheme, _, encoded = authorization.partition(" ")
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):  # ValueError: a header that is not ASCII
        colon = b""
    if scheme.lower() != "basic" or not colon:
        return NOT_AUTHORIZED
    # Both are looked at, whatever the first says: the time taken tells a stranger nothing about whose password it is.
    matches = authenticate(user, password)
    return "" if matches and owner in (None, user) else BAD_CREDENTIALS
