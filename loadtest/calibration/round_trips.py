"""Round trips against a stub whose delays, stalls and faults are known."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np

from loadtest.calibration.clocks import spread
from loadtest.calibration.stub_behaviour import Fault, StubBehaviour
from loadtest.calibration.stub_gateway import StubGateway
from loadtest.calibration.trial import Trial
from loadtest.measure.calibration_record import CountFigure, DelayFigure, StallFigure, Stalls
from loadtest.measure.tags import INTENDED, ROUND_TRIP, SERVICE, Tag
from loadtest.protocol.phases import DRAIN, RAMP, STEADY
from loadtest.units import NS_PER_MS, NS_PER_US, US_PER_S

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

DELAYS_MS = (0, 1, 10, 100)
_TOLERANCE = 0.02
_LEAST_TOLERANCE_US = 100.0
"""Below 5 ms 2 % are less than the wake-ups of two processes vary by themselves."""

_BETWEEN = "between"
_BETWEEN_S = 0.2
"""While the stub's delay is changed: longer than the longest of them takes to end."""
_CALLERS, _BEAT_S = 50, 0.25

STALL_PERCENTS = (85, 90, 95)
_FLUSH_US = 1_000
"""When a stall ends, what waited is served one after the other, each in less than this."""

_BEAT = "Heartbeat"
_FAULT_EVERY = 7


async def known_delays(folder: Path, length_s: float, rounds: int) -> list[DelayFigure]:
    """Have a stub wait for each of :data:`DELAYS_MS` before it answers, in turns, at 200 CALLs a second.

    A charge point beats every 0.25 s, so that none has to wait for its former answer.

    Args:
        folder: Where the trial is written.
        length_s: Of each turn.
        rounds: Turns of each delay, so that a busy moment of the machine is not held against one of them alone.
    """
    names = [f"delay-{delay_ms}ms" for delay_ms in DELAYS_MS]
    trial = Trial(folder, charge_points=_CALLERS, beat_s=_BEAT_S, phases=(RAMP, _BETWEEN, *names, DRAIN))
    waited_us: dict[int, list[float]] = {delay_ms: [] for delay_ms in DELAYS_MS}
    with StubGateway(StubBehaviour(boot_interval_s=0)) as stub:
        async with trial:
            await trial.connect(stub.url)
            trial.enter(_BETWEEN)
            for delay_ms, name in list(zip(DELAYS_MS, names, strict=True)) * rounds:
                await asyncio.sleep(_BETWEEN_S)  # those of the former delay are answered
                stub.behaviour = StubBehaviour(boot_interval_s=0, delay_s=delay_ms / 1000)
                answered = len(stub.counts.delays_ns)
                await trial.stay(name, length_s, then=_BETWEEN)
                waited_us[delay_ms] += [each / NS_PER_US for each in stub.counts.delays_ns[answered:]]
            trial.enter(DRAIN)
            run = await trial.finish()
    reported = [run.totals[Tag(name, ROUND_TRIP, _BEAT, INTENDED)] for name in names]
    known_us = [float(np.median(waited_us[delay_ms])) for delay_ms in DELAYS_MS]
    added_us = [spread(each).p50_us - known for each, known in zip(reported, known_us, strict=True)]
    return [
        DelayFigure(
            delay_us=delay_ms * 1000,
            stub_p50_us=round(known, 1),
            reported=spread(histogram),
            reported_min_us=histogram.min_us,
            error_us=round(added - added_us[0], 1),
            tolerance_us=max(delay_ms * 1000 * _TOLERANCE, _LEAST_TOLERANCE_US),
        )
        for delay_ms, known, histogram, added in zip(DELAYS_MS, known_us, reported, added_us, strict=True)
    ]


def floor_us(delays: Sequence[DelayFigure]) -> float:
    """What the instrument, the kernel and the stub's reading take of a round trip without any delay."""
    at_once = delays[0]
    return round(at_once.reported.p50_us - at_once.stub_p50_us, 1)


