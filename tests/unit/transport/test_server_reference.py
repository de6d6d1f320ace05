"""Server References of MQTT 5 (section 4.11), as brokers may write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.transport import server_reference
from loadtest.transport.server_reference import MOST_SERVERS, parse


@pytest.mark.parametrize(
    ("text", "encrypted", "servers"),
    [
        ("myserver.xyz.org", False, ["mqtt://myserver.xyz.org:1883"]),
        ("myserver.xyz.org", True, ["mqtts://myserver.xyz.org:8883"]),
        ("myserver.xyz.org:8883", False, ["mqtt://myserver.xyz.org:8883"]),
        ("10.10.151.22:8883 [fe80::9610:3eff:fe1c]:1884", False, ["mqtt://10.10.151.22:8883", "mqtt://[fe80::9610:3eff:fe1c]:1884"]),
        ("  a   b:2 ", False, ["mqtt://a:1883", "mqtt://b:2"]),
        ("mqtt://a:5", False, ["mqtt://a:5"]),
        ("mqtts://a", True, ["mqtts://a:8883"]),
    ],
)  # fmt: skip
def test_names_addresses_and_ports(text: str, encrypted: bool, servers: list[str]) -> None:
    found = parse(text, encrypted=encrypted)
    assert [str(server) for server in found.servers] == servers
    assert found.faults == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "nothing is named"),
        (" \t ", "nothing is named"),
        ("b:70000", "Port out of range"),
        ("b:0", "nothing listens on port 0"),
        ("b:port", "Port could not be cast"),
        ("[::1", "Invalid IPv6 URL"),
        ("b/path", "nothing may follow the port"),
        ("tcp://b", "neither mqtt:// nor mqtts://"),
        ("mqtts://b", "connects without TLS"),
        ("user:secret@b", "may not choose the user name"),
        ("b\x1b[2J", "'b\\x1b[2J' is no server's name"),
        ("b" * 301, "301 characters"),
    ],
)
def test_what_is_wrong_is_said_and_no_secret_shown(text: str, words: str) -> None:
    servers, (fault,) = parse(text, encrypted=False)
    assert servers == ()
    assert words in fault
    assert "secret" not in fault
    assert fault.isprintable()
    good, faults = parse(f"a:1 {text}", encrypted=False)
    assert [str(server) for server in good] == ["mqtt://a:1"]
    assert len(faults) == bool(text.strip())


def test_nobody_is_sent_away_from_tls() -> None:
    servers, (fault,) = parse("mqtt://b", encrypted=True)
    assert servers == ()
    assert fault == "mqtt://b:1883: this fleet connects with TLS"


def test_a_long_list_is_cut() -> None:
    servers, faults = parse(" ".join(f"b{number}" for number in range(20_000)), encrypted=False)
    assert (len(servers), faults) == (MOST_SERVERS, ())


@given(st.text(max_size=40), st.booleans())
def test_any_text_names_servers_or_says_what_is_wrong(text: str, encrypted: bool) -> None:
    servers, faults = server_reference.parse(text, encrypted=encrypted)
    assert servers or faults
    assert all(server.encrypted == encrypted and 0 < server.port < 1 << 16 for server in servers)
