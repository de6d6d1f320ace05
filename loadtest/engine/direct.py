"""What the charge points of an engine on the direct path share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.protocol.actions import FROM_CHARGE_POINT
from loadtest.protocol.encodings import encoding
from loadtest.protocol.message_topics import MessageTopics
from loadtest.protocol.topics import TopicTemplate
from loadtest.transport import mqtt_url
from loadtest.transport.mqtt_codec import Will
from loadtest.transport.mqtt_terms import MQTT_3_1_1, MQTT_5, ConnectRequest, MqttOptions

if TYPE_CHECKING:
    from loadtest.engine.credentials import Credentials
    from loadtest.protocol.envelope import Encoding
    from loadtest.scenario.direct_path import DirectPath

ONLINE, OFFLINE = b"online", b"offline"
"""What is published on the status topic."""


class DirectLinks:
    """How charge points reach the broker, see docs/ocpp-over-mqtt.md.

    Args:
        path: As the run wants it.
        credentials: Passwords and certificates of charge points.

    Attributes:
        qos: Of what they publish, and of what they subscribe to.
        qos_of: Of their CALLs, by action.
        encoding: Writes and reads their messages.
        topics: Of their messages.
        keeps_session: The broker is to keep their sessions.
    """

    def __init__(self, path: DirectPath, credentials: Credentials) -> None:
        self.qos = path.qos
        self.qos_of = {name.encode(): path.qos_of.get(name, path.qos) for name in FROM_CHARGE_POINT}
        self.encoding: Encoding = encoding(path.encoding, path.envelope)
        self.topics = MessageTopics(path.topics)
        self.keeps_session = path.session_expiry_s > 0
        self._credentials = credentials
        self._shared = mqtt_url.parse(path.broker_url)
        self._status = TopicTemplate(path.status_topic) if path.status_topic else None
        self._options = MqttOptions(
            version=MQTT_5 if path.mqtt_version == "5" else MQTT_3_1_1,
            clean_start=not self.keeps_session,
            session_expiry_s=int(path.session_expiry_s),
            keep_alive_s=int(path.keep_alive_s),
            highest_qos=max((path.qos, *path.qos_of.values())),
        )

    def connect_request(self, identity: str, number: int) -> ConnectRequest:
        """What a charge point says in CONNECT: its id is client id, and user name if it has a password of its own."""
        password = self._credentials.password(identity, number)
        status = self.status_topic(identity)
        return ConnectRequest(
            options=self._options,
            client_id=identity,
            username=self._shared.username if password is None else identity,
            password=self._shared.password if password is None else password,
            will=None if status is None else Will(status, OFFLINE, self.qos, retain=True),
        )

    def status_topic(self, identity: str) -> bytes | None:
        """Where a charge point says whether it is there, if it does."""
        return None if self._status is None else self._status.render({"cid": identity.encode()})
