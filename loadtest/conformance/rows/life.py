"""How long a connection lives: duplicates, silence, heartbeats (contract 1.5 and 3)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from loadtest.clock import monotonic_ns
from loadtest.conformance.findings import Finding, Nonconformity, deviating, passed
from loadtest.conformance.row import SLOW, Condition, Theme
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from loadtest.conformance.bench import Bench, Line

theme = Theme("life")

INTERVAL_S = 2
EARLY_S, LATE_S = 0.4, 1.9
"""How far from twice the interval a connection may be dropped: clocks tick, and machines are busy."""

LONG_S = 600
PING_EVERY_S = 0.5
FEWEST_PINGS = 3
IDLE_LATER = Condition(
    lambda target: target.idle_timeout_s > 2 * INTERVAL_S + LATE_S, "the idle timeout comes before it"
)
CRASHES = "EMQX's connection crashes over an interval that is no natural number"


@theme.row("1.5")
async def duplicate_id(bench: Bench) -> Finding:
    """A second connection with the same id wins: the older one ends, and everything goes to the newcomer, once."""
    line = await bench.line()
    await line.works()
    older = line.charge_point
    line.charge_point = await bench.charge_point(line.id)
    ending = await older.ended(bench.target.patience_s)
    if ending is None:
        raise Nonconformity("the older connection stays")
    if ending.code not in (None, 1000):
        raise Nonconformity(f"the older connection {ending}")
    await line.works()
    for message_id in ("d1", "d2"):
        await line.result_down(message_id, {})
    await line.works()
    return passed(f"the older connection {ending}; the newcomer receives each message once")


@theme.row("1.5")
async def reconnect(bench: Bench) -> Finding:
    """A charge point that has left, in order or not, can come back at once."""
    line = await bench.line()
    await line.works()
    for leave in ("close", "abort"):
        if leave == "close":
            await line.charge_point.close()
        else:
            line.charge_point.abort()
        line.charge_point = await bench.charge_point(line.id)
        await line.works()
    return passed("works after a close and after a reset")


@theme.row("3", IDLE_LATER)
async def silence(bench: Bench) -> Finding:
    """Silence after a BootNotification accepted with interval N ends the connection at 2 x N."""
    line = await bench.line()
    await line.boot("Accepted", INTERVAL_S)
    return await _dropped_at_twice(line, monotonic_ns())


@theme.row("3")
async def pings_are_no_life(bench: Bench) -> Finding:
    """Pings are answered but do not put off the end of a silent connection."""
    line = await bench.line()
    await line.boot("Accepted", INTERVAL_S)
    began_ns = monotonic_ns()
    async with _pinging(line) as answered:
        finding = await _dropped_at_twice(line, began_ns)
    if len(answered) < FEWEST_PINGS:
        raise Nonconformity(f"{len(answered)} pings were answered before {finding.observed}")
    return finding


@theme.row("3")
async def traffic_is_life(bench: Bench) -> Finding:
    """Text puts off the end of a connection."""
    line = await bench.line()
    await line.boot("Accepted", INTERVAL_S)
    began_ns = monotonic_ns()
    while (lived_s := (monotonic_ns() - began_ns) / NS_PER_S) < 3 * INTERVAL_S:
        try:
            await line.works()
        except Nonconformity as fault:
            raise Nonconformity(f"after {lived_s:.2f} s of traffic {fault.message}") from None
        await asyncio.sleep(INTERVAL_S / 4)
    return passed(f"lived {lived_s:.2f} s, three times the interval")


@theme.row("3")
async def interval_zero(bench: Bench) -> Finding:
    """An interval of 0 switches the watch over silence off."""
    line = await bench.line()
    await line.boot("Accepted", INTERVAL_S)
    await line.boot("Accepted", 0)
    return await _stays(line, 2 * INTERVAL_S + LATE_S)


@theme.row("3")
async def pending_changes_nothing(bench: Bench) -> Finding:
    """The interval of an answer that is Pending or Rejected has no effect."""
    line = await bench.line()
    await line.boot("Accepted", INTERVAL_S)
    await line.boot("Pending", LONG_S)
    await line.boot("Rejected", LONG_S)
    began_ns = monotonic_ns()
    async with _pinging(line):
        return await _dropped_at_twice(line, began_ns)


@theme.row("3")
async def pending_shortens_nothing(bench: Bench) -> Finding:
    """The interval of an answer that is Pending or Rejected does not shorten a longer one."""
    line = await bench.line()
    await line.boot("Accepted", LONG_S)
    await line.boot("Pending", 1)
    await line.boot("Rejected", 1)
    return await _stays(line, 2 + LATE_S)


@theme.row("3")
async def any_accepted_result(bench: Bench) -> Finding:
    """Any CALLRESULT with status Accepted and an interval counts, whatever it answers."""
    line = await bench.line()
    await line.works()
    await line.result_down("never-asked", {"status": "Accepted", "interval": INTERVAL_S})
    began_ns = monotonic_ns()
    async with _pinging(line):
        return await _dropped_at_twice(line, began_ns)


@theme.row("3")
async def odd_interval(bench: Bench) -> Finding:
    """An interval that is negative or no integer is passed on and has no effect."""
    line = await bench.line()
    await line.works()
    for interval in (-1, "soon", None):
        line.down({"MessageTypeId": 3, "UniqueId": "odd", "Payload": {"status": "Accepted", "interval": interval}})
    for interval in (-1, "soon", None):
        try:
            await line.expect_received([3, "odd", {"status": "Accepted", "interval": interval}])
        except Nonconformity:
            ending = await line.charge_point.ended(bench.target.patience_s)
            if ending is not None and ending.code in (None, 1011):
                return deviating(f"with interval {interval!r} the connection {ending}", CRASHES)
            raise
    await line.works()
    return passed("passed on, and the connection stays")


@contextlib.asynccontextmanager
async def _pinging(line: Line) -> AsyncIterator[list[int]]:
    """Ping while the block lasts, so that no idle timeout takes part; the instants of the answers."""
    answered: list[int] = []

    async def ping_on() -> None:
        while True:
            await line.charge_point.ping(INTERVAL_S)
            answered.append(monotonic_ns())
            await asyncio.sleep(PING_EVERY_S)

    pinging = asyncio.ensure_future(ping_on())
    try:
        yield answered
    finally:
        pinging.cancel()
        await asyncio.gather(pinging, return_exceptions=True)


async def _stays(line: Line, for_s: float) -> Finding:
    """The connection must live on without any text."""
    async with _pinging(line):
        ending = await line.charge_point.ended(for_s)
    if ending is not None:
        raise Nonconformity(f"the connection {ending}")
    await line.works()
    return passed(f"no text for {for_s:g} s, and the connection stays")


async def _dropped_at_twice(line: Line, began_ns: int) -> Finding:
    """The connection must end about 2 x INTERVAL_S after ``began_ns``."""
    due_s = 2 * INTERVAL_S
    ending = await line.charge_point.ended(due_s + LATE_S)
    if ending is None:
        raise Nonconformity(f"the connection stays for {due_s + LATE_S:g} s with interval {INTERVAL_S} s")
    after_s = ending.after_s(began_ns)
    observed = f"the connection {ending} after {after_s:.2f} s with interval {INTERVAL_S} s"
    if ending.code not in (None, 1000) or not due_s - EARLY_S <= after_s <= due_s + LATE_S:
        raise Nonconformity(observed)
    return passed(observed)


@theme.row("3", SLOW)
async def idle_timeout(bench: Bench) -> Finding:
    """Silence of every kind ends the connection at the idle timeout."""
    line = await bench.line()
    await line.boot("Accepted", 0)
    began_ns, timeout_s = monotonic_ns(), bench.target.idle_timeout_s
    ending = await line.charge_point.ended(1.1 * timeout_s + LATE_S)
    if ending is None:
        raise Nonconformity(f"the connection stays for {1.1 * timeout_s + LATE_S:g} s")
    observed = f"the connection {ending} after {ending.after_s(began_ns):.2f} s"
    if ending.code not in (None, 1000) or ending.after_s(began_ns) < timeout_s - EARLY_S:
        raise Nonconformity(observed)
    return passed(observed)


@theme.row("3", SLOW)
async def pings_against_idle_timeout(bench: Bench) -> Finding:
    """Pings put the idle timeout off."""
    line = await bench.line()
    await line.boot("Accepted", 0)
    began_ns, timeout_s = monotonic_ns(), bench.target.idle_timeout_s
    while (monotonic_ns() - began_ns) / NS_PER_S < 1.3 * timeout_s + LATE_S:
        await line.charge_point.ping(bench.target.patience_s)
        await asyncio.sleep(timeout_s / 4)
    await line.works()
    return passed(f"lived {(monotonic_ns() - began_ns) / NS_PER_S:.1f} s on pings alone")
