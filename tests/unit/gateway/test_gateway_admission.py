"""The handshake table of the contract (1.2), row by row and in its order."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.gateway.admission import admit
from loadtest.transport.websocket_server import Reject

OCPP = {"sec-websocket-protocol": "ocpp1.6"}
USERS = {b"CP1": b"secret", b"other": b"pa:ss", b"raw": b"\xff\x00:\xfe"}


def known(user: bytes, password: bytes) -> bool:
    return USERS.get(user) == password


def ask(target: str, headers: dict[str, str] | None = None, **rules: Any) -> bytes | Reject:
    return admit(target, OCPP if headers is None else headers, path="/ocpp", **rules)


def basic(user: str, password: str | bytes) -> dict[str, str]:
    secret = password.encode() if isinstance(password, str) else password
    return OCPP | {"authorization": "Basic " + base64.b64encode(user.encode() + b":" + secret).decode()}


@pytest.mark.parametrize(
    ("target", "headers", "outcome"),
    [
        ("/ocpp/CP1", OCPP, b"CP1"),
        ("/ocpp/CP1?token=a/b", OCPP, b"CP1"),
        ("/ocpp/a%20b", OCPP, b"a b"),
        ("/ocpp/%C3%A4", OCPP, "ä".encode()),
        ("/ocpp/CP1", {"sec-websocket-protocol": "ocpp2.0.1, ocpp1.6"}, b"CP1"),
        ("/ocpp/CP1", {"sec-websocket-protocol": "ocpp2.0.1,ocpp1.6"}, b"CP1"),
        ("/", OCPP, (404, "not_found")),
        ("/ocppx/CP1", OCPP, (404, "not_found")),
        ("/other/CP1", {}, (404, "not_found")),
        ("/ocpp/CP1", {}, (400, "no_subprotocol")),
        ("/ocpp/", {}, (400, "no_subprotocol")),
        ("/ocpp/CP1", {"sec-websocket-protocol": "ocpp2.0.1"}, (400, "no_supported_subprotocol")),
        ("/ocpp/CP1", {"sec-websocket-protocol": ""}, (400, "no_supported_subprotocol")),
        ("/ocpp", OCPP, (400, "clientid_cannot_be_empty")),
        ("/ocpp/", OCPP, (400, "clientid_cannot_be_empty")),
        ("/ocpp/?x=1", OCPP, (400, "clientid_cannot_be_empty")),
        ("/ocpp/a/b", OCPP, (400, "unsupported_clientid")),
        ("/ocpp/a/", OCPP, (400, "unsupported_clientid")),
        ("/ocpp/a%2Fb", OCPP, (400, "unsupported_clientid")),
        ("/ocpp/a+b", OCPP, (400, "unsupported_clientid")),
        ("/ocpp/a%23", OCPP, (400, "unsupported_clientid")),
        ("/ocpp/a%2", OCPP, (400, "unsupported_clientid")),
        ("/ocpp/%zz", OCPP, (400, "unsupported_clientid")),
        ("/ocpp/%FF", OCPP, (400, "unsupported_clientid")),
        ("/ocpp/a%00b", OCPP, (400, "unsupported_clientid")),
        ("/ocpp/a%0Ab", OCPP, (400, "unsupported_clientid")),
        ("/ocpp/%EF%BF%BF", OCPP, (400, "unsupported_clientid")),
    ],
)
def test_each_row(target: str, headers: dict[str, str], outcome: object) -> None:
    assert ask(target, headers) == outcome


@pytest.mark.parametrize(
    ("headers", "outcome"),
    [
        (basic("CP1", "secret"), b"CP1"),
        (basic("CP1", "wrong"), (400, "bad_username_or_password")),
        (basic("CP1", ""), (400, "bad_username_or_password")),
        (basic("nobody", ""), (400, "bad_username_or_password")),
        (basic("other", "pa:ss"), (400, "bad_username_or_password")),  # right, but another's
        (OCPP, (400, "not_authorized")),
        (OCPP | {"authorization": "Bearer x"}, (400, "not_authorized")),
        (OCPP | {"authorization": "Basic %%%"}, (400, "not_authorized")),
        (OCPP | {"authorization": "Basic \udcff"}, (400, "not_authorized")),
        (OCPP | {"authorization": "Basic " + base64.b64encode(b"no colon").decode()}, (400, "not_authorized")),
    ],
)
def test_credentials_are_looked_at_when_there_is_a_way_to(headers: dict[str, str], outcome: object) -> None:
    assert ask("/ocpp/CP1", headers, authenticate=known) == outcome


def test_passwords_are_bytes_and_may_hold_colons() -> None:
    assert ask("/ocpp/other", basic("other", "pa:ss"), authenticate=known) == b"other"
    assert ask("/ocpp/raw", basic("raw", b"\xff\x00:\xfe"), authenticate=known) == b"raw"


def test_as_in_emqx_a_user_name_can_be_anybodys() -> None:
    assert ask("/ocpp/CP1", basic("other", "pa:ss"), authenticate=known, check_identity=False) == b"CP1"


def test_a_certificate_must_be_the_charge_points_own() -> None:
    names = frozenset({"CP1", "cp1.example"})
    assert ask("/ocpp/CP1", certificate_names=names) == b"CP1"
    assert ask("/ocpp/CP2", certificate_names=names) == (400, "not_authorized")
    assert ask("/ocpp/CP2", certificate_names=names, check_identity=False) == b"CP2"
    assert ask("/ocpp/CP2", certificate_names=None) == b"CP2"


def test_credentials_nobody_asked_for_are_accepted() -> None:
    assert ask("/ocpp/CP1", basic("who", "ever")) == b"CP1"


@given(
    st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs"), exclude_characters="/+#"), min_size=1)
)
def test_every_other_id_comes_back_from_its_percent_encoding(identity: str) -> None:
    assert ask("/ocpp/" + quote(identity, safe="")) == identity.encode()


@given(st.text(max_size=40))
def test_no_target_raises(tail: str) -> None:
    target = ("/ocpp/" + tail).encode("utf-8", "surrogatepass").decode("ascii", "surrogateescape")
    assert isinstance(ask(target), (bytes, Reject))
