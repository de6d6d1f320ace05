"""The configuration each kind of broker is measured with, and whose settings go into it."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest

from loadtest.brokers import mosquitto, nats
from loadtest.brokers.amqtt import Amqtt
from loadtest.brokers.kind import Demand, Site
from loadtest.brokers.kind_settings import in_force
from loadtest.brokers.kinds import KINDS
from loadtest.brokers.mosquitto import Mosquitto
from loadtest.brokers.nats import Nats
from loadtest.errors import UsageError
from loadtest.scenario.settings import BROKERS

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.brokers.kind import BrokerKind


def site(kind: BrokerKind, folder: Path, *, persistent: bool = False, **wanted: str) -> Site:
    settings = in_force(kind, wanted, Demand(persistent=persistent))
    return Site(port=1884, log_dir=folder, data_dir=folder / "data", settings=settings, persistent=persistent)


def directives(folder: Path, *, as_root: bool = False, persistent: bool = False, **wanted: str) -> dict[str, str]:
    lines = mosquitto.config_text(site(Mosquitto(), folder, persistent=persistent, **wanted), as_root=as_root)
    return dict(line.split(" ", 1) for line in lines.splitlines() if not line.startswith("log_type"))


def test_what_holds_messages_back_in_mosquitto_by_default_is_off(tmp_path: Path) -> None:
    config = directives(tmp_path)
    assert config["set_tcp_nodelay"] == "true"
    assert config["max_inflight_messages"] == config["max_queued_messages"] == "0"
    assert config["persistence"] == "false"


def test_mosquitto_keeps_what_is_to_outlive_a_restart_in_its_folder(tmp_path: Path) -> None:
    config = directives(tmp_path, persistent=True)
    assert (config["persistence"], config["persistence_location"]) == ("true", f"{tmp_path}/data/")


def test_mosquitto_listens_on_loopback_only(tmp_path: Path) -> None:
    assert directives(tmp_path)["listener"] == "1884 127.0.0.1"


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_kind_listens_on_the_address_wanted(kind: BrokerKind, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    elsewhere = dataclasses.replace(site(kind, tmp_path), address="10.9.8.7")
    texts = [file.read_text() for file in kind.prepare(elsewhere).config_files]
    assert any("10.9.8.7" in text for text in texts)


def test_only_root_tells_mosquitto_to_stay_who_it_is(tmp_path: Path) -> None:
    assert directives(tmp_path, as_root=True)["user"] == "root"
    assert "user" not in directives(tmp_path)


def test_a_setting_of_the_user_outdoes_the_table_and_an_empty_one_leaves_it_to_the_broker(tmp_path: Path) -> None:
    config = directives(tmp_path, set_tcp_nodelay="false", max_queued_messages="", memory_limit="1000")
    assert (config["set_tcp_nodelay"], config["memory_limit"]) == ("false", "1000")
    assert "max_queued_messages" not in config


def test_settings_of_nats_stand_in_their_blocks_and_texts_are_quoted(tmp_path: Path) -> None:
    wanted = {"mqtt.ack_wait": "10s", "debug": "true", "cluster.name": "a b"}
    settings = in_force(Nats(), wanted, Demand(charge_points=2000))
    text = nats.config_text(Site(port=1884, log_dir=tmp_path, data_dir=tmp_path, settings=settings))
    top, _, blocks = text.partition("mqtt {")
    assert "debug: true\n" in top
    assert 'listen: "127.0.0.1:-1"\n' in top
    mqtt, _, rest = blocks.partition("}")
    assert "ack_wait: 10s" in mqtt
    assert "max_ack_pending: 32" in mqtt
    assert 'listen: "127.0.0.1:1884"' in mqtt
    assert 'cluster {\n  name: "a b"\n}' in rest
    assert f'store_dir: "{tmp_path}"' in rest


def test_amqtt_takes_whole_numbers(tmp_path: Path) -> None:
    kind = Amqtt()
    launch = kind.prepare(site(kind, tmp_path, session_expiry_interval="60"))
    assert json.loads(launch.config_files[0].read_text()) == {
        "address": "127.0.0.1",
        "port": 1884,
        "max_connections": 0,
        "session_expiry_interval": 60,
    }
    with pytest.raises(UsageError, match="session_expiry_interval: 'soon' is not a whole number"):
        kind.prepare(site(kind, tmp_path, session_expiry_interval="soon"))


def test_an_unknown_setting_is_refused_with_those_that_may_be_meant() -> None:
    with pytest.raises(UsageError) as caught:
        in_force(Amqtt(), {"max_connection": "5", "colour": "red"})
    near, none = caught.value.faults
    assert near == "--broker-setting max_connection: amqtt has no such setting; did you mean max_connections?"
    assert "it has max_connections, session_expiry_interval" in none


def test_what_the_harness_decides_is_not_the_users() -> None:
    with pytest.raises(UsageError) as caught:
        in_force(Mosquitto(), {"listener": "1883", "persistence": "false"}, Demand(persistent=True))
    assert caught.value.faults == (
        "--broker-setting listener: the harness decides this one",
        "--broker-setting persistence=false: contradicts --persistent, which needs true",
    )


def test_every_kind_can_be_asked_for_by_name_and_says_how_it_is_installed() -> None:
    assert tuple(KINDS) == BROKERS
    for kind in KINDS.values():
        assert kind.install_command()
        assert not kind.our_settings & set(kind.tuned)


@pytest.mark.parametrize(("version", "qos"), [("2.9.10", 1), ("2.10.1", 2), ("2.15.0", 2)])
def test_nats_takes_qos_2_since_2_10(monkeypatch: pytest.MonkeyPatch, version: str, qos: int) -> None:
    monkeypatch.setattr(Nats, "version", lambda _: version)
    assert Nats().features().highest_qos == qos


def test_nats_cuts_its_window_into_as_many_parts_as_there_are_charge_points() -> None:
    settings, (sentence,) = Nats().fitted(Demand(charge_points=2000))
    assert settings == {"mqtt.max_ack_pending": "32"}
    assert "32 in each, with 2,000 charge points" in sentence
    assert Nats().fitted(Demand(charge_points=0)) == ({"mqtt.max_ack_pending": "16383"}, ())
    assert Nats().fitted(Demand(qos=0, charge_points=100_000)) == ({}, ())
    with pytest.raises(UsageError, match="65,535 subscriptions above QoS 0"):
        in_force(Nats(), {}, Demand(charge_points=70_000))
