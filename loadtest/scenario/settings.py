"""The settings of a run: one table from which command-line flags, Locust's form and validation follow.

How values become settings, and what is wrong with them: :mod:`loadtest.scenario.resolve`.
"""

from __future__ import annotations

import os
import re
from typing import Any, Literal, get_args

import msgspec

from loadtest.protocol.encodings import EMQX, JSON, PROTOBUF, EncodingName, EnvelopeName
from loadtest.protocol.stamp import MAX_CHARGE_POINTS
from loadtest.scenario.credentials import CredentialFiles

EMBEDDED = "embedded"
"""The gateway that comes with the harness."""

MQTT_3_1_1, MQTT_5 = "3.1.1", "5"

AUTO = "auto"
BROKERS = ("mosquitto", "nats", "rabbitmq", "ejabberd", "activemq", "aedes", "amqtt")
"""The brokers the harness can start, see :mod:`loadtest.brokers.kinds`; ``auto`` takes one that is installed."""

GATEWAY, DIRECT = "gateway", "direct"
"""Paths of charge points to the broker: over WebSocket through a gateway; as MQTT clients."""

Kind = Literal["int", "float", "duration", "text", "choice", "flag"]


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting. A ``duration`` is written as text (``30s``) and resolved to seconds.

    A ``flag`` is an option without a value. One that is ``repeatable`` may be given several times; its value is then
    all of them, joined by semicolons.
    """

    name: str
    kind: Kind
    default: int | float | str
    help: str
    metavar: str = ""
    repeatable: bool = False
    choices: tuple[str, ...] = ()
    low: float = 0
    high: float = float("inf")

    @property
    def flag(self) -> str:
        """The command-line flag."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable that gives its default, for what should not stand on a command line."""
        return f"LOADTEST_{self.name.upper()}"


