"""The broker's end of a charge point's MQTT connection, played by the test; what is read of it a stranger checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mqtt5
import msgspec
from amqtt.adapters import BufferReader
from amqtt.mqtt import packet_class
from amqtt.mqtt.connect import ConnectPacket
from amqtt.mqtt.disconnect import DisconnectPacket
from amqtt.mqtt.packet import MQTTFixedHeader
from amqtt.mqtt.pingreq import PingReqPacket
from amqtt.mqtt.publish import PublishPacket
from amqtt.mqtt.pubrel import PubrelPacket
from amqtt.mqtt.subscribe import SubscribePacket
from virtual_fleet import Wire

from loadtest.protocol import frames
from loadtest.transport import mqtt_codec as codec

if TYPE_CHECKING:
    import asyncio

    from loadtest.engine.charge_point import ChargePoint
    from loadtest.protocol.frames import Message

MOUNTED = "ocpp"


class BrokerWire(Wire):
    """One connection to the broker. Messages reach the world as OCPP-J texts, and leave it as those.

    Attributes:
        connect: The CONNECT packet, once it is there.
        filters: What was subscribed to.
        published: Topic, payload, QoS, DUP and RETAIN of every PUBLISH.
        pings: PINGREQ received.
        left: DISCONNECT received: there is no will.
        acknowledging: PUBLISH is acknowledged when the test sends something.
    """

    def __init__(self, world: Any, charge_point: ChargePoint, protocol: asyncio.Protocol) -> None:
        super().__init__(world, charge_point, protocol)
        self.connect: ConnectPacket | None = None
        self.filters: list[tuple[str, int]] = []
        self.published: list[tuple[str, bytes, int, bool, bool]] = []
        self.pings = 0
        self.left = False
        self.acknowledging = True
        self._unsent = bytearray()

    def write(self, data: Any) -> None:
        rest = bytes(data)
        while rest:
            packet, rest = _cut(rest)
            self._take(packet)

    def _take(self, packet: Any) -> None:
        match packet:
            case ConnectPacket():
                self.connect, self.path = packet, f"/{packet.client_id}"
            case SubscribePacket():
                self.filters += packet.payload.topics
                qos = packet.payload.topics[0][1]
                self._unsent += b"\x90\x03" + packet.variable_header.packet_id.to_bytes(2, "big") + bytes((qos,))
            case PublishPacket():
                self._published(packet)
            case PubrelPacket():
                self._unsent += codec.pubcomp(packet.variable_header.packet_id)
            case PingReqPacket():
                self.pings += 1
                self._unsent += b"\xd0\x00"
            case DisconnectPacket():
                self.left = self.ending = True

    def _published(self, packet: PublishPacket) -> None:
        payload, topic = bytes(packet.data), packet.topic_name
        self.published.append((topic, payload, packet.qos, packet.dup_flag, packet.retain_flag))
        if packet.qos and self.acknowledging:
            answer = codec.puback if packet.qos == 1 else codec.pubrec
            self._unsent += answer(packet.packet_id)
        _, side, *_ = topic.split("/")
        if side == "cp" and not packet.dup_flag:
            self._world.take(self, self._charge_point, _as_array(payload))

    def accept(self, *, session_present: bool = False) -> None:
        self.accepted = True
        self._protocol.data_received(bytes((0x20, 2, session_present, 0)))
        self.flush()

    def refuse(self, status: int, text: str = "") -> None:
        """Any HTTP status is MQTT's *server unavailable*; below that it is the return code."""
        self._protocol.data_received(bytes((0x20, 2, 0, 3 if status > 5 else status)))

    def flush(self) -> None:
        data, self._unsent = bytes(self._unsent), bytearray()
        if data and not self.ending:
            self._protocol.data_received(data)

    def tell(self, text: bytes) -> None:
        self._unsent += self.message(text)
        self.flush()

    def message(self, text: bytes, qos: int = 0, packet_id: int = 0) -> bytes:
        """A PUBLISH to the charge point that carries an OCPP-J text in EMQX's envelope."""
        topic = f"{MOUNTED}/cs/{self._charge_point.identity}".encode()
        return codec.publish(topic, _as_object(frames.decode(text)), qos, packet_id)


class Broker5Wire(BrokerWire):
    """The same for MQTT 5 and QoS 0: a broker that knows of others."""

    def write(self, data: Any) -> None:
        rest = bytes(data)
        while rest:
            packet, length = mqtt5.read(memoryview(rest))
            rest = rest[length:]
            match packet:
                case mqtt5.SubscribePacket():
                    codes = [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_MOST_ONCE]
                    self._unsent += mqtt5.SubAckPacket(packet.packet_id, codes).write()
                case mqtt5.PublishPacket():
                    self._world.take(self, self._charge_point, _as_array(bytes(packet.payload or b"")))
                case mqtt5.DisconnectPacket():
                    self.left = self.ending = True

    def accept(self, *, session_present: bool = False) -> None:
        self.accepted = True
        self._protocol.data_received(mqtt5.ConnAckPacket(session_present=session_present).write())
        self.flush()

    def turn_away(self, reference: str, *, for_good: bool = False) -> None:
        """CONNACK with the name of another server; TCP is still to end."""
        codes = mqtt5.ConnAckReasonCode
        code = codes.SERVER_MOVED if for_good else codes.USE_ANOTHER_SERVER
        self._protocol.data_received(mqtt5.ConnAckPacket(reason_code=code, server_reference=reference).write())

    def send_away(self, reference: str, *, for_good: bool = False) -> None:
        """DISCONNECT with the name of another server, and the end of TCP."""
        codes = mqtt5.DisconnectReasonCode
        code = codes.SERVER_MOVED if for_good else codes.USE_ANOTHER_SERVER
        self._protocol.data_received(mqtt5.DisconnectPacket(reason_code=code, server_reference=reference).write())
        self.end()

    def message(self, text: bytes, qos: int = 0, packet_id: int = 0) -> bytes:
        topic = f"{MOUNTED}/cs/{self._charge_point.identity}"
        return mqtt5.PublishPacket(topic, payload=_as_object(frames.decode(text))).write()


def _cut(data: bytes) -> tuple[Any, bytes]:
    """The first packet of a stream that holds whole packets, and what follows it."""

    async def read() -> tuple[Any, bytes]:
        reader = BufferReader(data)
        header = await MQTTFixedHeader.from_stream(reader)
        assert header is not None
        packet = await packet_class(header).from_stream(reader, fixed_header=header)
        return packet, await reader.read(-1)

    waiting = read()
    try:
        waiting.send(None)
    except StopIteration as done:
        found: tuple[Any, bytes] = done.value
        return found
    raise AssertionError("a packet that is not whole")


def _as_array(payload: bytes) -> bytes:
    envelope = msgspec.json.decode(payload)
    kind = envelope["MessageTypeId"]
    fields = {
        2: ("Action", "Payload"),
        3: ("Payload",),
        4: ("ErrorCode", "ErrorDescription", "ErrorDetails"),
    }[kind]
    return msgspec.json.encode([kind, envelope["UniqueId"], *(envelope[field] for field in fields)])


def _as_object(message: Message) -> bytes:
    plain: dict[str, Any] = {"UniqueId": message.message_id}
    match message:
        case frames.Call():
            plain |= {"MessageTypeId": 2, "Action": message.action, "Payload": message.payload}
        case frames.CallResult():
            plain |= {"MessageTypeId": 3, "Payload": message.payload}
        case frames.CallError():
            plain |= {"MessageTypeId": 4, "ErrorCode": message.code, "ErrorDescription": "", "ErrorDetails": {}}
    return msgspec.json.encode(plain)
