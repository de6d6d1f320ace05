"""Which phase an instant belongs to, and the cells that count by phase and action."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from loadtest.engine.operations import HEARTBEAT, STATUS_NOTIFICATION, Operations, PhaseClock
from loadtest.measure.recorder import Recorder
from loadtest.protocol.phases import PHASES


@given(st.lists(st.integers(0, 100), min_size=1, max_size=len(PHASES)), st.integers(-10, 120))
def test_an_instant_belongs_to_the_last_phase_begun_before_it(starts: list[int], instant: int) -> None:
    clock = PhaseClock()
    starts.sort()
    for phase, start_ns in enumerate(starts):
        clock.enter(phase, start_ns)
    begun = [phase for phase, start_ns in enumerate(starts) if start_ns <= instant]
    assert clock.at(instant) == (begun[-1] if begun else 0)


def test_before_any_phase_was_entered_it_is_the_first() -> None:
    assert PhaseClock().at(5) == 0


def test_rows_are_what_was_counted_by_phase_and_action() -> None:
    phases = PhaseClock()
    operations = Operations(Recorder(), phases)
    phases.enter(0, 0)
    phases.enter(2, 100)
    for instant, action in ((50, HEARTBEAT), (150, HEARTBEAT), (150, HEARTBEAT), (99, STATUS_NOTIFICATION)):
        operations.cell(action, instant).offered += 1
    assert {(row.phase, row.action): row.offered for row in operations.rows()} == {
        ("ramp", "Heartbeat"): 1,
        ("ramp", "StatusNotification"): 1,
        ("steady", "Heartbeat"): 2,
    }


def test_a_cell_hands_its_samples_to_the_recorder_under_both_kinds_of_time() -> None:
    recorder = Recorder()
    cell = Operations(recorder, PhaseClock()).cell(HEARTBEAT, 0)
    cell.intended_us.append(5)
    cell.service_us.append(4)
    assert {series.tag: series.max_us for series in recorder.take_interval()} == {
        "ramp.round_trip.Heartbeat.intended": 5,
        "ramp.round_trip.Heartbeat.service": 4,
    }
