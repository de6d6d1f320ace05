"""What a target may be."""

from __future__ import annotations

import pytest

from loadtest.conformance.target import Credentials, Target, broker_url, gateway_address, topics
from loadtest.errors import UsageError


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ws://host:33033/ocpp", "ws://host:33033/ocpp"),
        ("ws://host/ocpp/", "ws://host:80/ocpp"),
        ("wss://host", "wss://host:443"),
        ("ws://[::1]:8/a/b", "ws://[::1]:8/a/b"),
        ("ws://user:secret@host/ocpp", "ws://host:80/ocpp"),
    ],
)
def test_gateway_urls(url: str, shown: str) -> None:
    assert str(gateway_address(url)[0]) == shown


@pytest.mark.parametrize(
    "url",
    ["host:33033", "http://host/", "ws://", "ws://host:0/", "ws://host:x/", "ws://host/?a=b", "ws://a:secret@:1/"],
)
def test_what_is_no_gateway_url(url: str) -> None:
    with pytest.raises(UsageError, match=r"^--gateway: ") as caught:
        gateway_address(url)
    assert "secret" not in str(caught.value)
    assert caught.value.hint


def test_credentials_of_the_url_are_unquoted_and_never_shown() -> None:
    address, credentials = gateway_address("ws://a%40b:p%3Aw@host/ocpp")
    assert credentials == Credentials("a@b", "p:w")
    assert "p:w" not in repr(credentials) + repr(address)


def test_a_user_name_may_be_the_charge_points_id() -> None:
    assert Credentials("${cid}", "p").of("CP 1") == ("CP 1", "p")


def test_a_broker_url_is_checked() -> None:
    assert broker_url("mqtt://host") == "mqtt://host"
    with pytest.raises(UsageError, match="--broker: "):
        broker_url("amqp://host")


def test_filters_cover_what_a_charge_point_sends_and_no_more() -> None:
    assert topics().filters("CP 1") == ["ocpp/cp/CP 1", "ocpp/cp/CP 1/Reply"]
    by_action = topics("m/", call="${action}/${cid}", reply="r-${type}/${clientid}", error="r-${type}/${cid}")
    assert by_action.filters("A") == ["m/+/A"]


def test_all_faulty_templates_are_named_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        topics(call="cp/${nobody}", reply="cp/all", downstream="cs/${cid}/#")
    assert [fault.split(":")[0] for fault in caught.value.faults] == [
        "--call-topic",
        "--reply-topic",
        "--downstream-topic",
    ]


def test_ids_are_escaped_in_urls() -> None:
    address, _ = gateway_address("ws://host:1/ocpp")
    target = Target(gateway=address, broker="mqtt://host")
    assert target.url_of("a b/c") == "ws://host:1/ocpp/a%20b%2Fc"
