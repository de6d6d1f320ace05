"""What goes with commands over MQTT 5: until when they are worth delivering, and where the answer is to go.

Source: OASIS MQTT Version 5.0, sections 3.3.2.3 and 4.10 (request and response).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from loadtest.csms.central_system import AnswerClient
from loadtest.errors import RemoteProtocolError
from loadtest.protocol.topics import TopicTemplate
from loadtest.transport.mqtt5_properties import NO_PROPERTIES, Properties, decode, encode

if TYPE_CHECKING:
    from loadtest.protocol.message_topics import MessageTopics


class CommandClient(AnswerClient, Protocol):
    """What commands leave through.

    Attributes:
        properties: Those of the message being delivered (MQTT 5), not decoded.
    """

    properties: bytes

    def publish(self, topic: bytes, payload: bytes, qos: int, properties: bytes = NO_PROPERTIES) -> None:
        """Send a message without waiting."""
        ...


class CommandProperties:
    """Those of one subscriber's commands.

    Args:
        topics: Of messages; who is addressed is known by the last of them.
        expiry_s: After this time a broker drops a command instead of delivering it; 0: never.
        response_topic: Template of the topics where answers are to go, with the Unique Id as their Correlation Data;
            empty: nothing is said about that.

    Attributes:
        correlated: Answers that came with the Correlation Data of their command.
    """

    def __init__(self, topics: MessageTopics, expiry_s: int, response_topic: str) -> None:
        self.correlated = 0
        self._topics = topics
        self._expiry_s = expiry_s or None
        self._response = TopicTemplate(response_topic) if response_topic else None
        self._expiry_alone = encode(Properties(message_expiry_s=self._expiry_s))

    def of(self, topic: bytes, unique_id: str) -> bytes:
        """The rendered properties of a command published on this topic; none where nothing is to be said."""
        if self._response is None:
            return self._expiry_alone
        identity = self._topics.addressee(topic)
        return encode(
            Properties(
                message_expiry_s=self._expiry_s,
                response_topic=self._response.render({"cid": identity}).decode(),
                correlation_data=unique_id.encode(),
            )
        )

    def take_answer(self, properties: bytes, unique_id: str) -> None:
        """Note whether an answer names its command; what is malformed names none."""
        if not properties:
            return
        try:
            self.correlated += decode(properties).correlation_data == unique_id.encode()
        except RemoteProtocolError:
            return
