"""The highest rate of one engine at which the measurement holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.calibration.clocks import spread
from loadtest.calibration.fast_stub import FastStub
from loadtest.calibration.trial import ENGINE, Trial
from loadtest.measure.calibration_record import RateStep, Spread
from loadtest.measure.histogram import Histogram
from loadtest.measure.tags import INTENDED, PACER, ROUND_TRIP, SERVICE, Tag
from loadtest.measure.verdict import GENERATOR_CODES
from loadtest.protocol.phases import STEADY
from loadtest.runner.descriptors import RESERVE, raise_limit
from loadtest.units import US_PER_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from loadtest.measure.run_record import RunRecord

STUB = "The stub was the limit: answers took longer than it is to the next CALL."

BEAT_S = 0.05
"""Every charge point has a heartbeat due as often."""


async def rate_steps(folder: Path, rates_per_s: Sequence[int], length_s: float) -> AsyncIterator[RateStep]:
    """One engine against the fastest stub, at one rate after the other, until one does not hold.

    Args:
        folder: Where trials are written.
        rates_per_s: In the order they are tried.
        length_s: How long each is held once all charge points beat.
    """
    room = raise_limit() - RESERVE
    for rate_per_s in rates_per_s:
        charge_points = round(rate_per_s * BEAT_S)
        if charge_points > room:
            return
        step = await _step(folder / f"rate-{rate_per_s}", rate_per_s, charge_points, length_s)
        yield step
        if not step.held:
            return


async def _step(folder: Path, rate_per_s: int, charge_points: int, length_s: float) -> RateStep:
    trial = Trial(folder, charge_points=charge_points, beat_s=BEAT_S, ramp_s=0.5)
    with FastStub() as stub:
        async with trial:
            await trial.connect(stub.url)
            await trial.stay(STEADY, length_s, whole_seconds=True)
            run = await trial.finish()
    return judged_step(
        run.record,
        wanted_per_s=rate_per_s,
        round_trip=spread(run.totals.get(Tag(STEADY, ROUND_TRIP, "Heartbeat", INTENDED), Histogram())),
        pacer=spread(run.totals.get(Tag(STEADY, PACER, "release", SERVICE), Histogram())),
    )


def judged_step(record: RunRecord, *, wanted_per_s: int, round_trip: Spread, pacer: Spread) -> RateStep:
    """Hold a step against what the verdict of a run holds a generator against, then against the stub's part in it."""
    reasons = record.verdict.reasons if record.verdict is not None else []
    why = next((reason.text for reason in reasons if reason.code in GENERATOR_CODES), "")
    if not why and round_trip.p50_us > BEAT_S * US_PER_S:
        why = STUB
    return RateStep(
        wanted_per_s=wanted_per_s,
        round_trip=round_trip,
        pacer=pacer,
        cpu_percent=max((health.cpu_percent for health in record.health if health.role == ENGINE), default=0.0),
        held=not why,
        why=why,
        stub_limited=why == STUB,
    )
