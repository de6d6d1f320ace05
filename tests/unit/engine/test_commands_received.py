"""The downlink at the charge point: samples, repeated commands, and when answers were written."""

from __future__ import annotations

import msgspec

from loadtest.engine.commands_received import CommandsReceived
from loadtest.measure.histogram import Histogram
from loadtest.measure.interval import CommandArrivalRow
from loadtest.measure.recorder import Recorder
from loadtest.measure.reply_join import ReplyInstants
from loadtest.protocol import stamp
from loadtest.protocol.frames import Call
from loadtest.units import NS_PER_US

RUN_TAG, STEADY, EPOCH_NS = 9, 2, 5_000_000_000


def command(sequence: int, *, action: str = "Reset", charge_point: int = 4, run_tag: int = RUN_TAG) -> Call:
    unique_id = stamp.encode(run_tag, STEADY, charge_point, sequence, 1_000, 300)
    return Call(unique_id.decode(), action, msgspec.Raw(b"{}"))


def at(us: int) -> int:
    return EPOCH_NS + us * NS_PER_US


def test_a_command_is_timed_from_its_intended_and_its_real_start() -> None:
    recorder = Recorder()
    received = CommandsReceived(recorder, run_tag=RUN_TAG, epoch_ns=EPOCH_NS)
    received.arrived(4, command(0), at(1_900))
    found = {}
    for series in recorder.take_interval():
        histogram = Histogram()
        histogram.add_series(series)
        found[series.tag] = (histogram.total, series.max_us)
    assert found == {"steady.downlink.Reset.intended": (1, 900), "steady.downlink.Reset.service": (1, 600)}


def test_repeated_and_overtaken_commands_are_counted_apart() -> None:
    received = CommandsReceived(Recorder(), run_tag=RUN_TAG, epoch_ns=EPOCH_NS)
    for sequence in (0, 0, 2, 1):
        received.arrived(4, command(sequence), at(2_000))
    assert received.rows() == [CommandArrivalRow("steady", "Reset", delivered=3, duplicated=1, reordered=1)]
    (window,) = received.windows()
    assert (window.charge_point, window.base) == (4, 3)


def test_the_first_answer_to_a_command_is_the_one_that_counts() -> None:
    received = CommandsReceived(Recorder(), run_tag=RUN_TAG, epoch_ns=EPOCH_NS)
    for us in (2_000, 2_500):
        received.arrived(4, command(0), at(us))
        received.answered(4, command(0), at(us + 40))
    (row,) = received.rows()
    assert (row.delivered, row.duplicated, row.replied) == (1, 1, 1)
    expected = ReplyInstants()
    expected.add(4, 0, 2_040, STEADY, "Reset")
    assert received.take_instants() == expected.take()
    assert received.take_instants() == b""


def test_commands_that_are_not_of_this_run_are_nobody_s_measure() -> None:
    received = CommandsReceived(Recorder(), run_tag=RUN_TAG, epoch_ns=EPOCH_NS)
    for other in (
        command(0, run_tag=RUN_TAG + 1),
        command(0, charge_point=5),
        command(0, action="Fly"),
        Call("backend-1", "Reset", msgspec.Raw(b"{}")),
    ):
        received.arrived(4, other, at(2_000))
        received.answered(4, other, at(2_000))
    assert received.rows() == []
    assert received.take_instants() == b""
