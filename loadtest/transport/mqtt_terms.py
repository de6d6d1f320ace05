"""On which terms a client's MQTT connection stands: what its fleet asks of the broker, and what that grants."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from loadtest.transport import mqtt5_codec, mqtt_codec
from loadtest.transport.mqtt5_properties import Properties, decode, encode

if TYPE_CHECKING:
    from loadtest.transport.mqtt_codec import Will

MQTT_3_1_1, MQTT_5 = 4, 5
"""Protocol levels as CONNECT carries them."""

NO_LIMIT = 0xFFFF
"""A receive maximum that is none: there are no more packet ids."""

NEVER = 0xFFFFFFFF
"""A session expiry: the broker keeps the session for as long as it likes (MQTT 5.0 section 3.1.2.11.2)."""


class Terms(NamedTuple):
    """What holds for one connection. Those of one broker are alike, so connections share one object.

    Attributes:
        version: Protocol level.
        clean_start: The broker was told to forget the session.
        keep_alive_s: Longest silence of the client: the server's, if it insists on one; 0: any.
        taken_bytes: Largest packet taken from the broker.
        taken_messages: Messages of QoS 2 taken from the broker before it has released any.
        highest_qos: Highest QoS of a message the client is going to send.
        receive_maximum: Messages of QoS 1 and 2 that the broker takes before it has acknowledged any.
        max_packet_bytes: Largest packet the broker takes.
        max_qos: Highest QoS of a message the broker takes.
        retain_available: Whether it keeps retained messages.
        session_expiry_s: How long it keeps a session without connection; None: as was asked for.
    """

    version: int
    clean_start: bool
    keep_alive_s: int
    taken_bytes: int
    taken_messages: int
    highest_qos: int
    receive_maximum: int = NO_LIMIT
    max_packet_bytes: int = mqtt_codec.MAX_REMAINING_LENGTH + 5
    max_qos: int = 2
    retain_available: bool = True
    session_expiry_s: int | None = None


@dataclass(frozen=True, slots=True)
class MqttOptions:
    """How the connections of a fleet are made; one object for all.

    Attributes:
        version: :data:`MQTT_3_1_1` or :data:`MQTT_5`.
        clean_start: Whether the broker is to forget a session that it still has.
        session_expiry_s: MQTT 5: how long the broker keeps the session without a connection; 0: no longer than that.
            MQTT 3.1.1 has no such time: a session begun without ``clean_start`` is kept for ever.
        keep_alive_s: Longest silence announced to the broker; 0: any.
        highest_qos: Of a message that a client is going to send. A broker that grants less is left.
        receive_maximum: MQTT 5: how many messages of QoS 1 and 2 the broker may send at once.
        max_packet_bytes: Largest packet taken from the broker.
        user_properties: MQTT 5: names and values sent with CONNECT.
    """

    version: int = MQTT_3_1_1
    clean_start: bool = True
    session_expiry_s: int = 0
    keep_alive_s: int = 60
    highest_qos: int = 2
    receive_maximum: int = NO_LIMIT
    max_packet_bytes: int = 1 << 18
    user_properties: tuple[tuple[str, str], ...] = ()


@lru_cache(maxsize=256)
def asked(options: MqttOptions) -> Terms:
    """What holds until the broker has answered."""
    return Terms(
        options.version,
        options.clean_start,
        options.keep_alive_s,
        options.max_packet_bytes,
        options.receive_maximum if options.version == MQTT_5 else NO_LIMIT,
        options.highest_qos,
    )


@lru_cache(maxsize=256)
def granted(terms: Terms, properties: bytes) -> Terms:
    """What holds once the broker has answered with the properties of its CONNACK (MQTT 5.0 section 3.2.2.3).

    Raises:
        RemoteProtocolError: The properties are malformed.
    """
    found = decode(properties)
    return terms._replace(
        keep_alive_s=terms.keep_alive_s if found.server_keep_alive_s is None else found.server_keep_alive_s,
        receive_maximum=found.receive_maximum or terms.receive_maximum,
        max_packet_bytes=found.maximum_packet_bytes or terms.max_packet_bytes,
        max_qos=terms.max_qos if found.maximum_qos is None else found.maximum_qos,
        retain_available=found.retain_available != 0,
        session_expiry_s=found.session_expiry_s,
    )


@lru_cache(maxsize=256)
def _connect_properties(options: MqttOptions) -> bytes:
    return encode(
        Properties(
            session_expiry_s=options.session_expiry_s or None,
            receive_maximum=None if options.receive_maximum == NO_LIMIT else options.receive_maximum,
            maximum_packet_bytes=options.max_packet_bytes,
            user_properties=options.user_properties,
        )
    )


class ConnectRequest(NamedTuple):
    """What one client says in CONNECT.

    Attributes:
        options: What it shares with its fleet.
        client_id: Unique at the broker.
        username: Shown to the broker.
        password: Needs a user name with MQTT 3.1.1.
        will: What the broker publishes when the client vanishes.
    """

    options: MqttOptions
    client_id: str
    username: str | None = None
    password: str | bytes | None = None
    will: Will | None = None

    def packet(self) -> bytes:
        """The CONNECT packet.

        Raises:
            LocalProtocolError: A field does not fit.
        """
        options = self.options
        if options.version == MQTT_5:
            return mqtt5_codec.connect(
                self.client_id,
                keep_alive_s=options.keep_alive_s,
                clean_start=options.clean_start,
                properties=_connect_properties(options),
                username=self.username,
                password=self.password,
                will=self.will,
            )
        return mqtt_codec.connect(
            self.client_id,
            keep_alive_s=options.keep_alive_s,
            clean_session=options.clean_start,
            username=self.username,
            password=self.password,
            will=self.will,
        )
