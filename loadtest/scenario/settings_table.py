"""The settings of a run: one table from which command-line flags, Locust's form and validation follow.

How values become settings, and what is wrong with them: :mod:`loadtest.scenario.resolve`.
"""

from __future__ import annotations

import os
from typing import get_args

from loadtest.protocol.encodings import EMQX, JSON, PROTOBUF, EnvelopeName
from loadtest.protocol.message_topics import DOWN, REPLY, UP
from loadtest.protocol.stamp import MAX_CHARGE_POINTS
from loadtest.scenario.setting import Setting
from loadtest.scenario.settings import AUTO, BROKERS, DIRECT, EMBEDDED, GATEWAY, MQTT_3_1_1, MQTT_5

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
        name="up_topic",
        kind="text",
        default=UP,
        metavar="TOPIC",
        help="topic of the CALLs of charge points on the direct path: ${cid} in it once, ${action} at will, not both "
        "in one level",
    ),
    Setting(
        name="reply_topic",
        kind="text",
        default=REPLY,
        metavar="TOPIC",
        help="topic of their answers to commands, with ${cid} in it; may be the same as that of CALLs",
    ),
    Setting(
        name="down_topic",
        kind="text",
        default=DOWN,
        metavar="TOPIC",
        help="topic of everything for a charge point on the direct path, with ${cid} in it",
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
        name="qos_of",
        kind="text",
        default="",
        repeatable=True,
        metavar="ACTION=QOS",
        help="another one for a message of charge points on the direct path, such as MeterValues=0; may be given "
        "several times",
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


def written(name: str, value: str) -> str:
    """Where a setting's value was written, for messages: the variable of the environment that holds it, or the flag."""
    (setting,) = (setting for setting in SETTINGS if setting.name == name)
    return setting.variable if os.environ.get(setting.variable) == value else setting.flag
