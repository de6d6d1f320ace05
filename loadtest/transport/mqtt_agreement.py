"""How a light MQTT connection is agreed on: CONNECT and CONNACK, SUBSCRIBE and SUBACK.

Sources: OASIS MQTT 3.1.1 and 5.0, sections 3.1, 3.2, 3.8 and 3.9.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from loadtest.transport import mqtt5_codec, mqtt5_decoder
from loadtest.transport import mqtt_codec as codec
from loadtest.transport import mqtt_reasons as reasons
from loadtest.transport.mqtt5_properties import decode
from loadtest.transport.mqtt_exchange import MqttExchange
from loadtest.transport.mqtt_faults import Fault, MqttError
from loadtest.transport.mqtt_packet_stream import ENDED, OPEN, SUBSCRIBING
from loadtest.transport.mqtt_terms import MQTT_5, granted

if TYPE_CHECKING:
    from loadtest.transport.mqtt5_decoder import Outcome
    from loadtest.transport.mqtt_terms import ConnectRequest

SUBSCRIBE_ID = 0xFFFF
"""The packet id of the only SUBSCRIBE; no message has it."""


class MqttAgreement(MqttExchange):
    """The opening of a connection; its end is its subclass's business."""

    __slots__ = ()

    # -- what to ask for, and hooks ----------------------------------------------------------------------------------

    @abstractmethod
    def connect_request(self) -> ConnectRequest:
        """What to say in CONNECT; called at each connection made.

        It must be valid: a :class:`~loadtest.errors.LocalProtocolError` raised here surfaces in the loop.
        """

    @abstractmethod
    def subscription(self) -> tuple[bytes, int]:
        """The topic filter where messages for this client arrive, and the highest QoS wanted."""

    def on_accepted(self, *, session_present: bool) -> None:
        """CONNACK accepts us.

        ``unacknowledged`` still counts the messages of earlier connections: they are sent again now if the session is
        present, and are forgotten otherwise.
        """

    def on_open(self) -> None:
        """The subscription stands; messages may be sent."""

    def on_refused(self, status: int, reason: str) -> None:
        """The broker refuses the connection.

        Args:
            status: Reason code as MQTT 5 has them, whatever the version (:func:`.mqtt_reasons.behaviour`); 0 when the
                answer broke the protocol.
            reason: What it means.
        """

    def on_subscription_refused(self, code: int) -> None:
        """The broker accepts the client, but not its subscription; the connection is being ended."""
        self.on_refused(code, f"subscription refused: {reasons.in_words(code)}")

    def on_redirected(self, code: int, reference: str) -> bool:
        """The broker names another server, instead of letting us in or later (MQTT 5.0 section 4.11).

        Args:
            code: *Use another server* or *server moved*.
            reference: The Server Reference, see :mod:`.server_reference`.

        Returns:
            Whether that is taken care of: :meth:`on_refused` does not come then, ``on_closed`` follows in any case.
        """
        return False

    # -- what the broker says ----------------------------------------------------------------------------------------

    @abstractmethod
    def _leave(self, code: int) -> None:
        """End the connection, and tell the broker why where its version allows that."""

    def _answered(self, body: bytes) -> None:
        """CONNACK."""
        if self._speaks_mqtt_5:
            session_present, outcome = mqtt5_decoder.connack(body)
            code = reasons.RETURN_CODES.get(outcome.code, outcome.code)
        elif len(body) == 2 and body[0] <= 1:
            session_present, outcome = body[0] == 1, mqtt5_decoder.Outcome(body[1], b"")
            code = reasons.RETURN_CODES.get(body[1], body[1])
        else:
            raise MqttError(Fault.MALFORMED, f"CONNACK of {len(body)} bytes")
        if code:
            self._refused(code, outcome)
        else:
            self._accepted(outcome.properties, session_present=session_present)

    def _refused(self, code: int, outcome: Outcome) -> None:
        found = decode(outcome.properties)
        self._state = ENDED
        if not self._redirected(code, found.server_reference):
            words = reasons.in_words(code)
            self.on_refused(code, f"{words}: {found.reason_string}" if found.reason_string else words)
        self._leave(0)

    def _redirected(self, code: int, reference: str | None) -> bool:
        """Pass a Server Reference on, which has a meaning with two codes only; returns whether it is followed."""
        elsewhere = reasons.behaviour(code) == reasons.Behaviour.USE_ANOTHER_SERVER
        return elsewhere and reference is not None and self.on_redirected(code, reference)

    def _accepted(self, properties: bytes, *, session_present: bool) -> None:
        assert self._terms is not None
        terms = self._terms = granted(self._terms, properties)
        if session_present and terms.clean_start:
            raise MqttError(Fault.OUT_OF_ORDER, "a session though none was wanted")
        if terms.max_qos < terms.highest_qos:
            self._leave(reasons.Reason.QOS_NOT_SUPPORTED)
            self.on_refused(reasons.Reason.QOS_NOT_SUPPORTED, f"the broker takes QoS {terms.max_qos} at most")
            return
        self._state = SUBSCRIBING
        self.on_accepted(session_present=session_present)
        if self._state != SUBSCRIBING or self.transport is None:
            return
        write_subscribe = mqtt5_codec.subscribe if terms.version == MQTT_5 else codec.subscribe
        self.transport.write(write_subscribe(SUBSCRIBE_ID, [self.subscription()]))
        if session_present:
            self._resume()
        else:
            self._in_flight = None

    def _subscribed(self, body: bytes) -> None:
        """SUBACK."""
        if self._speaks_mqtt_5:
            packet_id, _, codes = mqtt5_decoder.suback(body)
        else:
            packet_id, codes = int.from_bytes(body[:2], "big"), body[2:]
        if len(codes) != 1 or 2 < codes[0] < reasons.FIRST_FAILURE:
            raise MqttError(Fault.MALFORMED, f"SUBACK of {len(body)} bytes")
        if packet_id != SUBSCRIBE_ID:
            raise MqttError(Fault.OUT_OF_ORDER, "SUBACK for no SUBSCRIBE")
        if codes[0] < reasons.FIRST_FAILURE:
            self._opens()
        else:
            self._leave(0)
            self.on_subscription_refused(codes[0])

    def _opens(self) -> None:
        if self._state == SUBSCRIBING:
            self._state = OPEN
            self.on_open()