SETTINGS: tuple[Setting, ...] = (
    Setting(
        name="charge_points",
        kind="int",
        default=2000,
        low=1,
        high=MAX_CHARGE_POINTS,
        metavar="N",
        help="charge points in the whole fleet, shared out among its classes by weight",
    ),
    Setting(
        name="duration",
        kind="duration",
        default="30s",
        low=1,
        metavar="TIME",
        help="length of the steady phase, after ramp-up",
    ),
    Setting(name="ramp", kind="duration", default="10s", metavar="TIME", help="time over which charge points connect"),
    Setting(
        name="warmup",
        kind="duration",
        default="0s",
        metavar="TIME",
        help="a phase before the steady one, at full load, that thresholds and tables of the steady phase leave out",
    ),
    Setting(
        name="seed",
        kind="int",
        default=1,
        high=2**63,
        metavar="N",
        help="seed of every random choice; the same seed gives the same schedule",
    ),
    Setting(
        name="heartbeat_interval",
        kind="duration",
        default="0s",
        high=86400,
        metavar="TIME",
        help="heartbeat interval of all charge points, fractions of a second allowed; 0: as the scenario, or your "
        "central system, says",
    ),
    Setting(
        name="engines", kind="int", default=1, low=1, high=256, metavar="N", help="engine processes per Locust worker"
    ),
    Setting(
        name="path",
        kind="choice",
        default=GATEWAY,
        choices=(GATEWAY, DIRECT),
        help="how charge points reach the broker: through a gateway over WebSocket, or as MQTT clients themselves; "
        "a fleet class may say it for its own",
    ),
    Setting(
        name="gateway",
        kind="text",
        default=EMBEDDED,
        metavar="embedded|ws://…|wss://…",
        help="the gateway under test: ours, or a URL to which /<charge point id> is appended",
    ),
    Setting(
        name="security_profile",
        kind="choice",
        default="0",
        choices=("0", "1", "2", "3"),
        help="OCPP security profile of the embedded gateway, with certificates and passwords made for the run: "
        "1 is Basic, 2 is TLS and Basic, 3 is TLS with client certificates",
    ),
    Setting(
        name="ca_file",
        kind="text",
        default="",
        metavar="FILE",
        help="PEM file of the authorities trusted for a wss:// gateway, or an mqtts:// broker on the direct path; "
        "those of the system when left out",
    ),
    Setting(
        name="client_certificate",
        kind="text",
        default="",
        metavar="FILE",
        help="PEM file of the charge points' certificate; with ${cid} or ${number} in it each has its own",
    ),
    Setting(
        name="client_key",
        kind="text",
        default="",
        metavar="FILE",
        help="PEM file of its private key, unless it is in the same file",
    ),
    Setting(
        name="password_file",
        kind="text",
        default="",
        metavar="FILE",
        help="passwords of charge points, one id:password a line",
    ),
    Setting(
        name="embedded_address",
        kind="text",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="IPv4 address of this machine for the gateway and the broker that are started for a run; workers on other "
        "machines need one they can reach. Everyone who reaches it can connect",
    ),
    Setting(
        name="gateway_processes",
        kind="int",
        default=1,
        low=1,
        high=64,
        metavar="N",
        help="processes of the embedded gateway, on one port",
    ),
    Setting(
        name="gateway_config",
        kind="text",
        default="",
        metavar="FILE",
        help="TOML file of switches of the embedded gateway; without it it behaves as EMQX's does by default",
    ),
    Setting(
        name="gateway_metrics_port",
        kind="int",
        default=0,
        high=65535,
        metavar="PORT",
        help="port on which the embedded gateway's counters are served in Prometheus format; 0: none",
    ),
    Setting(
        name="broker",
        kind="text",
        default=AUTO,
        metavar="|".join((AUTO, *BROKERS, "mqtt://…")),
        help="the broker: one started by the harness, or a URL",
    ),
    Setting(
        name="broker_setting",
        kind="text",
        default="",
        repeatable=True,
        metavar="NAME=VALUE",
        help="a setting of the broker that is started, in its own words, such as set_tcp_nodelay=false; may be given "
        "several times; without a value the broker's own default holds",
    ),
    Setting(
        name="encoding",
        kind="choice",
        default=JSON,
        choices=(JSON, PROTOBUF),
        help="how messages on the direct path are written, and those of the central system",
    ),
    Setting(
        name="envelope",
        kind="choice",
        default=EMQX,
        choices=get_args(EnvelopeName),
        help="how they stand in JSON: as objects of EMQX's gateway or of MaEVe's, or as the array of OCPP-J",
    ),
    Setting(
        name="mqtt_version",
        kind="choice",
        default=MQTT_3_1_1,
        choices=(MQTT_3_1_1, MQTT_5),
        help="MQTT of charge points on the direct path",
    ),
    Setting(
        name="session_expiry",
        kind="duration",
        default="0s",
        metavar="TIME",
        help="how long the broker is to keep the session of a charge point on the direct path that is away, with what "
        "is queued for it; 0: not at all; with MQTT 3.1.1 any other time means as long as the broker likes",
    ),
    Setting(
        name="mqtt_keep_alive",
        kind="duration",
        default="60s",
        high=65535,
        metavar="TIME",
        help="MQTT keep alive of charge points on the direct path; 0: none",
    ),
    Setting(
        name="status_topic",
        kind="text",
        default="",
        metavar="TOPIC",
        help="topic with ${cid} in it on which charge points on the direct path say online, and their last will "
        "offline, retained, such as ocpp/status/${cid}; left out: they do not, and have no will",
    ),
    Setting(
        name="csms",
        kind="choice",
        default="embedded",
        choices=("embedded", "observe"),
        help="embedded answers charge points; observe only listens and measures while a backend of yours answers, "
        "behind a --broker of yours",
    ),
    Setting(
        name="qos", kind="choice", default="1", choices=("0", "1", "2"), help="MQTT quality of service on every hop"
    ),
    Setting(
        name="persistent",
        kind="flag",
        default="",
        help="the broker keeps the central system's session and messages queued for it while it is away; "
        "an embedded one that can keeps them on disk when it is restarted",
    ),
    Setting(name="subscribers", kind="int", default=1, low=1, high=64, metavar="N", help="subscriber processes"),
    Setting(
        name="subscriber_client",
        kind="choice",
        default="lean",
        choices=("lean", "aiomqtt"),
        help="MQTT client of the subscribers; aiomqtt is the second opinion for low rates",
    ),
    Setting(
        name="call_timeout",
        kind="duration",
        default="30s",
        low=0.1,
        metavar="TIME",
        help="how long a charge point waits for an answer",
    ),
    Setting(
        name="drain_timeout",
        kind="duration",
        default="10s",
        metavar="TIME",
        help="how long answers and deliveries under way are waited for at the end",
    ),
    Setting(
        name="threshold",
        kind="text",
        default="",
        repeatable=True,
        metavar="TEXT",
        help="what must hold, such as 'p99 uplink Heartbeat steady < 50ms' or 'lost < 0.1%%'; may be given several "
        "times; replaces what the scenario says of the same metric",
    ),
    Setting(name="no_thresholds", kind="flag", default="", help="judge no thresholds, not even those of the scenario"),
    Setting(
        name="metrics_port",
        kind="int",
        default=0,
        high=65535,
        metavar="PORT",
        help="port on which the figures of the run are served in Prometheus format while it goes on; 0: none",
    ),
    Setting(
        name="metrics_host",
        kind="text",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address of that port; there is no login, so that other addresses are for networks you trust",
    ),
    Setting(
        name="results", kind="text", default="results", metavar="DIR", help="folder in which the run's folder is made"
    ),
    Setting(name="run_id", kind="text", default="auto", metavar="NAME", help="name of the run and of its folder"),
)

