"""RabbitMQ, ejabberd and ActiveMQ: their configuration, and that nothing of them is outside their folder."""

from __future__ import annotations

import asyncio
import zipfile
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from loadtest.brokers import activemq, ejabberd, rabbitmq
from loadtest.brokers.activemq import ActiveMq
from loadtest.brokers.ejabberd import Ejabberd
from loadtest.brokers.kind import Demand, Site
from loadtest.brokers.kind_settings import in_force
from loadtest.brokers.process import spawn
from loadtest.brokers.rabbitmq import RabbitMq
from loadtest.brokers.start import start
from loadtest.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.brokers.kind import BrokerKind

CORE = "{http://activemq.apache.org/schema/core}"


def site(kind: BrokerKind, folder: Path, *, persistent: bool = False, wanted: dict[str, str] | None = None) -> Site:
    (folder / "data").mkdir(exist_ok=True)
    settings = in_force(kind, wanted or {}, Demand(persistent=persistent))
    return Site(port=1884, log_dir=folder, data_dir=folder / "data", settings=settings, persistent=persistent)


def test_rabbitmq_speaks_mqtt_on_loopback_and_nothing_else(tmp_path: Path) -> None:
    text = rabbitmq.config_text(site(RabbitMq(), tmp_path, wanted={"mqtt.prefetch": "10", "heartbeat": "60"}))
    config = dict(line.split(" = ") for line in text.splitlines())
    assert config["listeners.tcp"] == "none"
    assert config["mqtt.listeners.tcp.1"] == "127.0.0.1:1884"
    assert config["mqtt.tcp_listen_options.nodelay"] == config["mqtt.allow_anonymous"] == "true"
    assert (config["mqtt.prefetch"], config["heartbeat"]) == ("10", "60")


def test_rabbitmq_keeps_everything_in_its_folder_and_needs_no_port_mapper(tmp_path: Path) -> None:
    launch = RabbitMq().prepare(site(RabbitMq(), tmp_path))
    environment = launch.environment
    for name in ("HOME", "RABBITMQ_MNESIA_BASE", "RABBITMQ_LOG_BASE", "RABBITMQ_PID_FILE"):
        assert environment[name].startswith(str(tmp_path / "data"))
    assert "-dist_listen false -start_epmd false" in environment["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"]
    assert (tmp_path / "data" / "enabled_plugins").read_text() == "[rabbitmq_mqtt].\n"


@pytest.mark.parametrize(("part", "version"), [("rabbit-3.10.8", "3.10.8"), ("rabbit-3.9.1.ez", "3.9.1"), ("x", "")])
def test_rabbitmq_is_as_old_as_its_main_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, version: str
) -> None:
    (tmp_path / "plugins" / part).mkdir(parents=True)
    (tmp_path / "plugins" / "rabbit_common-1.0").mkdir()
    monkeypatch.setattr(RabbitMq, "executable", lambda _: str(tmp_path / "sbin" / "rabbitmq-server"))
    assert RabbitMq().version() == version


@pytest.mark.parametrize(("version", "able"), [("3.9.1", False), ("3.10.8", False), ("3.13.0", True), ("4.0.1", True)])
def test_rabbitmq_speaks_mqtt_5_since_3_13(monkeypatch: pytest.MonkeyPatch, version: str, able: bool) -> None:
    monkeypatch.setattr(RabbitMq, "version", lambda _: version)
    assert RabbitMq().features().mqtt5 is able


def test_settings_of_ejabberd_stand_in_their_blocks(tmp_path: Path) -> None:
    wanted = {"listen.max_payload_size": "70000", "mod_mqtt.session_expiry": "60", "shaper_rules.x": "1"}
    assert ejabberd.config_text(site(Ejabberd(), tmp_path, wanted=wanted)) == (
        "hosts: [localhost]\nauth_method: [anonymous]\nanonymous_protocol: login_anon\nlog_rotate_count: 0\n"
        "loglevel: warning\nshaper_rules.x: 1\n"
        'listen:\n  -\n    port: 1884\n    ip: "127.0.0.1"\n    module: mod_mqtt\n    backlog: 4096\n'
        "    max_payload_size: 70000\n"
        "modules:\n  mod_mqtt:\n    max_queue: unlimited\n    max_topic_depth: infinity\n    session_expiry: 60\n"
    )


def test_ejabberd_with_no_setting_of_mqtt_is_still_told_to_speak_it(tmp_path: Path) -> None:
    wanted = {"mod_mqtt.max_queue": "", "mod_mqtt.max_topic_depth": ""}
    assert ejabberd.config_text(site(Ejabberd(), tmp_path, wanted=wanted)).endswith("modules:\n  mod_mqtt: {}\n")


def test_ejabberd_is_found_where_its_wrapper_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrapper = tmp_path / "ejabberdctl"
    wrapper.write_text(f"#!/bin/bash\nERL=/usr/bin/erl\nERL_LIBS='{tmp_path}'\nexport ERL_LIBS\n")
    monkeypatch.setattr(Ejabberd, "executable", lambda _: str(wrapper))
    (tmp_path / "ejabberd-23.01-1" / "ebin").mkdir(parents=True)
    (tmp_path / "ejabberd-23.01-1" / "ebin" / "ejabberd.app").write_text('{application,ejabberd,[{vsn,"23.01-1"}]}.')
    assert Ejabberd().version() == "23.01"
    environment = Ejabberd().prepare(site(Ejabberd(), tmp_path)).environment
    assert environment["ERL_LIBS"] == str(tmp_path)
    assert environment["HOME"] == str(tmp_path / "data")


