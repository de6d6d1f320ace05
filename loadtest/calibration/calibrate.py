"""Everything that is found out about the instrument on this machine, one after the other."""

from __future__ import annotations

import asyncio
import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from loadtest.brokers.start import start as start_broker
from loadtest.calibration.clocks import clock_figures, wake_ups
from loadtest.calibration.judgement import judge
from loadtest.calibration.rates import rate_steps
from loadtest.calibration.round_trips import floor_us, known_delays, known_faults, known_stalls
from loadtest.calibration.stub_behaviour import Fault
from loadtest.calibration.whole_path import known_losses, second_opinion
from loadtest.clock import utc_now
from loadtest.errors import LoadTestError
from loadtest.measure.calibration_record import Calibration
from loadtest.measure.machine import this_machine
from loadtest.scenario.settings import AUTO

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loadtest.measure.calibration_record import RateStep


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much time is taken. Times in seconds, rates in messages per second.

    Attributes:
        wake_ups: How many are timed.
        delay_s: For each delay, each time.
        delay_rounds: How many times each has its turn.
        stall_s: Of one stall; one begins every five times as long.
        stalls: How many.
        counting_s: For everything that is counted.
        opinion_s: For the second opinion.
        rates_per_s: Those tried, in this order.
        rate_s: For each.
    """

    wake_ups: int = 1000
    delay_s: float = 1.0
    delay_rounds: int = 3
    stall_s: float = 0.4
    stalls: int = 2
    counting_s: float = 4.0
    opinion_s: float = 4.0
    rates_per_s: tuple[int, ...] = (1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000)
    rate_s: float = 3.0


FULL = Effort()
QUICK = Effort(
    wake_ups=200,
    delay_s=0.4,
    delay_rounds=2,
    stall_s=0.2,
    stalls=1,
    counting_s=1.5,
    opinion_s=1.0,
    rates_per_s=(1_000, 4_000),
    rate_s=1.0,
)


async def calibrate(*, quick: bool, on_step: Callable[[str], None]) -> Calibration:
    """Hold the instrument against what is known; takes about a minute, a quarter of it with ``quick``.

    What is timed is timed alone; what is only counted, which no machine is too slow for, is counted together.

    Args:
        quick: Fewer samples, a shorter search.
        on_step: Called with what is done next.

    Raises:
        LoadTestError: A part could not be started.
    """
    effort = QUICK if quick else FULL
    found = Calibration(made_at=utc_now(), machine=this_machine(), quick=quick)
    on_step("clock and wake-ups")
    found.clock = clock_figures()
    found.wake_up = await wake_ups(effort.wake_ups)
    with tempfile.TemporaryDirectory(prefix="loadtest-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        on_step("known delays")
        found.delays = await known_delays(folder / "delays", effort.delay_s, effort.delay_rounds)
        found.floor_us = floor_us(found.delays)
        on_step("known stalls")
        found.stalls = await known_stalls(
            folder / "stalls", stall_s=effort.stall_s, every_s=5 * effort.stall_s, stalls=effort.stalls
        )
        await _behind_a_broker(found, folder, effort, on_step)
        async for step in rate_steps(folder, effort.rates_per_s, effort.rate_s):
            found.rates.append(step)
            on_step(f"{step.wanted_per_s:,} messages/s: {'held' if step.held else 'too much'}")
    found.holds_per_s, found.stub_limited = range_of(found.rates)
    found.checks = judge(found)
    return found


async def _behind_a_broker(found: Calibration, folder: Path, effort: Effort, on_step: Callable[[str], None]) -> None:
    try:
        broker = await start_broker(AUTO, folder)
    except LoadTestError as error:
        if str(folder) in error.hint:  # a log that is gone by now; its end is in the message
            error.hint = ""
        raise
    try:
        found.broker = f"{broker.facts.kind} {broker.facts.version}".strip()
        on_step("known losses, duplicates and timeouts")
        never, twice, losses = await asyncio.gather(
            known_faults(folder / "never", Fault.NEVER, effort.counting_s),
            known_faults(folder / "twice", Fault.DUPLICATE, effort.counting_s),
            known_losses(folder / "losses", broker.facts.url, effort.counting_s),
        )
        found.counts = [never, twice, *losses]
        on_step("second opinion")
        found.second_opinion = await second_opinion(folder / "opinion", broker.facts.url, effort.opinion_s)
    finally:
        await broker.stop()


def range_of(steps: Sequence[RateStep]) -> tuple[int, bool]:
    """The highest rate that held with all below it, and whether only the stub stood in the way of more."""
    holds_per_s, stub_limited = 0, False
    for step in steps:
        if not step.held:
            stub_limited = step.stub_limited
            break
        holds_per_s = step.wanted_per_s
    return holds_per_s, stub_limited
