"""Broker URLs as users write them."""

from __future__ import annotations

import pytest

from loadtest.errors import UsageError
from loadtest.transport import mqtt_url
from loadtest.transport.mqtt_url import BrokerAddress


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://broker", BrokerAddress("broker", 1883)),
        ("mqtt://broker:18831/", BrokerAddress("broker", 18831)),
        ("mqtt://me:p%40ss@broker", BrokerAddress("broker", 1883, "me", "p@ss")),
        ("mqtt://me@broker", BrokerAddress("broker", 1883, "me")),
        ("mqtt://[::1]:1884", BrokerAddress("::1", 1884)),
    ],
)
def test_parts(url: str, address: BrokerAddress) -> None:
    assert mqtt_url.parse(url) == address


@pytest.mark.parametrize(
    "url",
    ["", "broker:1883", "http://broker", "mqtt://", "mqtt://:1883", "mqtt://b:99999", "mqtt://b:x", "mqtt://b:0",
     "mqtt://b/topic", "mqtt://b?x=1", "mqtt://[::1"],
)  # fmt: skip
def test_a_bad_url_is_named_in_the_error(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        mqtt_url.parse(url)
    assert repr(url) in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("url", ["mqtt://:secret@b", "mqtt://me:secret@b:0", "mqtt://me:secret@b/topic", "me:secret@b"])
def test_a_bad_url_is_named_without_its_credentials(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        mqtt_url.parse(url)
    assert repr(url.replace("me", "").replace(":secret@", "")) in caught.value.message
    assert "secret" not in caught.value.message


def test_credentials_are_not_shown() -> None:
    address = mqtt_url.parse("mqtt://me:secret@[::1]")
    assert str(address) == "mqtt://[::1]:1883"
    assert "secret" not in repr(address)
