"""Exactly once, at least once, and packet ids that never collide: over lost connections too."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from loadtest.errors import LocalProtocolError
from loadtest.transport import mqtt_codec as codec
from loadtest.transport.mqtt_decoder import Decoder, Publish
from loadtest.transport.mqtt_session import MAX_PACKET_ID, Session


def packet_id(packet: bytes | None) -> int:
    assert packet is not None
    (publish,) = Decoder().feed(packet)
    assert isinstance(publish, Publish)
    return publish.packet_id


def test_beyond_the_window_messages_wait_for_acknowledgements_in_order() -> None:
    session = Session(window=2)
    sent = [session.send(b"t", b"%d" % number, 1) for number in range(4)]
    assert sent[2:] == [None, None]
    assert session.unacknowledged == 4
    (third,) = session.acknowledge(packet_id(sent[0]))
    assert third.endswith(b"2")
    (fourth,) = session.acknowledge(packet_id(sent[1]))
    assert fourth.endswith(b"3")
    assert session.unacknowledged == 2


def test_packet_ids_wrap_and_skip_those_in_use() -> None:
    session = Session(window=10)
    stuck = packet_id(session.send(b"t", b"", 1))
    reserved = session.reserve_id()
    seen = set()
    for _ in range(MAX_PACKET_ID + 10):
        this = packet_id(session.send(b"t", b"", 1))
        assert this not in (stuck, reserved, 0)
        seen.add(this)
        session.acknowledge(this)
    assert len(seen) == MAX_PACKET_ID - 2


def test_running_out_of_packet_ids_is_an_error_of_ours() -> None:
    session = Session(window=10)
    for _ in range(MAX_PACKET_ID):
        session.reserve_id()
    with pytest.raises(LocalProtocolError):
        session.reserve_id()
    session.free_all_ids()
    assert session.reserve_id()


def test_unacknowledged_messages_are_repeated_as_duplicates_and_handed_over_ones_as_pubrel() -> None:
    session = Session(window=3)
    first, second, third = (session.send(b"t", name, 2) for name in (b"a", b"b", b"c"))
    assert third is not None
    session.enqueue(b"t", b"d", 1)
    session.hand_over(packet_id(second))
    session.hand_over(packet_id(first))
    assert session.resume(session_present=True) == [
        codec.duplicate(third),
        codec.pubrel(packet_id(second)),  # in the order of the PUBRECs [MQTT-4.6.0-4]
        codec.pubrel(packet_id(first)),
    ]
    (fourth,) = session.acknowledge(packet_id(second))
    assert fourth.endswith(b"d")


def test_pubrec_of_an_unknown_id_is_still_answered() -> None:
    session = Session(window=1)
    assert session.hand_over(99) == codec.pubrel(99)
    assert session.unacknowledged == 0


def test_a_repeated_qos_2_message_is_delivered_once_until_released() -> None:
    session = Session(window=1)
    assert session.deliver_once(5)
    assert not session.deliver_once(5)
    session.resume(session_present=True)
    assert not session.deliver_once(5)
    session.release(5)
    assert session.deliver_once(5)


def test_a_broker_that_forgot_the_session_reuses_ids_for_new_messages() -> None:
    session = Session(window=1)
    assert session.deliver_once(5)
    session.resume(session_present=False)
    assert session.deliver_once(5)


class Exchange(RuleBasedStateMachine):
    """A broker that answers in any order over a connection that breaks at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.session = Session(window=3)
        self.number = 0
        self.delivered: list[int] = []  # numbers, as a broker that keeps its session delivers them
        self.awaiting: dict[int, int] = {}  # packet id -> the answer that is due to it
        self.held: dict[int, int] = {}  # the broker's QoS 2 store

    def arrive(self, packet: bytes) -> None:
        if packet[0] & 0xF0 == codec.PUBREL:
            pid = int.from_bytes(packet[2:4], "big")
            if pid in self.held:
                self.delivered.append(self.held.pop(pid))
            self.awaiting[pid] = codec.PUBCOMP
            return
        (publish,) = Decoder().feed(packet)
        assert isinstance(publish, Publish)
        number = int(publish.payload)
        if publish.qos == 1:
            if not publish.duplicate:
                self.delivered.append(number)
            self.awaiting[publish.packet_id] = codec.PUBACK
        else:
            assert self.held.get(publish.packet_id, number) == number, "packet id reused too early"
            self.held[publish.packet_id] = number
            self.awaiting[publish.packet_id] = codec.PUBREC

    @rule(qos=st.sampled_from([1, 2]))
    def publish(self, qos: int) -> None:
        packet = self.session.send(b"t", b"%d" % self.number, qos)
        self.number += 1
        if packet is not None:
            self.arrive(packet)

    @precondition(lambda self: self.awaiting)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        pid = data.draw(st.sampled_from(sorted(self.awaiting)))
        kind = self.awaiting.pop(pid)
        if kind == codec.PUBREC:
            self.arrive(self.session.hand_over(pid))
        else:
            for packet in self.session.acknowledge(pid):
                self.arrive(packet)

    @rule(window=st.integers(1, 4))
    def reconnect(self, window: int) -> None:
        self.awaiting.clear()
        self.session.window = window
        again = self.session.resume(session_present=True)
        assert len(again) <= window
        for packet in again:
            self.arrive(packet)

    @invariant()
    def nothing_twice(self) -> None:
        assert len(self.delivered) == len(set(self.delivered))

    def teardown(self) -> None:
        while self.awaiting:
            pid = next(iter(self.awaiting))
            kind = self.awaiting.pop(pid)
            for packet in [self.session.hand_over(pid)] if kind == codec.PUBREC else self.session.acknowledge(pid):
                self.arrive(packet)
        assert self.session.unacknowledged == 0
        assert sorted(self.delivered) == list(range(self.number))


TestExchange = Exchange.TestCase


@given(st.integers(1, 50), st.integers(0, 200))
def test_in_flight_never_exceeds_the_window(window: int, messages: int) -> None:
    session = Session(window=window)
    sent = [session.send(b"t", b"", 1) for _ in range(messages)]
    assert sum(packet is not None for packet in sent) == min(window, messages)
    assert session.unacknowledged == messages
