"""Holds thresholds against what was measured: a pure function of the books and the samples.

Percentiles are taken of merged histograms, never of other percentiles, and are never above the exact maximum. A
threshold for which there is no data is not held to: it does not pass. In a run that was cut short it is not judged.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from loadtest.measure.histogram import Histogram
from loadtest.measure.run_outcome import ThresholdOutcome
from loadtest.measure.tags import ONE_WAY_LEGS
from loadtest.protocol.phases import FAULT, RAMP, RECOVERY
from loadtest.scenario.bounds import US_PER, scaled
from loadtest.scenario.thresholds import Latency, Messages, Rate, Registered, Transactions
from loadtest.units import US_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from loadtest.measure.evidence import Evidence
    from loadtest.measure.interval import OperationRow
    from loadtest.measure.leg import LegRow
    from loadtest.scenario.bounds import Bound
    from loadtest.scenario.threshold import Threshold

_SHORT_US = 100_000
"""A time that reads badly in seconds."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Observed:
    """A figure, times in µs; infinite: not reached in the time there was, which is ``elapsed``.

    Without ``samples`` there is no figure, and ``note`` says why; otherwise it stands behind the figure.
    """

    value: float
    samples: int
    note: str = ""
    elapsed: float = math.inf


def judge(thresholds: Iterable[Threshold], evidence: Evidence) -> list[ThresholdOutcome]:
    """What comes of each threshold."""
    return [_judge(threshold, evidence) for threshold in thresholds]


def _judge(threshold: Threshold, evidence: Evidence) -> ThresholdOutcome:
    bound = threshold.limit
    observed = _observe(threshold, evidence.of(threshold.fleet_class))
    scale = US_PER.get(bound.unit, 1)
    outcome = ThresholdOutcome(
        text=str(threshold),
        observed="no data",
        passed=None,
        kind=str(threshold.__struct_config__.tag),
        metric=threshold.metric,
        leg=getattr(threshold, "leg", ""),
        action=getattr(threshold, "action", ""),
        phase=threshold.watched_phase,
        relation=bound.relation,
        bound=bound.value,
        unit=bound.unit,
        samples=observed.samples,
        fleet_class=threshold.fleet_class,
    )
    if not observed.samples:
        outcome.reason = observed.note
        if evidence.over:
            outcome.passed, outcome.no_data = False, True
    elif math.isinf(observed.value):
        outcome.observed = outcome.reason = "not reached"
        if evidence.over or not bound.holds(observed.elapsed):
            outcome.passed = False
    else:
        outcome.value = observed.value / scale
        outcome.passed = bound.holds(observed.value)
        outcome.observed = _figure_text(observed.value, bound) + (f" ({observed.note})" if observed.note else "")
        outcome.reason = "" if outcome.passed else f"observed {outcome.observed}"
    return outcome


def _observe(threshold: Threshold, evidence: Evidence) -> _Observed:
    match threshold:
        case Latency():
            return _latency(threshold, evidence)
        case Messages():
            return _messages(threshold, evidence)
        case Registered(phase="ramp"):
            return _registered_in_ramp(threshold, evidence)
        case Registered():
            return _registered_again(threshold, evidence)
        case Rate():
            return _rate(threshold, evidence)
        case Transactions():
            return _transactions(threshold, evidence)
    raise TypeError(f"{type(threshold).__name__} is no kind of threshold")


def _latency(threshold: Latency, evidence: Evidence) -> _Observed:
    merged = Histogram()
    for tag, histogram in evidence.totals.items():
        if (tag.phase, tag.leg, tag.kind) == (
            threshold.watched_phase,
            threshold.leg,
            threshold.kind,
        ) and threshold.action in ("", tag.action):
            merged.merge(histogram)
    of = f" of {threshold.action}" if threshold.action else ""
    # A percentile is the upper edge of a slot 0.1 % wide; the largest sample is known exactly.
    value_us = merged.max_us if threshold.stat == "max" else min(merged.percentile(threshold.percent), merged.max_us)
    missing = f"there are no samples of the leg {threshold.leg}{of} in phase {threshold.watched_phase}"
    doubt_us = evidence.one_way_error_us if threshold.leg in ONE_WAY_LEGS else 0.0
    doubt = f"give or take {doubt_us / 1000:.2f} ms between the hosts' clocks" if doubt_us else ""
    return _Observed(value_us, merged.total, doubt if merged.total else missing)


