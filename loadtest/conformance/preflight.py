"""Whether there is anything to hold against the contract: both URLs answer, and a charge point is let in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from loadtest.conformance.backend import backend
from loadtest.conformance.bench import Bench
from loadtest.conformance.charge_point import charge_point
from loadtest.conformance.findings import Nonconformity
from loadtest.errors import EnvironmentNotReady, LoadTestError, UsageError, join_hints
from loadtest.transport import mqtt_url

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from loadtest.conformance.target import Target


async def preflight(target: Target) -> None:
    """Connect to both ends and leave.

    Raises:
        UsageError: With a sentence for each end that is unusable.
    """
    faults: list[str] = []
    hints: list[str] = []
    for check in (_gateway(target), _broker(target)):
        await _collect(check, faults, hints)
    if faults:
        raise UsageError(faults, hint=join_hints(hints))


async def _collect(check: Awaitable[None], faults: list[str], hints: list[str]) -> None:
    try:
        await check
    except LoadTestError as error:
        faults += error.faults
        if error.hint:
            hints.append(error.hint)


async def _gateway(target: Target) -> None:
    async with Bench(target, "preflight") as bench:
        try:
            async with charge_point(target, bench.new_id()):
                return
        except Nonconformity as fault:
            raise EnvironmentNotReady(
                f"gateway {target.gateway}: {fault.message}",
                hint="a charge point asks for <url>/<its id> with the subprotocol ocpp1.6; is the path right?",
            ) from None


async def _broker(target: Target) -> None:
    try:
        async with asyncio.timeout(target.patience_s), backend(target.broker):
            return
    except TimeoutError:
        raise EnvironmentNotReady(
            f"MQTT broker {mqtt_url.parse(target.broker)} did not answer within {target.patience_s:g} s",
            hint="is it an MQTT broker, and this its plain TCP port?",
        ) from None
