"""The settings of the system under test: of a run's gateway, broker and central system, and of the way to them."""

from __future__ import annotations

from typing import get_args

from loadtest.protocol.encodings import EMQX, JSON, PROTOBUF, EnvelopeName
from loadtest.protocol.message_topics import DOWN, REPLY, UP
from loadtest.scenario.setting import Setting
from loadtest.scenario.settings import AUTO, BROKERS, DIRECT, EMBEDDED, GATEWAY, MQTT_3_1_1, MQTT_5

SYSTEM: tuple[Setting, ...] = (
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
    Setting(name="subscribers", kind="int", default=1, low=1, high=64, metavar="N", help="subscriber processes"),
    Setting(
        name="csms_mqtt_version",
        kind="choice",
        default=MQTT_3_1_1,
        choices=(MQTT_3_1_1, MQTT_5),
        help="MQTT of the central system; with 5 its commands can expire, and name the topic of their answers",
    ),
    Setting(
        name="command_expiry",
        kind="duration",
        default="0s",
        high=0xFFFFFFFF,
        metavar="TIME",
        help="with --csms-mqtt-version 5: after this time, in whole seconds, the broker drops a command instead of "
        "delivering it; 0: never",
    ),
    Setting(
        name="response_topic",
        kind="text",
        default="",
        metavar="TOPIC",
        help="with --csms-mqtt-version 5 and --mqtt-version 5: topic with ${cid} in it that commands name for their "
        "answers, such as ocpp/answers/${cid}; left out: answers go where they always do",
    ),
    Setting(
        name="subscriber_client",
        kind="choice",
        default="lean",
        choices=("lean", "aiomqtt"),
        help="MQTT client of the subscribers; aiomqtt is the second opinion for low rates",
    ),
)

SECURITY: tuple[Setting, ...] = (
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
)
"""Who may connect, and how either side proves it."""
