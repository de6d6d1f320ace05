"""The control channel's frames: cut out of any stream of bytes, and read as what was written."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.control import messages
from loadtest.control.messages import FrameSplitter
from loadtest.measure.interval import (
    ChargePointWindow,
    DeliveryRow,
    Health,
    IntervalReport,
    OperationRow,
    SentCounts,
    Series,
)

COMMANDS = [
    messages.Configure({"seed": 1, "profile": {"connectors": 2}}),
    messages.AddCohort(0, 1000),
    messages.AddCohort(5, 1, {"connectors": 3}),
    messages.RemoveCohort(5),
    messages.EnterPhase("steady", 123_456_789_012),
    messages.BeginFault("b", {"type": "pause", "part": "broker"}, 456),
    messages.EndFault("b", 789),
    messages.CutOff(0.25, 17, 790),
    messages.RefuseHandshakes(503, 0.5),
    messages.Drain(987),
    messages.Stop(),
]
NOTICES = [
    messages.Ready(4711, {"url": "ws://127.0.0.1:1"}),
    messages.Refused(["this", "that"], "do so"),
    messages.Facts("broker", {"sys": {"packets_sent": 7}}),
    messages.FaultState("b", begun=True, at_ns=457),
    messages.Event("part_died", "gateway-0 ended"),
    messages.Report(
        IntervalReport(
            index=7,
            final=True,
            series=[Series("steady.uplink.Heartbeat.intended", b"\x00\xff", 1, 2, 3, 4)],
            operations=[OperationRow("steady", "Heartbeat", offered=9, dropped=1, sent=8, answered=5, cut_off=3)],
            deliveries=[DeliveryRow("steady", "Heartbeat", 8, 1, 2)],
            counters={"engine.connects": 3},
            gauges={"connected": 2},
            health=Health(cpu_ns=5, coalesced_intervals=1),
            sent=[SentCounts(0, b"\x01\x00\x00\x00")],
            seen=[ChargePointWindow(3, 4, b"\x05")],
        )
    ),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_a_command_arrives_as_it_was_sent(command: messages.Command) -> None:
    (body,) = FrameSplitter().feed(messages.encode(command))
    assert messages.decode_command(body) == command


@pytest.mark.parametrize("notice", NOTICES, ids=lambda notice: type(notice).__name__)
def test_a_notice_arrives_as_it_was_sent(notice: messages.Notice) -> None:
    (body,) = FrameSplitter().feed(messages.encode(notice))
    assert messages.decode_notice(body) == notice


def test_every_kind_is_among_the_samples() -> None:
    assert {type(each) for each in COMMANDS} == set(messages.Command.__args__)
    assert {type(each) for each in NOTICES} == set(messages.Notice.__args__)


def test_a_command_is_no_notice() -> None:
    (body,) = FrameSplitter().feed(messages.encode(messages.Stop()))
    with pytest.raises(msgspec.ValidationError):
        messages.decode_notice(body)


@given(st.lists(st.binary(max_size=300), max_size=8), st.lists(st.integers(0, 2500), max_size=12))
def test_frames_are_found_however_the_stream_is_cut(bodies: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(len(body).to_bytes(4, "big") + body for body in bodies)
    splitter = FrameSplitter()
    found: list[bytes] = []
    position = 0
    for cut in [*sorted(min(cut, len(stream)) for cut in cuts), len(stream)]:
        found += splitter.feed(stream[position:cut])
        position = cut
    assert found == bodies
    assert splitter.feed(b"") == []


def test_an_announced_size_beyond_the_limit_is_refused_before_it_arrives() -> None:
    largest = messages.MAX_FRAME_BYTES
    assert FrameSplitter().feed(largest.to_bytes(4, "big")) == []
    with pytest.raises(ValueError, match=str(largest + 1)):
        FrameSplitter().feed((largest + 1).to_bytes(4, "big"))
