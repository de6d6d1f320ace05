"""On which terms a charge point's MQTT connection stands: what is asked of the broker, and what it grants."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from loadtest.transport import mqtt_codec as codec

if TYPE_CHECKING:
    from loadtest.transport.mqtt_codec import Will

MQTT_3_1_1, MQTT_5 = 4, 5
"""Protocol levels as CONNECT carries them."""

MAX_RECEIVE_MAXIMUM = 0xFFFF


class Terms(NamedTuple):
    """What holds for one connection. Those of one broker are alike, so connections share one object.

    Attributes:
        version: Protocol level.
        keep_alive_s: Longest silence of the client: the server's, if it insists on one; 0: any.
        taken_bytes: Largest packet taken from the broker.
        receive_maximum: Messages of QoS 1 and 2 that the broker takes before it has acknowledged any.
        max_packet_bytes: Largest packet the broker takes.
        max_qos: Highest QoS of a message the broker takes.
        retain_available: Whether it keeps retained messages.
        session_expiry_s: How long it keeps a session without connection; None: as was asked for.
    """

    version: int
    keep_alive_s: int
    taken_bytes: int
    receive_maximum: int = MAX_RECEIVE_MAXIMUM
    max_packet_bytes: int = codec.MAX_REMAINING_LENGTH + 5
    max_qos: int = 2
    retain_available: bool = True
    session_expiry_s: int | None = None


@dataclass(frozen=True, slots=True)
class MqttOptions:
    """How the connections of a fleet are made; one object for all.

    Attributes:
        version: :data:`MQTT_3_1_1` or :data:`MQTT_5`.
        clean_start: Whether the broker forgets a session that it still has.
        keep_alive_s: Longest silence announced to the broker; 0: any.
        max_packet_bytes: Largest packet taken from the broker.
    """

    version: int = MQTT_3_1_1
    clean_start: bool = True
    keep_alive_s: int = 60
    max_packet_bytes: int = 1 << 18

    def terms(self) -> Terms:
        """What holds until the broker has answered; one object for all."""
        return _terms(self.version, self.keep_alive_s, self.max_packet_bytes)


@lru_cache(maxsize=256)
def _terms(version: int, keep_alive_s: int, taken_bytes: int) -> Terms:
    return Terms(version, keep_alive_s, taken_bytes)


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
    password: str | None = None
    will: Will | None = None

    def packet(self) -> bytes:
        """The CONNECT packet.

        Raises:
            LocalProtocolError: A field does not fit.
        """
        return codec.connect(
            self.client_id,
            keep_alive_s=self.options.keep_alive_s,
            clean_session=self.options.clean_start,
            username=self.username,
            password=self.password,
            will=self.will,
        )