async def known_stalls(folder: Path, *, stall_s: float, every_s: float, stalls: int) -> Stalls:
    """Have a stub stand still for ``stall_s`` every ``every_s``, while one charge point beats 200 times a period.

    Of what is due in a stall the charge point sends one CALL and keeps the others waiting: one in 200, which does not
    reach the 99th percentile of service time.
    """
    beat_s = every_s / 200
    stalling = StubBehaviour(boot_interval_s=0, stall_s=stall_s, stall_every_s=every_s)
    trial = Trial(folder, charge_points=1, beat_s=beat_s)
    with StubGateway(stalling) as stub:
        async with trial:
            await trial.connect(stub.url)
            before = len(stub.counts.stalls_ns)  # begin between two, so that none is cut in half
            while len(stub.counts.stalls_ns) == before:  # noqa: ASYNC110 - it is another thread that stalls
                await asyncio.sleep(0.01)
            await asyncio.sleep(stall_s / 4)  # what waited is served
            steady_ns = await trial.stay(STEADY, every_s * stalls)
            run = await trial.finish()
    intended, service = (run.totals[Tag(STEADY, ROUND_TRIP, _BEAT, kind)] for kind in (INTENDED, SERVICE))
    within = [(start_ns, end_ns) for start_ns, end_ns in stub.counts.stalls_ns if start_ns < steady_ns[1]]
    waits_us = expected_waits_us(steady_ns, within)
    # Heartbeats sample a stall at one phase of their beat, so that a percentile is known to one beat.
    beat_us, flush_us = beat_s * US_PER_S, stall_s / beat_s * _FLUSH_US
    bounds = [(percent, float(np.percentile(waits_us, percent))) for percent in STALL_PERCENTS]
    values_us, counts = service.recorded()
    return Stalls(
        stalls=stalls,
        stall_us=round(stall_s * US_PER_S),
        intended=[
            StallFigure(
                percent=percent,
                low_us=max(0.0, wait_us * (1 - _TOLERANCE) - beat_us),
                high_us=wait_us * (1 + _TOLERANCE) + beat_us + flush_us,
                reported_us=intended.percentile(percent),
            )
            for percent, wait_us in bounds
        ],
        service_p99_us=service.percentile(99),
        service_long=int(counts[values_us > stall_s * US_PER_S / 2].sum()),
    )


def expected_waits_us(span_ns: tuple[int, int], stalls_ns: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
    """How long operations due at every 0.1 ms of a span wait for a stall to end: 0 outside of stalls."""
    due_ns = np.arange(*span_ns, NS_PER_MS // 10)
    waits = np.zeros(due_ns.size)
    for start_ns, end_ns in stalls_ns:
        stalled = (due_ns >= start_ns) & (due_ns < end_ns)
        waits[stalled] = (end_ns - due_ns[stalled]) / NS_PER_US
    return waits


async def known_faults(folder: Path, fault: Fault, length_s: float) -> CountFigure:
    """Have every seventh heartbeat suffer a fault: not answered at all, or answered twice."""
    faulty = StubBehaviour(boot_interval_s=0, fault=fault, fault_every=_FAULT_EVERY, fault_actions=frozenset({_BEAT}))
    # A timeout far above what a busy machine takes to answer, and below the drain's patience.
    trial = Trial(folder, charge_points=20, beat_s=_BEAT_S, call_timeout_s=2.0)
    with StubGateway(faulty) as stub:
        async with trial:
            await trial.connect(stub.url)
            await trial.stay(STEADY, length_s)
            stub.behaviour = StubBehaviour(boot_interval_s=0)  # what still waits in line is answered
            record = (await trial.finish()).record
    if fault is Fault.NEVER:
        return CountFigure("CALLs never answered", stub.counts.faults, record.operations.timed_out)
    repeated = record.counters["engine.late_or_duplicate_answers"]
    return CountFigure("CALLs answered twice", stub.counts.faults, repeated)
