"""MQTT: packets of a broker, to the decoder, to a client that has a session, to the connection of a charge point."""

from __future__ import annotations

from fuzz.surroundings import MemoryTransport, in_pieces, still_loop

from loadtest.errors import LocalProtocolError, RemoteProtocolError
from loadtest.transport import mqtt_codec as codec
from loadtest.transport.mqtt_client import MqttClient
from loadtest.transport.mqtt_connection import Connection
from loadtest.transport.mqtt_decoder import Decoder, Packet, Publish
from loadtest.transport.mqtt_exchange import MAX_UNACKNOWLEDGED
from loadtest.transport.mqtt_publishing import Callbacks
from loadtest.transport.mqtt_terms import MQTT_3_1_1, MQTT_5, ConnectRequest, MqttOptions
from loadtest.transport.mqtt_url import parse
from loadtest.transport.mqtt_wire import MqttWire

LIMIT = 4096
"""Largest packet taken here."""

FIXED_HEADER_BYTES = 5


def decoder(data: bytes) -> None:
    """The same packets and the same fault however the stream is cut; never more than one packet is held."""
    stream, pieces = in_pieces(data)
    whole, whole_fault = _decode([stream])
    cut, cut_fault = _decode(pieces)
    assert cut == whole
    assert (cut_fault is None) == (whole_fault is None)
    for packet in whole:
        if isinstance(packet, Publish):
            assert list(Decoder().feed(_written(packet))) == [packet]


def _decode(pieces: list[bytes]) -> tuple[list[Packet], str | None]:
    found: list[Packet] = []
    reader = Decoder(max_packet_bytes=LIMIT)
    try:
        for piece in pieces:
            found += reader.feed(piece)
            assert len(reader._partial) <= LIMIT + FIXED_HEADER_BYTES
    except RemoteProtocolError as fault:
        # ``+=`` keeps what came before the fault.
        return found, fault.message
    return found, None


def _written(packet: Publish) -> bytes:
    written = codec.publish(packet.topic, packet.payload, packet.qos, packet.packet_id, retain=packet.retain)
    return codec.duplicate(written) if packet.duplicate else written


def client(data: bytes) -> None:
    """A session under way: whatever the broker sends is taken, answered in valid packets, or ends the connection.

    No acknowledgement frees more than was in flight, no message of QoS 2 is handed on twice before its release, and
    what the session keeps stays bounded by what was sent and by the packet ids there are.
    """
    _, pieces = in_pieces(data)
    for options in (MqttOptions(version, keep_alive_s=0, max_packet_bytes=LIMIT) for version in (MQTT_3_1_1, MQTT_5)):
        _client(options, pieces)


def _client(options: MqttOptions, pieces: list[bytes]) -> None:
    with still_loop() as loop:
        taken: list[tuple[bytes, bytes]] = []
        lost: list[str] = []
        mqtt = MqttClient(
            parse("mqtt://host"),
            options,
            Callbacks(on_lost=lost.append),
            client_id="fuzz",
            on_message=lambda topic, payload: taken.append((topic, payload)),
            max_in_flight=4,
            high_water=6,
        )
        connection = Connection(mqtt._on_packet, mqtt._connection_lost, mqtt._set_writable, options)
        mqtt._candidate = connection
        transport = MemoryTransport()
        connection.connection_made(transport)
        connection.data_received(CONNACKS[options.version])
        mqtt.subscribe([(b"a/#", 2)])
        for number in range(8):
            mqtt.publish(b"t", b"%d" % number, 1 + number % 2)
        for piece in pieces:
            before = mqtt.unacknowledged
            connection.data_received(piece)
            assert mqtt.unacknowledged <= before
            if transport.ended:
                break
        loop.turn()
        assert len(mqtt._session._in_flight) <= 4
        assert len(mqtt._session._received) <= min(sum(map(len, pieces)), 0xFFFF)
        _check_written(bytes(transport.written))
        if not transport.ended:
            mqtt.publish(b"t", b"last", 0)
            loop.turn()
            last = b"\0last" if options.version == MQTT_5 else b"last"
            assert transport.written.endswith(codec.publish(b"t", last))
        connection.connection_lost(None)
        assert len(lost) == 1
        assert not mqtt.connected


def _check_written(written: bytes) -> None:
    """Packets of a client: whole, of a kind a client sends, with an id where one is needed."""
    position = 0
    while position < len(written):
        first, length = written[position], written[position + 1]
        assert length < 0x80
        body = written[position + 2 : position + 2 + length]
        assert len(body) == length
        if first & 0xF0 != codec.PUBLISH:
            assert first in {0x40, 0x50, 0x62, 0x70, 0x82}
            assert body[:2] != b"\0\0"
        position += 2 + length


CONNACKS = {MQTT_3_1_1: b"\x20\x02\x00\x00", MQTT_5: b"\x20\x03\x00\x00\x00"}

ACCEPTANCES = {
    MQTT_3_1_1: b"\x20\x02\x00\x00" + b"\x90\x03\xff\xff\x02",
    MQTT_5: b"\x20\x06\x00\x00\x03\x21\x00\x02" + b"\x90\x04\xff\xff\x00\x02",  # two messages at once
}


class _Wire(MqttWire):
    def __init__(self, options: MqttOptions) -> None:
        super().__init__()
        self.options = options
        self.told: list[tuple[object, ...]] = []

    def connect_request(self) -> ConnectRequest:
        return ConnectRequest(self.options, "fuzz")

    def subscription(self) -> tuple[bytes, int]:
        return b"down", 2

    def on_publish(self, topic: bytes, payload: bytes, header: int, properties: bytes) -> None:
        self.told.append((topic, payload, header, properties))

    def on_acknowledged(self, packet_id: int, code: int) -> None:
        self.told.append((packet_id, code))

    def on_stray(self, kind: int, packet_id: int) -> None:
        self.told.append(("stray", kind, packet_id))

    def on_pong(self) -> None:
        self.told.append(("pong",))

    def on_closed(self, code: int | None, exc: Exception | None) -> None:
        self.told.append(("closed", code, str(exc)))


def wire(data: bytes) -> None:
    """A charge point's connection, in both versions: the same however cut; what it keeps stays bounded; one end."""
    stream, pieces = in_pieces(data)
    for version in (MQTT_3_1_1, MQTT_5):
        options = MqttOptions(version, clean_start=False, max_packet_bytes=LIMIT, receive_maximum=9)
        assert _told(options, [stream]) == _told(options, pieces)


def _told(options: MqttOptions, pieces: list[bytes]) -> tuple[list[tuple[object, ...]], bytes]:
    """What a connection tells its owner, and writes, while messages of each QoS are under way."""
    with still_loop():
        connection = _Wire(options)
        transport = MemoryTransport()
        connection.connection_made(transport)
        connection.data_received(ACCEPTANCES[options.version])
        for number in range(6):
            connection.publish(b"t", b"%d" % number, number % 3)
        for piece in pieces:
            before = connection.unacknowledged
            connection.data_received(piece)
            assert connection.unacknowledged <= before <= MAX_UNACKNOWLEDGED
            assert connection._rest is None or len(connection._rest) <= LIMIT + FIXED_HEADER_BYTES
        assert connection.is_open != transport.ended
        try:
            connection.publish(b"t", b"late", 1)
        except LocalProtocolError:
            assert transport.ended
        else:
            assert not transport.ended
        connection.connection_lost(None)
        assert [told[0] for told in connection.told].count("closed") == 1
        return connection.told, bytes(transport.written)
