"""The settings of a run as they are resolved, and the values that some of them can have."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from loadtest.protocol.encodings import EncodingName, EnvelopeName
from loadtest.protocol.message_topics import TopicTexts
from loadtest.scenario.credentials import CredentialFiles
from loadtest.scenario.qos_of import qos_of

EMBEDDED = "embedded"
"""The gateway that comes with the harness."""

MQTT_3_1_1, MQTT_5 = "3.1.1", "5"

AUTO = "auto"
BROKERS = ("mosquitto", "nats", "rabbitmq", "ejabberd", "activemq", "aedes", "amqtt")
"""The brokers the harness can start, see :mod:`loadtest.brokers.kinds`; ``auto`` takes one that is installed."""

GATEWAY, DIRECT = "gateway", "direct"
"""Paths of charge points to the broker: over WebSocket through a gateway; as MQTT clients."""


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
    up_topic: str
    reply_topic: str
    down_topic: str
    csms: str
    qos: int
    qos_of: str
    persistent: bool
    subscribers: int
    csms_mqtt_version: str
    command_expiry_s: float
    response_topic: str
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
    def topics(self) -> TopicTexts:
        """Templates of the topics of messages on the direct path."""
        return TopicTexts(self.up_topic, self.reply_topic, self.down_topic)

    @property
    def highest_qos(self) -> int:
        """Of any message: a broker delivers with no more than a subscription asks for (MQTT 3.1.1 section 3.8.4)."""
        return max((self.qos, *qos_of(self.qos_of).values()))

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