def _messages(threshold: Messages, evidence: Evidence) -> _Observed:
    def concerns(row: OperationRow | LegRow) -> bool:
        return threshold.action in ("", row.action) and threshold.phase in ("", row.phase)

    operations = [row for row in evidence.operations if concerns(row)]
    sent = sum(row.sent for row in operations)
    if not sent:
        return _Observed(0, 0, "no such message was sent")
    if threshold.what == "unanswered":
        count = sum(row.timed_out + row.cut_off + row.unfinished for row in operations)
    elif not evidence.deliveries.observed:
        return _Observed(0, 0, "no subscriber took part that could tell")
    elif threshold.action or threshold.phase:
        count = sum(getattr(row, threshold.what) for row in evidence.legs if concerns(row))
    else:  # what two subscribers have both seen is known of the whole run only
        count = getattr(evidence.deliveries, threshold.what)
    return _Observed(_in_unit(count, sent, threshold.bound), sent, f"{count:,} of {sent:,} messages")


def _registered_in_ramp(threshold: Registered, evidence: Evidence) -> _Observed:
    starts_s = [span.start_s for span in evidence.phases if span.name == RAMP]
    if not starts_s or not evidence.charge_points:
        return _Observed(0, 0, "the run had no ramp")
    after_s = evidence.registered_after_s.get(threshold.percent, math.inf)
    return _Observed(after_s * US_PER_S, evidence.charge_points, elapsed=(evidence.now_s - starts_s[0]) * US_PER_S)


def _registered_again(threshold: Registered, evidence: Evidence) -> _Observed:
    start_s = next((span.start_s for span in evidence.phases if span.name == threshold.phase), None)
    kind, _, name = threshold.phase.partition(":")
    of_fault = kind in (FAULT, RECOVERY)
    own = {f"{FAULT}:{name}", f"{RECOVERY}:{name}"} if of_fault else {threshold.phase}
    storms = [storm for storm in evidence.storms if storm.kind == "reconnect" and storm.phase in own]
    if start_s is None or not storms:
        missing = "the phase was not reached" if start_s is None else "no storm: too few were away together"
        return _Observed(0, 0, missing)
    after_s, elapsed_s = 0.0, 0.0
    for storm in storms:
        since_s = start_s if of_fault else storm.start_s
        back_s = storm.start_s + storm.back_after_s.get(threshold.percent, math.inf)
        after_s = max(after_s, back_s - since_s)
        elapsed_s = max(elapsed_s, evidence.now_s - since_s)
    return _Observed(after_s * US_PER_S, sum(storm.away for storm in storms), elapsed=elapsed_s * US_PER_S)


def _rate(threshold: Rate, evidence: Evidence) -> _Observed:
    length_s = sum(max(span.end_s - span.start_s, 0.0) for span in evidence.phases if span.name == threshold.phase)
    rows: Sequence[OperationRow | LegRow] = evidence.legs if threshold.what == "delivered" else evidence.operations
    concerned = [row for row in rows if row.phase == threshold.phase and threshold.action in ("", row.action)]
    if length_s <= 0 or not concerned:
        return _Observed(0, 0, f"there are no such messages in phase {threshold.phase}")
    count = sum(getattr(row, threshold.what) for row in concerned)
    return _Observed(count / length_s, max(count, 1), f"{count:,} messages in {length_s:.1f} s")


def _transactions(threshold: Transactions, evidence: Evidence) -> _Observed:
    totals = evidence.transactions
    if totals is None or not totals.started:
        return _Observed(0, 0, "there were no transactions")
    count = getattr(totals, threshold.what)
    what = "flawed" if threshold.what == "flawed" else f"messages {threshold.what}"
    note = f"{count:,} {what}, {totals.started:,} transactions"
    return _Observed(_in_unit(count, totals.started, threshold.bound), totals.started, note)


def _in_unit(count: int, of: int, bound: Bound) -> float:
    return 100 * count / of if bound.unit == "%" else count


def _figure_text(value: float, bound: Bound) -> str:
    """Four digits, or as many as it takes to see on which side of the bound it lies."""
    unit = "ms" if bound.unit in ("s", "min") and value < _SHORT_US else bound.unit
    scale = US_PER.get(unit, 1)
    for digits in (4, 6, 9, 17):
        text = f"{value / scale:.{digits}g}"
        if bound.holds(scaled(float(text), unit)) == bound.holds(value):
            break
    return f"{float(text):,.{_decimals(text)}f}{unit}"


def _decimals(text: str) -> int:
    mantissa, _, exponent = text.partition("e")
    return max(0, len(mantissa.partition(".")[2]) - int(exponent or 0))
