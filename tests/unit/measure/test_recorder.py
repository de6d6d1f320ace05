from __future__ import annotations

from loadtest.measure import recorder as module
from loadtest.measure.histogram import Histogram
from loadtest.measure.recorder import Recorder
from loadtest.measure.tags import Tag

TAG = Tag("steady", "uplink", "Heartbeat", "intended")
OTHER = Tag("steady", "uplink", "Heartbeat", "service")


def test_an_interval_holds_what_was_appended_since_the_last_and_only_tags_with_samples() -> None:
    recorder = Recorder()
    samples = recorder.handle(TAG)
    recorder.handle(OTHER)
    samples += [10, 20]
    (series,) = recorder.take_interval()
    expected = Histogram()
    expected.record_many([10, 20])
    assert series == expected.to_series("steady.uplink.Heartbeat.intended")
    assert recorder.take_interval() == []


def test_a_handle_stays_valid_over_intervals() -> None:
    recorder = Recorder()
    samples = recorder.handle(TAG)
    samples.append(1)
    recorder.take_interval()
    assert recorder.handle(TAG) is samples
    samples.append(2)
    assert recorder.take_interval()[0].max_us == 2


def test_folding_early_changes_nothing_but_the_memory() -> None:
    early, late = Recorder(), Recorder()
    values = list(range(1, 3 * module.FOLD_AT))
    late.handle(TAG).extend(values)
    for value in values:
        early.handle(TAG).append(value)
        if not value % 1000:
            early.fold_if_large()
            assert len(early.handle(TAG)) < module.FOLD_AT + 1000
    assert early.take_interval() == late.take_interval()
    assert early.take_interval() == []


def test_samples_folded_exactly_at_the_end_of_an_interval_are_reported() -> None:
    recorder = Recorder()
    recorder.handle(TAG).extend([5] * module.FOLD_AT)
    recorder.fold_if_large()
    assert recorder.handle(TAG) == []
    histogram = Histogram()
    histogram.add_series(recorder.take_interval()[0])
    assert histogram.total == module.FOLD_AT
