"""``loadtest gateway``, ``loadtest csms``, ``loadtest broker``: one part alone, until Ctrl-C or SIGTERM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec
from click.core import ParameterSource

from loadtest.conformance.target import broker_url
from loadtest.errors import ExitCode, UsageError
from loadtest.protocol.encodings import EMQX, ENVELOPES, JSON, PROTOBUF
from loadtest.protocol.message_topics import DOWN, REPLY, UP, TopicTexts, checked_topics
from loadtest.runner import alone
from loadtest.runner.gateway_config import read_switches
from loadtest.runner.gateway_processes import GatewayRequest
from loadtest.scenario.broker_settings import broker_settings
from loadtest.scenario.settings import AUTO, BROKERS, MQTT_3_1_1, MQTT_5
from loadtest.transport.loop import run

BROKER_URL = "mqtt://127.0.0.1:1883"

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_broker_option = click.option(
    "--broker",
    default=BROKER_URL,
    show_default=True,
    metavar="URL",
    help="The broker.",
    callback=lambda _context, _option, url: broker_url(url),
)
_qos_option = click.option(
    "--qos", default="1", show_default=True, type=click.Choice(["0", "1", "2"]), help="MQTT quality of service."
)


@click.command(short_help="Serve the gateway alone.")
@click.option("--bind", default="127.0.0.1:33033", show_default=True, metavar="HOST:PORT", help="Where to listen.")
@_broker_option
@click.option(
    "--processes", default=1, show_default=True, type=click.IntRange(1, 64), metavar="N", help="They share the port."
)
@_qos_option
@click.option(
    "--path", default="/ocpp", show_default=True, metavar="PATH", help="What precedes /<charge point id> in the URL."
)
@click.option(
    "--password-file",
    type=_FILE,
    help="HTTP Basic: `id:hash` lines as made by `loadtest password`. Without it everyone is let in.",
)
@click.option("--tls-certificate", type=_FILE, help="PEM file of its certificate: serve wss://.")
@click.option("--tls-key", type=_FILE, help="PEM file of its private key, unless it is in the former.")
@click.option("--tls-client-ca", type=_FILE, help="PEM file of authorities: every client must show a certificate.")
@click.option(
    "--check-identity/--no-check-identity",
    default=True,
    show_default=True,
    help="User name, and a name in the client's certificate, must be the charge point's id.",
)
@click.option("--gateway-config", type=_FILE, help="TOML file of switches, see docs/gateway.md; options outdo it.")
@click.option(
    "--metrics-port", default=0, type=click.IntRange(0, 65535), metavar="PORT", help="Serve Prometheus metrics there."
)
def gateway(
    bind: str,
    broker: str,
    processes: int,
    qos: str,
    path: str,
    password_file: Path | None,
    tls_certificate: Path | None,
    tls_key: Path | None,
    tls_client_ca: Path | None,
    check_identity: bool,  # noqa: FBT001 - click's
    gateway_config: Path | None,
    metrics_port: int,
) -> int:
    """Serve the gateway alone: OCPP over WebSocket on one side, EMQX's MQTT topics on the other."""
    host, port = _address(bind)
    options = {
        "path": path,
        "password_file": _name(password_file),
        "check_identity": check_identity,
        "tls_certificate": _name(tls_certificate),
        "tls_key": _name(tls_key),
        "tls_client_ca": _name(tls_client_ca),
    }
    request = GatewayRequest(
        broker_url=broker,
        processes=processes,
        host=host,
        port=port,
        qos=int(qos),
        switches=read_switches(_name(gateway_config), _given(options)),
        metrics_port=metrics_port,
    )
    run(alone.gateway(request, lambda url: click.echo(f"gateway ready: {url}")))
    return ExitCode.PASSED


@click.command(short_help="Serve the central system alone.")
@_broker_option
@click.option(
    "--heartbeat-interval",
    default=300,
    show_default=True,
    type=click.IntRange(0),
    metavar="SECONDS",
    help="Of all charge points.",
)
@_qos_option
@click.option("--observe", is_flag=True, help="Only listen, while a backend of yours answers.")
@click.option("--encoding", default=JSON, show_default=True, type=click.Choice((JSON, PROTOBUF)), help="Of messages.")
@click.option("--envelope", default=EMQX, show_default=True, type=click.Choice(tuple(ENVELOPES)), help="With json.")
@click.option(
    "--mqtt-version", default=MQTT_3_1_1, show_default=True, type=click.Choice((MQTT_3_1_1, MQTT_5)), help="Of MQTT."
)
@click.option("--up-topic", default=UP, show_default=True, metavar="TOPIC", help="Of CALLs of charge points.")
@click.option("--reply-topic", default=REPLY, show_default=True, metavar="TOPIC", help="Of their answers.")
@click.option("--down-topic", default=DOWN, show_default=True, metavar="TOPIC", help="Of everything for one of them.")
def csms(
    broker: str,
    heartbeat_interval: int,
    qos: str,
    observe: bool,  # noqa: FBT001 - click's
    encoding: str,
    envelope: str,
    mqtt_version: str,
    up_topic: str,
    reply_topic: str,
    down_topic: str,
) -> int:
    """Serve the central system alone: answers every charge point behind the broker."""
    topics = TopicTexts(up_topic, reply_topic, down_topic)
    settings: dict[str, Any] = {
        "broker_url": broker,
        "qos": int(qos),
        "answer": not observe,
        "heartbeat_interval_s": heartbeat_interval,
        "encoding": encoding,
        "envelope": envelope,
        "mqtt_version": mqtt_version,
        "topics": msgspec.to_builtins(topics),
        "filters": checked_topics(topics, "--{}-topic").filters,
        "run_tag": 0,
    }
    run(alone.csms(settings, lambda url: click.echo(f"csms ready: {url}")))
    return ExitCode.PASSED


@click.command(short_help="Serve a broker alone.")
@click.option("--kind", default=AUTO, show_default=True, metavar="|".join((AUTO, *BROKERS)), help="Which broker.")
@click.option(
    "--broker-setting",
    multiple=True,
    metavar="NAME=VALUE",
    help="A setting of it, in its own words; may be given several times; without a value its own default holds.",
)
@click.option("--port", type=click.IntRange(1, 65535), metavar="PORT", help="Loopback port; a free one when left out.")
def broker(kind: str, broker_setting: tuple[str, ...], port: int | None) -> int:
    """Serve a broker alone, tuned for measuring, on loopback."""
    if kind not in (AUTO, *BROKERS):
        raise UsageError(f"--kind: there is no broker {kind!r}", hint=f"one of {', '.join((AUTO, *BROKERS))}")

    def announce(url: str, what: str) -> None:
        click.echo(f"broker ready: {url} ({what})")

    run(alone.broker(kind, port, broker_settings("; ".join(broker_setting)), announce))
    return ExitCode.PASSED


def _address(bind: str) -> tuple[str, int]:
    host, colon, port = bind.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise UsageError(f"--bind: {bind!r} is not HOST:PORT", hint="for example --bind 0.0.0.0:33033")
    return host.strip("[]"), int(port)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Those that stand on the command line: a file may say otherwise than their defaults."""
    source = click.get_current_context().get_parameter_source
    return {name: value for name, value in options.items() if source(name) is ParameterSource.COMMANDLINE}


def _name(path: Path | None) -> str:
    return "" if path is None else str(path)