SECRETS: tuple[Setting, ...] = (
    Setting(
        name="password",
        kind="text",
        default="",
        help="password of charge points, with ${cid} or ${number} where charge points differ; hex:00ff for any bytes",
    ),
    Setting(
        name="web_password",
        kind="text",
        default="",
        help="password of Locust's web UI, for --web-login; any user name goes with it",
    ),
)
"""What has a variable in the environment and no flag, and is in no resolved settings: whoever needs one reads it by
:func:`secret`. So it cannot get into arguments, Locust's options, its web UI, a run's record or its reports."""

_PASSWORD_IN_URL = re.compile(r"((?:^|\w://)[^:/@\s]*):[^/?#\s]*@")


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings as resolved: durations in seconds, numbers as numbers."""

    charge_points: int
    duration_s: float
    ramp_s: float
    warmup_s: float
    seed: int
    heartbeat_interval_s: float
    engines: int
    path: str
    gateway: str
    embedded_address: str
    gateway_processes: int
    gateway_config: str
    gateway_metrics_port: int
    security_profile: int
    ca_file: str
    client_certificate: str
    client_key: str
    password_file: str
    broker: str
    broker_setting: str
    encoding: EncodingName
    envelope: EnvelopeName
    mqtt_version: str
    session_expiry_s: float
    mqtt_keep_alive_s: float
    status_topic: str
    csms: str
    qos: int
    persistent: bool
    subscribers: int
    subscriber_client: str
    call_timeout_s: float
    drain_timeout_s: float
    threshold: str
    no_thresholds: bool
    metrics_port: int
    metrics_host: str
    results: str
    run_id: str

    @property
    def credentials(self) -> CredentialFiles:
        """The files charge points use with a gateway, or on the direct path a broker, given by its URL."""
        return CredentialFiles(
            ca_file=self.ca_file,
            client_certificate=self.client_certificate,
            client_key=self.client_key,
            password_file=self.password_file,
        )

    @property
    def drain_most_s(self) -> float:
        """Longest the end of a run may take: commands, answers, deliveries and last reports are each waited for."""
        return 4 * self.drain_timeout_s

    def public(self) -> dict[str, Any]:
        """As a plain mapping for records and reports, passwords in URLs masked."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain | {"gateway": masked(self.gateway), "broker": masked(self.broker)}


def masked(text: str) -> str:
    """The text with the password of every URL in it replaced by stars, also where one begins without its scheme."""
    return _PASSWORD_IN_URL.sub(r"\1:***@", text)


def secret(name: str) -> str:
    """The value of a secret setting, from the environment; empty when it is not given."""
    (setting,) = (setting for setting in SECRETS if setting.name == name)
    return os.environ.get(setting.variable, "")


def written(name: str, value: str) -> str:
    """Where a setting's value was written, for messages: the variable of the environment that holds it, or the flag."""
    (setting,) = (setting for setting in SETTINGS if setting.name == name)
    return setting.variable if os.environ.get(setting.variable) == value else setting.flag
