"""The central system: takes every message of the charge points, measures it, and answers it if told to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from loadtest.clock import monotonic_ns
from loadtest.errors import RemoteProtocolError
from loadtest.protocol import envelope_emqx
from loadtest.protocol.call_errors import NOT_IMPLEMENTED
from loadtest.protocol.frames import CALL, CALL_RESULT
from loadtest.protocol.message_topics import MessageTopics, TopicTexts, Upstream
from loadtest.protocol.topics import TopicTemplate

if TYPE_CHECKING:
    from loadtest.clock import Clock
    from loadtest.csms.commander import Commander
    from loadtest.csms.registration import Registration
    from loadtest.csms.responses import Responses
    from loadtest.csms.uplink import Uplink
    from loadtest.protocol.envelope import Encoding, Envelope

MAX_CACHED_TOPICS = 1 << 18
MAX_UNACKNOWLEDGED = 200_000
MAX_BACKLOG_BYTES = 256 << 20
"""Answers the broker may owe us before further ones are dropped, and counted: far beyond any honest stall."""

_REPLY = b""


class AnswerClient(Protocol):
    """What answers leave through."""

    @property
    def unacknowledged(self) -> int:
        """Messages published but not yet acknowledged."""
        ...

    @property
    def backlog_bytes(self) -> int:
        """Written but not yet taken by the broker."""
        ...

    def publish(self, topic: bytes, payload: bytes, qos: int) -> None:
        """Send a message without waiting."""
        ...


class Answering:
    """How CALLs are answered.

    Args:
        client: Carries the answers.
        responses: Their payloads.
        registration: Which charge points are let in.
        qos: Of the answers.
        encoding: Of the answers.
    """

    def __init__(
        self,
        client: AnswerClient,
        responses: Responses,
        registration: Registration,
        qos: int,
        encoding: Encoding = envelope_emqx,
    ) -> None:
        self.answered = 0
        self.dropped = 0
        self._overloaded = False
        self._client = client
        self._responses = responses
        self._registration = registration
        self._qos = qos
        self._call_result = encoding.call_result
        self._call_error = encoding.call_error

    def answer(self, envelope: Envelope, topic: bytes, arrived_ns: int) -> bytes | None:
        """Answer a CALL on the charge point's downstream topic; returns the payload, if it was not refused."""
        if self._overloaded:
            self.dropped += 1
            return None
        unique_id, action = envelope.unique_id, envelope.action
        if action != "BootNotification" and not self._registration.admits(topic):
            # OCPP-J 1.6 errata 3.10
            payload = None
            text = self._call_error(unique_id, action, "SecurityError", "BootNotification has not been accepted")
        else:
            payload = self._responses.payload(action, topic, arrived_ns)
            if payload is None:
                text = self._call_error(unique_id, action, NOT_IMPLEMENTED, f"{action} is not known")
            else:
                text = self._call_result(unique_id, action, payload)
        self.answered += 1
        self._client.publish(topic, text, self._qos)
        return payload

    def check_load(self) -> None:
        """Look whether the broker keeps up; called some times a second."""
        client = self._client
        self._overloaded = client.unacknowledged > MAX_UNACKNOWLEDGED or client.backlog_bytes > MAX_BACKLOG_BYTES


class CentralSystem:
    """Takes messages from the MQTT client.

    Args:
        uplink: Measures them.
        answer_foreign: Answer CALLs of others than this run's charge points as well.
        encoding: Of the messages.
        topics: They come on, and are answered on.
        response_topic: Template of further topics on which answers to commands come; empty: there are none.

    Attributes:
        answering: Answers CALLs; ``None`` only listens.
        commander: Sends commands, hears who is there, and takes the answers; ``None`` when none are sent.
        received_ns: Tells when the message being delivered arrived; the MQTT client knows best.
        delay_s: How long answers are held back: a slow backend. What is measured of the uplink is not touched by it.
    """

    def __init__(
        self,
        uplink: Uplink,
        *,
        answer_foreign: bool = True,
        encoding: Encoding = envelope_emqx,
        topics: MessageTopics = MessageTopics(TopicTexts()),  # noqa: B008 - it never changes
        response_topic: str = "",
    ) -> None:
        self.answering: Answering | None = None
        self.commander: Commander | None = None
        self._uplink = uplink
        self._answer_foreign = answer_foreign
        self._decode = encoding.decode
        self._topics = topics
        self._response = TopicTemplate(response_topic) if response_topic else None
        self.received_ns: Clock = monotonic_ns
        self.delay_s = 0.0
        self._calls = 0
        self._results = 0
        self._errors = 0
        self._malformed = 0
        self._answer_topics: dict[bytes, bytes] = {}

    def on_message(self, topic: bytes, payload: bytes) -> None:
        """Take one message; never raises."""
        arrived_ns = self.received_ns()
        try:
            answer_topic = self._answer_topics.get(topic)
            if answer_topic is None:
                answer_topic = self._learn(topic)
            envelope = self._decode(payload)
        except RemoteProtocolError:
            self._malformed += 1
            return
        if envelope.message_type == CALL:
            if not answer_topic:
                self._malformed += 1
                return
            self._calls += 1
            ours = self._uplink.observe(envelope.unique_id, envelope.action, arrived_ns, envelope.payload)
            if self.delay_s:
                loop = asyncio.get_running_loop()
                loop.call_later(self.delay_s, self._respond, envelope, answer_topic, arrived_ns, ours)
            else:
                self._respond(envelope, answer_topic, arrived_ns, ours)
            return
        if envelope.message_type == CALL_RESULT:
            self._results += 1
        else:
            self._errors += 1
        if self.commander is not None:
            self.commander.on_answer(envelope, arrived_ns)

    def _respond(self, envelope: Envelope, answer_topic: bytes, arrived_ns: int, ours: bool) -> None:  # noqa: FBT001 - once per message
        answer = None
        if self.answering is not None and (ours or self._answer_foreign):
            answer = self.answering.answer(envelope, answer_topic, arrived_ns)
        if self.commander is not None and ours:
            self.commander.heard(envelope, answer_topic, answer, arrived_ns)

    def counters(self) -> dict[str, int]:
        """Totals so far, by name."""
        return {
            "csms.calls": self._calls,
            "csms.results": self._results,
            "csms.errors": self._errors,
            "csms.malformed": self._malformed,
            "csms.foreign": self._uplink.foreign,
            "csms.unstamped": self._uplink.unstamped,
            "csms.energy_checked": self._uplink.energy.checked,
            "csms.energy_backwards": self._uplink.energy.backwards,
            "csms.answered": self.answering.answered if self.answering else 0,
            "csms.answers_dropped": self.answering.dropped if self.answering else 0,
        }

    def _learn(self, topic: bytes) -> bytes:
        """The downstream topic that belongs to an upstream one; :data:`_REPLY` for a topic of replies."""
        try:
            found = self._topics.upstream(topic)
        except UnicodeDecodeError as error:
            raise RemoteProtocolError(f"MQTT topic {topic!r} is not UTF-8") from error
        if found is None and self._response is not None and self._response.charge_point_of(topic):
            found = Upstream(b"", takes_calls=False)
        if found is None:
            raise RemoteProtocolError(f"MQTT topic {topic!r} is not one charge points publish on")
        answer_topic = self._topics.down(found.charge_point_id) if found.takes_calls else _REPLY
        if len(self._answer_topics) >= MAX_CACHED_TOPICS:
            self._answer_topics.clear()
        self._answer_topics[topic] = answer_topic
        return answer_topic
