"""Why a run is void or has failed: every reason there is, each with a code that programs can rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.command_reasons import command_reasons
from loadtest.measure.instrument_reasons import generator_reasons, instrument_reasons
from loadtest.measure.run_outcome import Reason
from loadtest.measure.system_reasons import system_reasons

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtest.measure.run_record import RunRecord


def reasons(record: RunRecord) -> Iterator[Reason]:
    """Everything that speaks against a run, the instrument's failings first; ``record.thresholds`` as they stand."""
    yield from instrument_reasons(record)
    yield from generator_reasons(record)
    yield from system_reasons(record)
    yield from command_reasons(record)
    yield from _thresholds(record)


def _thresholds(record: RunRecord) -> Iterator[Reason]:
    for outcome in record.thresholds:
        if outcome.no_data:
            yield Reason("threshold_no_data", f"Threshold without data: {outcome.text}; {outcome.reason}.")
        elif outcome.passed is False:
            yield Reason("threshold", f"Threshold missed: {outcome.text}; {outcome.reason}.")
