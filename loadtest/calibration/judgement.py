"""Whether the instrument is truthful here: each figure held against what it had to be, and what to do if it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.calibration_record import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtest.measure.calibration_record import Calibration, DelayFigure, SecondOpinion, Stalls

COARSEST_CLOCK_NS = 1_000
LARGEST_FLOOR_US = 2_000.0
"""Ten times what it is on an idle machine. Whatever is added to every round trip alike shows in the floor alone: the
delays are judged by what they add to it."""

_CLOCK = "take a system whose monotonic clock counts in microseconds, see loadtest doctor"
_BUSY = "end what else keeps this machine busy, or give it more cores, and calibrate again"
_FAULT = "a fault of the harness: calibrate again, and report it if it stays"


def judge(calibration: Calibration) -> list[Check]:
    """Every check, from the figures alone."""
    checks = [_clock(calibration)]
    checks += [_delay(figure) for figure in calibration.delays]
    if calibration.stalls is not None:
        checks += _stalls(calibration.stalls)
    for figure in calibration.counts:
        found = f"{figure.known:,} known, {figure.reported:,} reported"
        checks.append(_check(figure.what, figure.known == figure.reported, found, _FAULT))
    if calibration.second_opinion is not None:
        checks += _second_opinion(calibration.second_opinion)
    checks.append(_rate(calibration))
    return checks


def _check(subject: str, passed: bool, found: str, remedy: str) -> Check:  # noqa: FBT001 - a verdict
    return Check(subject, passed, found, "" if passed else remedy)


def _clock(calibration: Calibration) -> Check:
    clock = calibration.clock
    found = f"steps of {clock.step_ns:,} ns, a reading takes {clock.read_ns:,} ns"
    return _check("clock", 0 < clock.step_ns <= COARSEST_CLOCK_NS, found, _CLOCK)


def _delay(figure: DelayFigure) -> Check:
    subject = f"delay of {figure.delay_us // 1000} ms"
    if figure.reported_min_us < figure.delay_us:  # an answer cannot be there before it was given
        found = f"shortest reported {_ms(figure.reported_min_us)}, less than the delay"
        return Check(subject, passed=False, found=found, remedy=_FAULT)
    if not figure.delay_us:
        own_us = figure.reported.p50_us - figure.stub_p50_us
        found = f"median reported {_ms(figure.reported.p50_us)}, which gives a floor of {_ms(own_us)}"
        found += f" (allowed {_ms(LARGEST_FLOOR_US)})"
        return _check(subject, own_us <= LARGEST_FLOOR_US, found, _BUSY)
    found = f"median reported {_ms(figure.reported.p50_us)}, off by {figure.error_us:+,.0f} µs beyond the floor"
    found += f" (allowed {figure.tolerance_us:,.0f} µs)"
    return _check(subject, abs(figure.error_us) <= figure.tolerance_us, found, _BUSY)


def _stalls(figures: Stalls) -> Iterator[Check]:
    told = "; ".join(
        f"p{figure.percent:g} {_ms(figure.reported_us)}, computed {_ms(figure.low_us)} to {_ms(figure.high_us)}"
        for figure in figures.intended
    )
    within = all(figure.low_us <= figure.reported_us <= figure.high_us for figure in figures.intended)
    yield _check("stalls in response time", within, told, _BUSY)
    hidden = figures.service_p99_us < figures.stall_us / 2
    found = f"p99 {_ms(figures.service_p99_us)} with stalls of {_ms(figures.stall_us)}"
    yield _check("stalls not in service time", hidden, found, _BUSY)
    found = f"{figures.stalls:,} known, {figures.service_long:,} reported"
    yield _check("CALLs sent into a stall", figures.service_long == figures.stalls, found, _BUSY)


def _second_opinion(figures: SecondOpinion) -> Iterator[Check]:
    ours, theirs = figures.ours, figures.aiomqtt
    found = f"{ours.count:,} messages timed by our client, {theirs.count:,} by aiomqtt"
    yield _check("second opinion: same messages", ours.count == theirs.count > 0, found, _FAULT)
    found = f"uplink median {_ms(ours.p50_us)} by our client, {_ms(theirs.p50_us)} by aiomqtt"
    found += f" (allowed {_ms(figures.earlier_us)} less to {_ms(figures.later_us)} more)"
    close = -figures.earlier_us <= theirs.p50_us - ours.p50_us <= figures.later_us
    yield _check("second opinion: same times", close, found, _BUSY)


def _rate(calibration: Calibration) -> Check:
    if not calibration.rates:
        return Check("rate", passed=False, found="not tried", remedy=_BUSY)
    if calibration.holds_per_s:
        return Check("rate", passed=True, found=f"holds to {calibration.holds_per_s:,} messages/s per engine")
    first = calibration.rates[0]
    found = f"does not even hold at {first.wanted_per_s:,} messages/s: {first.why}"
    return Check("rate", passed=False, found=found, remedy=_BUSY)


def _ms(value_us: float) -> str:
    return f"{value_us / 1000:,.2f} ms"
