"""Runs rows: several at a time, each by itself, none longer than it may."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadtest.clock import monotonic_ns
from loadtest.conformance.bench import Bench
from loadtest.conformance.findings import Finding, Nonconformity, Verdict
from loadtest.errors import LoadTestError
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loadtest.conformance.row import Row
    from loadtest.conformance.target import Target

CONCURRENCY = 12
"""Rows under way at once. Most wait for the gateway, and those about silence for several seconds."""


@dataclass(frozen=True, slots=True)
class Result:
    """A row and what it found, after how many seconds."""

    row: Row
    finding: Finding
    took_s: float


async def run(
    target: Target,
    rows: Sequence[Row],
    *,
    on_result: Callable[[Result], None] = lambda _: None,
    concurrency: int = CONCURRENCY,
) -> list[Result]:
    """Hold a target against rows; results come in the order of the rows. Never fails: whatever happens is a finding."""
    turns = asyncio.Semaphore(concurrency)

    async def run_one(row: Row) -> Result:
        async with turns:
            began_ns = monotonic_ns()
            finding = await _finding(target, row)
            result = Result(row, finding, (monotonic_ns() - began_ns) / NS_PER_S)
        on_result(result)
        return result

    return list(await asyncio.gather(*(run_one(row) for row in rows)))


async def _finding(target: Target, row: Row) -> Finding:
    if not row.condition.holds(target):
        return Finding(Verdict.SKIPPED, row.condition.otherwise)
    limit_s = row.limit_s(target)
    try:
        async with asyncio.timeout(limit_s), Bench(target, row.id) as bench:
            return await row.check(bench)
    except Nonconformity as fault:
        observed = fault.message
    except TimeoutError:
        observed = f"not finished within {limit_s:g} s"
    except LoadTestError as error:
        observed = error.message
    except Exception as error:  # noqa: BLE001 - whatever a gateway brings about is a finding, not our end
        observed = f"{type(error).__name__}: {error}"
    return Finding(Verdict.FAILED, observed)