def test_that_ejabberd_has_one_message_in_flight_is_told_where_it_matters() -> None:
    assert Ejabberd().fitted(Demand(qos=0)) == ({}, ())
    (told,) = Ejabberd().fitted(Demand(qos=2))[1]
    assert "one message of QoS 2 at a time" in told


def elements(kind_site: Site) -> tuple[dict[str, str], dict[str, str], str]:
    """Attributes of broker and policy, and the connector's URI."""
    broker = ET.fromstring(activemq.config_text(kind_site)).find(f"{CORE}broker")
    assert broker is not None
    policy, connector = broker.find(f".//{CORE}policyEntry"), broker.find(f".//{CORE}transportConnector")
    assert policy is not None
    assert connector is not None
    return broker.attrib, policy.attrib, connector.attrib["uri"]


def test_activemq_has_one_connector_and_what_holds_messages_back_is_off(tmp_path: Path) -> None:
    broker, policy, uri = elements(site(ActiveMq(), tmp_path))
    assert broker["useJmx"] == broker["advisorySupport"] == broker["persistent"] == "false"
    assert broker["dataDirectory"] == str(tmp_path / "data")
    assert policy == {"topic": ">", "producerFlowControl": "false"}
    assert uri.startswith("mqtt+nio://127.0.0.1:1884?")
    assert "&transport.tcpNoDelay=true" in uri


def test_settings_of_activemq_go_where_their_first_word_says(tmp_path: Path) -> None:
    wanted = {
        "policy.memoryLimit": '64 "mb"',
        "connector.transport.soTimeout": "5&6",
        "connector.transport.tcpNoDelay": "false",
        "java.Xmx": "2g",
        "java.XX:MaxGCPauseMillis": "50",
    }
    its_site = site(ActiveMq(), tmp_path, persistent=True, wanted=wanted)
    broker, policy, uri = elements(its_site)
    assert broker["persistent"] == "true"
    assert policy["memoryLimit"] == '64 "mb"'
    assert "transport.tcpNoDelay=false" in uri
    assert "transport.soTimeout=5%266" in uri
    assert {"-Xmx2g", "-XX:MaxGCPauseMillis=50"} <= set(ActiveMq().prepare(its_site).argv)


def test_what_activemq_would_pass_over_in_silence_is_refused(tmp_path: Path) -> None:
    wanted = {"connector.transport.soTimeOut": "1", "prefetch": "3", "java": "x"}
    with pytest.raises(UsageError) as caught:
        activemq.config_text(site(ActiveMq(), tmp_path, wanted=wanted))
    assert caught.value.faults == (
        "--broker-setting connector.transport.soTimeOut: its connector has no such option; it has transport.soTimeout",
        "--broker-setting prefetch: begins with none of broker., policy., connector., java.",
        "--broker-setting java: begins with none of broker., policy., connector., java.",
    )


def test_activemq_is_installed_when_its_codec_of_mqtt_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIVEMQ_HOME", str(tmp_path))
    monkeypatch.setattr(activemq, "_DEBIAN_JARS", tmp_path / "none")
    monkeypatch.setattr(activemq, "find", lambda program: f"/there/is/{program}")
    (tmp_path / "bin").mkdir()
    with zipfile.ZipFile(tmp_path / "bin" / "activemq.jar", "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\nImplementation-Version: 5.17.2\r\n")
    assert (ActiveMq().version(), ActiveMq().executable()) == ("5.17.2", None)
    (tmp_path / "lib" / "optional").mkdir(parents=True)
    (tmp_path / "lib" / "optional" / "mqtt-client-1.16.jar").touch()
    assert ActiveMq().executable() == "/there/is/java"


@pytest.mark.parametrize(("name", "prefix"), [("rabbitmq", "cp.a-"), ("activemq", "cp,a-")])
def test_ids_that_would_come_out_as_others_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, prefix: str
) -> None:
    for kind in (RabbitMq, ActiveMq):
        monkeypatch.setattr(kind, "executable", lambda _: "/there")
    with pytest.raises(UsageError, match=r"which (RabbitMQ|ActiveMQ) does not carry"):
        asyncio.run(start(name, tmp_path, demand=Demand(id_prefixes=("cp-", prefix))))


@pytest.mark.parametrize(
    ("kind", "said", "told"),
    [
        (
            RabbitMq(),
            "12 [info] starting\n12 [error] <0.1.0>   - Conf file attempted to set mqtt.foo\n12 [error] ancestors: []",
            "12 [error] <0.1.0>   - Conf file attempted to set mqtt.foo",
        ),
        (Ejabberd(), "[critical] Unknown option: foo\n[os_mon] closed", "[critical] Unknown option: foo"),
        (
            ActiveMq(),
            "Caused by: A; nested exception is B\nCaused by: java.net.BindException: Address already in use\n\tat x",
            "Caused by: java.net.BindException: Address already in use",
        ),
        (ActiveMq(), "a\nb", "a\nb"),
    ],
)
def test_of_a_long_log_that_is_told_which_says_why(tmp_path: Path, kind: BrokerKind, said: str, told: str) -> None:
    async def last_words() -> str:
        process = await spawn(kind.name, ["printf", "%s\n", said], tmp_path / "log", telling=kind.telling)
        await process.ended()
        return process.last_words()

    assert asyncio.run(last_words()) == told
