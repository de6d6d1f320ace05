"""A charge point on the direct path: OCPP 1.6 over a connection of its own to the MQTT broker.

The profile it keeps to is docs/ocpp-over-mqtt.md.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from loadtest.clock import monotonic_ns
from loadtest.engine.charge_point import ChargePoint
from loadtest.engine.connect_failures import NOT_MQTT, SUBSCRIPTION_REFUSED, cause_of_reason
from loadtest.engine.direct import OFFLINE, ONLINE
from loadtest.engine.layout import slots_of
from loadtest.errors import LocalProtocolError, RemoteProtocolError
from loadtest.protocol.frames import CALL, CALL_RESULT, Call, CallError, CallResult
from loadtest.scenario.settings import DIRECT
from loadtest.transport import mqtt5_properties
from loadtest.transport import mqtt_reasons as reasons
from loadtest.transport.mqtt_exchange import MessageTooLarge
from loadtest.transport.mqtt_faults import MqttError
from loadtest.transport.mqtt_wire import MqttWire
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from loadtest.engine.configuration import Configuration
    from loadtest.engine.fleet import Fleet
    from loadtest.scenario.profile import ChargePointProfile
    from loadtest.transport.mqtt_terms import ConnectRequest

_PING_SHARE = 0.9
"""Of the keep alive, after which a ping follows: the broker must not be kept waiting for longer than all of it."""


class MqttChargePoint(ChargePoint, MqttWire):
    """A charge point that is an MQTT client. Arguments as of :class:`ChargePoint`."""

    __slots__ = ("_reply_to", *slots_of(ChargePoint))

    path: ClassVar = DIRECT
    handshake_name: ClassVar = "MQTT"
    peer_name: ClassVar = "broker"

    def __init__(self, fleet: Fleet, number: int, profile: ChargePointProfile, configuration: Configuration) -> None:
        super().__init__(fleet, number, profile, configuration)
        # While a command is answered: what it says about that, topic and properties (MQTT 5).
        self._reply_to: tuple[bytes, bytes] | None = None

    # Connecting -------------------------------------------------------------------------------------------------

    def connect_request(self) -> ConnectRequest:
        """What to say in CONNECT."""
        return self.fleet.direct.connect_request(self.identity, self.number)

    def subscription(self) -> tuple[bytes, int]:
        """Where what is meant for it arrives."""
        direct = self.fleet.direct
        return direct.topics.down(self.identity.encode()), direct.qos

    def on_accepted(self, *, session_present: bool) -> None:
        """The broker has let it in; what was not acknowledged on an earlier connection is sent again, or given up."""
        counters, unacknowledged = self.books.counters, self.unacknowledged
        if session_present:
            counters.sessions_resumed += 1
            counters.messages_resent += unacknowledged
        else:
            counters.messages_forgotten += unacknowledged

    def on_open(self) -> None:
        """Everything stands: say so, and register."""
        self.books.counters.mqtt_connects += 1
        self._tell_status(ONLINE)
        super().on_open()

    def on_redirected(self, code: int, reference: str) -> bool:
        """The broker sends it elsewhere."""
        return self.fleet.connections.redirects.told(self, code, reference)

    def on_refused(self, status: int, reason: str) -> None:
        """The broker refused the connection."""
        if status:
            for_good = reasons.behaviour(status) != reasons.Behaviour.TRY_LATER
            cause, text = cause_of_reason(status), f"CONNECT refused: {reason}"
            self.fleet.connections.refused(self, cause, text, for_good=for_good)
        else:
            self.fleet.connections.refused(self, NOT_MQTT, f"CONNECT answered wrongly: {reason}", for_good=False)

    def on_subscription_refused(self, code: int) -> None:
        """The broker let it in, but does not give it its topic."""
        reason = f"subscription refused: {reasons.in_words(code)}"
        self.fleet.connections.refused(self, SUBSCRIPTION_REFUSED, reason, for_good=True)

    def on_closed(self, code: int | None, exc: Exception | None) -> None:
        """The connection is gone; a broker that broke the protocol, or gave the place to another, is counted."""
        if isinstance(exc, MqttError):
            self.books.counters.broker_violations += 1
        elif code == reasons.Reason.SESSION_TAKEN_OVER:
            self.books.counters.sessions_taken_over += 1
        super().on_closed(code, exc)

    def reboot(self, now_ns: int, down_s: float) -> None:
        """Restart: what awaits the broker's acknowledgement is not stored either."""
        super().reboot(now_ns, down_s)
        self.forget_session()

    def close(self, code: int = 0) -> None:
        """Take leave; the last will is then not published, so that the status has to be told."""
        if self.is_open:
            self._tell_status(OFFLINE)
        super().close(code)

    def _tell_status(self, status: bytes) -> None:
        """Publish whether it is there, if it is to, and if the broker has room for it."""
        topic = self.fleet.direct.status_topic(self.identity)
        if topic is not None and self.terms is not None:
            with suppress(LocalProtocolError):
                self.publish(topic, status, self.fleet.direct.qos, retain=self.terms.retain_available)

    @property
    def ping_interval_ns(self) -> int:
        """MQTT's keep alive, unless the configuration wants pings more often."""
        terms, wanted_ns = self.terms, self.configuration.ping_interval_ns
        keep_alive_ns = 0 if terms is None else int(terms.keep_alive_s * _PING_SHARE * NS_PER_S)
        return min(wanted_ns, keep_alive_ns) if wanted_ns and keep_alive_ns else wanted_ns or keep_alive_ns

    # Messages ---------------------------------------------------------------------------------------------------

    def send_call(self, message_id: bytes, action: bytes, payload: bytes) -> None:
        """Publish a CALL."""
        direct = self.fleet.direct
        message = direct.encoding.call(message_id.decode(), action.decode(), payload)
        try:
            self.publish(direct.topics.up(self.identity.encode(), action), message, direct.qos_of[action])
        except MessageTooLarge:  # as good as lost by the broker that says so: no answer will come
            self.books.counters.messages_too_large += 1

    def send_result(self, call: Call, payload: bytes) -> None:
        """Answer a CALL of the central system."""
        direct = self.fleet.direct
        self._reply(direct.encoding.call_result(call.message_id, call.action, payload))

    def send_error(self, call: Call, code: str, description: str) -> None:
        """Refuse a CALL of the central system."""
        direct = self.fleet.direct
        self._reply(direct.encoding.call_error(call.message_id, call.action, code, description))

    def _reply(self, message: bytes) -> None:
        topic, properties = self._reply_to or (self.fleet.direct.topics.reply(self.identity.encode()), b"")
        try:
            self.publish(topic, message, self.fleet.direct.qos, properties=properties)
        except MessageTooLarge:
            self.books.counters.messages_too_large += 1

    def on_acknowledged(self, packet_id: int, code: int) -> None:
        """A message has arrived at the broker; with a code of failure it ends there, and no answer will come."""
        if code >= reasons.FIRST_FAILURE:
            self.books.counters.messages_refused += 1

    def on_stray(self, kind: int, packet_id: int) -> None:
        """The broker acknowledged what awaits nothing."""
        self.books.counters.stray_acknowledgements += 1

    def on_publish(self, topic: bytes, payload: bytes, header: int, properties: bytes) -> None:
        """A message arrived, on the only topic there is."""
        now_ns = monotonic_ns()
        try:
            envelope = self.fleet.direct.encoding.decode(payload)
        except RemoteProtocolError:
            self.books.counters.malformed += 1
            return
        message_id = envelope.unique_id
        if envelope.message_type == CALL_RESULT:
            if message_id.encode() == self.call_id:
                self.answered(now_ns, bytes(envelope.payload))
            else:
                self.take(CallResult(message_id, envelope.payload), now_ns)
        elif envelope.message_type == CALL:
            self._reply_to = _reply_to(properties) if properties else None
            self.take(Call(message_id, envelope.action, envelope.payload.copy()), now_ns)
            self._reply_to = None
        else:
            self.take(CallError(message_id, envelope.error_code, ""), now_ns)


def _reply_to(properties: bytes) -> tuple[bytes, bytes] | None:
    """Where an answer is to go, with which properties (MQTT 5.0 section 4.10), if a command says so.

    Raises:
        RemoteProtocolError: The properties are malformed.
    """
    said = mqtt5_properties.decode(properties)
    topic = said.response_topic
    if not topic or "+" in topic or "#" in topic:
        return None
    answer = mqtt5_properties.Properties(correlation_data=said.correlation_data)
    return topic.encode(), mqtt5_properties.encode(answer)
