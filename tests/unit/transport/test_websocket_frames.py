"""Our frames against those of ``websockets``, in both directions, and the rules a peer may break."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from loadtest.errors import RemoteProtocolError
from loadtest.transport import websocket_frames as ws

LIMIT = 200_000
URI = parse_uri("ws://localhost/")

payloads = st.one_of(
    st.binary(max_size=300),
    st.sampled_from([0, 125, 126, 127, 0xFFFF, 0x1_0000, 70_000]).map(lambda size: b"x" * size),
)
texts = st.one_of(
    st.text(max_size=200).map(str.encode), st.sampled_from([125, 126, 0xFFFF, 0x1_0000]).map(lambda n: b"t" * n)
)
controls = st.tuples(st.sampled_from([ws.PING, ws.PONG]), st.binary(max_size=125))
messages = st.one_of(st.tuples(st.just(ws.TEXT), texts), st.tuples(st.just(ws.BINARY), payloads), controls)


def oracle(*, server: bool) -> ClientProtocol | ServerProtocol:
    if server:
        return ServerProtocol(state=OPEN, max_size=LIMIT)
    return ClientProtocol(URI, state=OPEN, max_size=LIMIT)


def chunks(data: st.DataObject, stream: bytes) -> list[bytes]:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    return [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


@given(st.data(), st.booleans(), st.lists(messages, max_size=6))
def test_what_we_write_the_oracle_reads(data: st.DataObject, server_writes: bool, sent: list[ws.Message]) -> None:
    write = ws.server_frame if server_writes else ws.client_frame
    stream = b"".join(write(opcode, payload) for opcode, payload in sent)
    peer = oracle(server=not server_writes)
    for piece in chunks(data, stream):
        peer.receive_data(piece)
    frames = peer.events_received()
    assert [(int(frame.opcode), bytes(frame.data)) for frame in frames] == sent  # type: ignore[union-attr]
    assert all(frame.fin for frame in frames)  # type: ignore[union-attr]


@given(st.data(), st.booleans(), st.lists(messages, max_size=6))
def test_what_the_oracle_writes_we_read(data: st.DataObject, client_writes: bool, sent: list[ws.Message]) -> None:
    """Fragmented at will, control frames between the fragments, cut at any byte."""
    peer = oracle(server=not client_writes)
    expected: list[ws.Message] = []
    for opcode, payload in sent:
        if opcode in {ws.PING, ws.PONG}:
            peer.send_frame(Frame(Opcode(opcode), payload))
            expected.append((opcode, payload))
            continue
        cuts = sorted(data.draw(st.lists(st.integers(0, len(payload)), max_size=3)))
        parts = [payload[a:b] for a, b in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            peer.send_frame(Frame(Opcode(opcode) if number == 0 else Opcode.CONT, part, fin=last))
            if not last and data.draw(st.booleans()):
                interleaved = data.draw(controls)
                peer.send_frame(Frame(Opcode(interleaved[0]), interleaved[1]))
                expected.append(interleaved)
        expected.append((opcode, payload))
    reader = ws.FrameReader(expect_masked=client_writes, max_message_bytes=LIMIT)
    received: list[ws.Message] = []
    for piece in chunks(data, b"".join(peer.data_to_send())):
        received += reader.feed(piece)
    assert received == expected
    assert reader.empty


@given(st.booleans(), st.binary(max_size=40))
def test_reader_and_oracle_agree_on_which_bytes_break_the_rules(masked: bool, stream: bytes) -> None:
    """Any bytes: a fault for one is a fault for the other, even when one of them sees it earlier."""
    fault = None
    try:
        ws.FrameReader(expect_masked=masked, max_message_bytes=LIMIT).feed(stream)
    except ws.FrameError as error:
        fault = error
    peer = oracle(server=masked)
    peer.receive_data(stream)
    if fault is None:
        assert peer.parser_exc is None
    elif fault.close_code != ws.INVALID_TEXT:  # texts are checked by the layer above the sans-I/O oracle
        peer.receive_data(bytes(0x2_0000))  # it complains about a frame's head only once it has the whole frame
        assert peer.parser_exc is not None


def masked(head: bytes, payload: bytes = b"") -> bytes:
    return head + b"\0\0\0\0" + payload


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        pytest.param(masked(b"\xc1\x80"), ws.PROTOCOL_FAULT, id="reserved bit"),
        pytest.param(b"\x81\x01a", ws.PROTOCOL_FAULT, id="unmasked from a client"),
        pytest.param(masked(b"\x83\x80"), ws.PROTOCOL_FAULT, id="unknown data opcode"),
        pytest.param(masked(b"\x8b\x80"), ws.PROTOCOL_FAULT, id="unknown control opcode"),
        pytest.param(masked(b"\x09\x80"), ws.PROTOCOL_FAULT, id="fragmented ping"),
        pytest.param(b"\x89\xfe", ws.PROTOCOL_FAULT, id="long ping"),
        pytest.param(masked(b"\x80\x80"), ws.PROTOCOL_FAULT, id="continuation of nothing"),
        pytest.param(masked(b"\x01\x80") + masked(b"\x81\x80"), ws.PROTOCOL_FAULT, id="beginning before the end"),
        pytest.param(masked(b"\x88\x81", b"\x03"), ws.PROTOCOL_FAULT, id="half a close code"),
        pytest.param(masked(b"\x88\x82", b"\x03\xed"), ws.PROTOCOL_FAULT, id="close code 1005 on the wire"),
        pytest.param(masked(b"\x88\x83", b"\x03\xe8\xff"), ws.INVALID_TEXT, id="close reason not UTF-8"),
        pytest.param(masked(b"\x81\x81", b"\xff"), ws.INVALID_TEXT, id="text not UTF-8"),
        pytest.param(masked(b"\x81\xfe\x04\x01"), ws.TOO_BIG, id="one frame too long"),
        pytest.param(masked(b"\x01\xfe\x04\x00", b"a" * 1024) + masked(b"\x80\x81", b"a"), ws.TOO_BIG, id="fragments"),
    ],
)
def test_a_broken_rule_names_its_close_code(stream: bytes, code: int) -> None:
    """And what was complete before the fault is not lost."""
    good = ws.client_frame(ws.TEXT, b"before")
    with pytest.raises(ws.FrameError) as caught:
        ws.FrameReader(expect_masked=True, max_message_bytes=1024).feed(good + stream)
    assert caught.value.close_code == code
    assert caught.value.messages == [(ws.TEXT, b"before")]
    assert isinstance(caught.value, RemoteProtocolError)


def test_endless_empty_fragments_take_no_memory() -> None:
    reader = ws.FrameReader(expect_masked=False, max_message_bytes=10)
    reader.feed(b"\x01\0")
    before = sys.getsizeof(reader._joined) + sys.getsizeof(reader._buffer)
    for _ in range(1000):
        assert reader.feed(b"\0\0" * 10) == []
    assert sys.getsizeof(reader._joined) + sys.getsizeof(reader._buffer) <= before + 100
    assert reader.feed(b"\0\1a\x80\1b") == [(ws.TEXT, b"ab")]


def test_a_server_must_not_mask() -> None:
    with pytest.raises(ws.FrameError) as caught:
        ws.FrameReader(expect_masked=False, max_message_bytes=10).feed(ws.client_frame(ws.TEXT, b"a"))
    assert caught.value.close_code == ws.PROTOCOL_FAULT


def test_what_follows_a_close_frame_is_ignored() -> None:
    reader = ws.FrameReader(expect_masked=False, max_message_bytes=100)
    closing = ws.server_frame(ws.CLOSE, ws.close_payload(1001, "bye"))
    assert reader.feed(closing + b"\xff\xff\xff") == [(ws.CLOSE, b"\x03\xe9bye")]
    assert reader.feed(b"\xff" * 1000) == []
    assert not reader.empty
    assert not reader._buffer


@given(st.sampled_from([1000, 1001, 1011, 3000, 4999]), st.text(max_size=30))
def test_close_bodies_match_the_oracle(code: int, reason: str) -> None:
    body = ws.close_payload(code, reason)
    assert Close.parse(body) == Close(code, reason)
    assert ws.close_code(body) == code


def test_masks_are_fresh_for_each_frame() -> None:
    frames = {ws.client_frame(ws.TEXT, b"same payload") for _ in range(50)}
    assert len(frames) == 50
