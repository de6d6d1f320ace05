"""One write per loop turn, the handshake's order, and the reasons a connection ends with."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from loadtest.errors import EnvironmentNotReady
from loadtest.transport import mqtt_codec as codec
from loadtest.transport.mqtt_connection import Connection
from loadtest.transport.mqtt_decoder import Acknowledgement, Connack, Publish, Suback
from loadtest.transport.mqtt_subscriptions import Subscriptions
from loadtest.transport.mqtt_terms import MqttOptions

if TYPE_CHECKING:
    from loadtest.transport.mqtt_decoder import Packet

CONNACK = b"\x20\x02\x00\x00"


class RecordingTransport(asyncio.Transport):
    protocol: asyncio.Protocol

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        class Endpoint:
            def setsockopt(self, *_: object) -> None:
                pass

        return Endpoint()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def abort(self) -> None:
        asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    close = abort


class Stand:
    """A connection between recording ends."""

    def __init__(self) -> None:
        self.packets: list[Packet] = []
        self.reasons: list[str] = []
        self.transport = RecordingTransport()
        self.connection = Connection(
            self.packets.append, self.reasons.append, lambda _: None, MqttOptions(keep_alive_s=0, max_packet_bytes=1000)
        )
        self.transport.protocol = self.connection
        self.connection.connection_made(self.transport)


def test_all_packets_of_one_loop_turn_leave_in_one_write() -> None:
    async def main() -> None:
        stand = Stand()
        for packet in (b"a", b"b", b"c"):
            stand.connection.write(packet)
        assert stand.transport.writes == []
        await asyncio.sleep(0)
        stand.connection.write(b"d")
        await asyncio.sleep(0)
        assert stand.transport.writes == [b"abc", b"d"]

    asyncio.run(main())


def test_packets_that_follow_connack_in_one_read_are_taken() -> None:
    async def main() -> None:
        stand = Stand()
        stand.connection.data_received(CONNACK + codec.publish(b"t", b"p") + b"\xd0\x00" + b"\x40\x02\x00\x05")
        assert stand.packets == [
            Connack(session_present=False, return_code=0),
            Publish(b"t", b"p"),
            Acknowledgement(codec.PUBACK, 5),
        ]
        assert (await stand.connection.connack).return_code == 0

    asyncio.run(main())


@pytest.mark.parametrize("first", [b"\x20\x02\x00\x05", b"\x40\x02\x00\x05", b"\xd0\x00"])
def test_nothing_is_taken_before_connack_accepts(first: bytes) -> None:
    async def main() -> None:
        stand = Stand()
        stand.connection.data_received(first + codec.publish(b"t", b"p"))
        await asyncio.sleep(0.01)
        assert stand.packets == []
        if first[0] == 0x20:
            assert (await stand.connection.connack).return_code == 5
        else:
            with pytest.raises(EnvironmentNotReady):
                await stand.connection.connack

    asyncio.run(main())


@pytest.mark.parametrize("garbage", [b"\x10\x00", CONNACK, b"\x30\xff\x7f"])
def test_garbage_ends_an_established_connection_with_its_reason(garbage: bytes) -> None:
    async def main() -> None:
        stand = Stand()
        stand.connection.data_received(CONNACK)
        stand.connection.data_received(garbage)
        await asyncio.sleep(0.01)
        (reason,) = stand.reasons
        assert "MQTT" in reason

    asyncio.run(main())


def test_disconnect_leaves_after_what_is_queued() -> None:
    async def main() -> None:
        stand = Stand()
        stand.connection.data_received(CONNACK)
        stand.connection.write(b"last")
        stand.connection.disconnect()
        assert stand.transport.writes == [b"last" + codec.DISCONNECT]
        await asyncio.sleep(0)

    asyncio.run(main())


def test_refused_filters_are_not_asked_for_again() -> None:
    async def main() -> None:
        subscriptions = Subscriptions()
        filters = [(b"a", 1), (b"b", 2)]
        subscriptions.want(filters)
        granted = asyncio.get_running_loop().create_future()
        subscriptions.asked(7, filters, granted=granted)
        subscriptions.answered(Suback(7, (codec.REFUSED, 2)))
        assert await granted == [codec.REFUSED, 2]
        assert subscriptions.refused == 1
        assert list(subscriptions.wanted()) == [[(b"b", 2)]]

    asyncio.run(main())


def test_filters_are_asked_for_again_in_moderate_portions_and_the_last_answer_ends_it() -> None:
    subscriptions = Subscriptions()
    subscriptions.want([(b"%d" % number, 1) for number in range(250)])
    portions = list(subscriptions.wanted())
    assert [len(portion) for portion in portions] == [100, 100, 50]
    for packet_id, portion in enumerate(portions, 1):
        subscriptions.asked(packet_id, portion, restoring=True)
    assert not subscriptions.answered(Suback(9, (1,)))
    ended = [subscriptions.answered(Suback(packet_id, (1,) * 100)) for packet_id in (3, 1, 2)]
    assert ended == [False, False, True]
    assert not subscriptions.restoring


def test_whoever_waits_for_a_suback_learns_that_the_connection_is_gone() -> None:
    async def main() -> None:
        subscriptions = Subscriptions()
        granted = asyncio.get_running_loop().create_future()
        subscriptions.asked(1, [(b"a", 1)], granted=granted)
        subscriptions.connection_lost(EnvironmentNotReady("gone"))
        with pytest.raises(EnvironmentNotReady, match="gone"):
            await granted

    asyncio.run(main())
