"""Which broker a run gets, and the reason it gives."""

from __future__ import annotations

import pytest

from loadtest.brokers import choose
from loadtest.brokers.adaptations import for_features
from loadtest.brokers.broker import BrokerFacts
from loadtest.brokers.kind import Demand, Features
from loadtest.brokers.mosquitto import Mosquitto
from loadtest.brokers.process import ending
from loadtest.errors import EnvironmentNotReady, UsageError


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mosquitto, "executable", lambda _: "/usr/sbin/mosquitto")


@pytest.fixture
def not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mosquitto, "executable", lambda _: None)


@pytest.mark.usefixtures("installed")
def test_auto_takes_mosquitto_when_it_is_installed() -> None:
    assert choose.choose("auto").kind == "mosquitto"


@pytest.mark.usefixtures("not_installed")
def test_auto_without_mosquitto_takes_amqtt_and_names_the_command_that_installs_it() -> None:
    choice = choose.choose("auto")
    assert choice.kind == "amqtt"
    assert Mosquitto().install_command() in choice.why


@pytest.mark.usefixtures("not_installed")
def test_mosquitto_by_name_is_never_replaced_by_another() -> None:
    with pytest.raises(EnvironmentNotReady) as caught:
        choose.choose("mosquitto")
    assert Mosquitto().install_command() in caught.value.hint


def test_a_url_is_an_external_broker() -> None:
    choice = choose.choose("mqtt://broker.example:1884")
    assert (choice.kind, choice.url) == ("external", "mqtt://broker.example:1884")


@pytest.mark.parametrize("wanted", ["rabbit", "", "http://host:1883", "mqtt://:1883"])
def test_anything_else_is_refused(wanted: str) -> None:
    with pytest.raises(UsageError):
        choose.choose(wanted)


def test_a_password_never_reaches_the_record() -> None:
    features = Features(mqtt5=True, shared_subscriptions=True, persistent=None)
    url, why = "mqtt://me:s3cret@h:1883", "asked for by URL"
    facts = BrokerFacts(kind="external", version="", url=url, why=why, embedded=False, features=features)
    assert "s3cret" not in repr(facts.public())


@pytest.mark.parametrize(
    ("status", "words"), [(0, "exited with status 0"), (3, "exited with status 3"), (-9, "was killed by SIGKILL")]
)
def test_an_ending_in_words(status: int, words: str) -> None:
    assert ending(status) == words


def test_only_what_is_asked_for_and_cannot_be_had_is_otherwise() -> None:
    modest = Features(mqtt5=False, shared_subscriptions=False, persistent=False, highest_qos=1)
    assert list(for_features("NATS 2.9.10", modest, Demand(qos=1))) == []
    assert list(for_features("NATS 2.9.10", modest, Demand(qos=2, mqtt5=True, subscribers=4))) == [
        "NATS 2.9.10 has no QoS 2: QoS 1 instead",
        "NATS 2.9.10 has no MQTT 5: MQTT 3.1.1 instead",
        "NATS 2.9.10 has no shared subscriptions: 1 subscriber instead of 4",
    ]
    assert (
        list(for_features("any", Features(mqtt5=True, shared_subscriptions=True, persistent=True), Demand(qos=2))) == []
    )
