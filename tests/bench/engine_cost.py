"""What one engine costs: CPU against the C client, recording, size, connecting, memory; all against the C responder."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import embedded_path
from fleet import Fleet
from process_clock import cpu_ns
from reference import Load
from samples import Budget

if TYPE_CHECKING:
    from reference import Reference
    from samples import Samples

CHARGE_POINTS = 15_000
HIGH_RATE_PER_S, RIVALS_RATE_PER_S, GROWTH_RATE_PER_S = 20_000, 1_500, 5_000
SMALL_FLEET = 1_000
RAMP_S = 3.0
SETTLE_S = 2
WINDOW_S = 4
TICK_MS = 1
RUSH_S = 1.0
RESTING_RAMP_S = 10.0
DAY_S = 86_400
UNRECORDED = "unrecorded_engine"
RECORDING_PAIRS = 10
EVERYBODY_CHARGES = {
    "per_day": DAY_S / 2,  # somebody comes every 2 s, and stays
    "stay_s": {"points": [[0.5, DAY_S]]},
    "energy_wh": {"points": [[0.5, 1e6]]},
    "vehicle_power_w": 11_000,
    "battery_wh": 2e6,
}

BUDGETS = (
    Budget(f"{HIGH_RATE_PER_S:,}/s: engine / C client", 2.0),
    Budget(f"{RIVALS_RATE_PER_S:,}/s: engine / C client", 1.8),
    Budget("recording: of the engine's CPU", 10),
    Budget(f"growth: {CHARGE_POINTS:,} / {SMALL_FLEET:,} charge points", 1.15),
    Budget("connecting: engine", 8_000, at_least=True),
    Budget("memory: resting charge point", 2_560),
    Budget("memory: charge point in a transaction", 4_096),
)


def against_c(reference: Reference, samples: Samples) -> None:
    """A: C client, B: a bare client on the engine's event loop, C: engine, at the same rates."""
    for rate in (RIVALS_RATE_PER_S, HIGH_RATE_PER_S):
        load = Load(connections=CHARGE_POINTS, per_second=rate, warmup_s=1, window_s=WINDOW_S, tick_ms=TICK_MS)
        with reference.responder() as responder:
            limit = reference.client(responder.port, load)
        with reference.responder() as responder:
            bare = reference.bare_client(responder.port, load)
        engine_us, reached_per_s = _cpu_us(reference, CHARGE_POINTS, rate)
        samples.add(f"{rate:,}/s: C client", "µs/rt", limit.cpu_us_per_round_trip)
        samples.add(f"{rate:,}/s: bare client", "µs/rt", bare.cpu_us_per_round_trip)
        samples.add(f"{rate:,}/s: engine", "µs/rt", engine_us)
        samples.add(f"{rate:,}/s: bare / C client", "x", bare.cpu_us_per_round_trip / limit.cpu_us_per_round_trip)
        samples.add(f"{rate:,}/s: engine / C client", "x", engine_us / limit.cpu_us_per_round_trip)
        samples.add(f"{rate:,}/s: C client reached", "/s", limit.per_second)
        samples.add(f"{rate:,}/s: bare client reached", "/s", bare.per_second)
        samples.add(f"{rate:,}/s: engine reached", "/s", reached_per_s)


def recording(reference: Reference, samples: Samples) -> None:
    """A: seconds with records, B: seconds without, of one engine: pairs of neighbours in time, nothing else changes."""
    heartbeat_s = CHARGE_POINTS / HIGH_RATE_PER_S
    with (
        reference.responder(boot_interval_s=0) as responder,
        Fleet(responder.url, CHARGE_POINTS, ramp_s=RAMP_S, heartbeat_s=heartbeat_s, module=UNRECORDED) as fleet,
    ):
        fleet.register(SETTLE_S)
        for _ in range(RECORDING_PAIRS):
            recorded_us, unrecorded_us = (_second_us(fleet) for _ in range(2))
            samples.add("recording: engine with", "µs/rt", recorded_us)
            samples.add("recording: engine without", "µs/rt", unrecorded_us)
            samples.add("recording: of the engine's CPU", "%", (recorded_us - unrecorded_us) / recorded_us * 100)


def _second_us(fleet: Fleet) -> float:
    """A second's CPU time per round trip, in µs; after it the engine keeps records if it did not, and the reverse."""
    spent_us = fleet.window(1).cpu_us_per_round_trip("engine")
    os.kill(fleet.pid, signal.SIGUSR1)
    return spent_us


def growth(reference: Reference, samples: Samples) -> None:
    """A: a small fleet, B: a large one; as many messages."""
    small_us, _ = _cpu_us(reference, SMALL_FLEET, GROWTH_RATE_PER_S)
    large_us, _ = _cpu_us(reference, CHARGE_POINTS, GROWTH_RATE_PER_S)
    samples.add(f"growth: {SMALL_FLEET:,} charge points at {GROWTH_RATE_PER_S:,}/s", "µs/rt", small_us)
    samples.add(f"growth: {CHARGE_POINTS:,} charge points at {GROWTH_RATE_PER_S:,}/s", "µs/rt", large_us)
    samples.add(f"growth: {CHARGE_POINTS:,} / {SMALL_FLEET:,} charge points", "x", large_us / small_us)


def connecting(reference: Reference, samples: Samples) -> None:
    """All at once: TCP, WebSocket, BootNotification, two StatusNotifications; of the C client the first two."""
    with reference.responder() as responder:
        load = Load(connections=CHARGE_POINTS, per_second=1, warmup_s=0, window_s=1, tick_ms=TICK_MS)
        limit = reference.client(responder.port, load)
    with (
        reference.responder(boot_interval_s=DAY_S) as responder,
        Fleet(responder.url, CHARGE_POINTS, ramp_s=RUSH_S) as fleet,
    ):
        before_ns = cpu_ns(fleet.pid)
        per_second = fleet.register()
        spent_us = (cpu_ns(fleet.pid) - before_ns) / CHARGE_POINTS / 1000
    samples.add("connecting: engine", "/s", per_second)
    samples.add("connecting: engine, CPU per charge point", "µs", spent_us)
    samples.add("connecting: C client, CPU per connection", "µs", limit.connect_cpu_ns / CHARGE_POINTS / 1000)


def memory(reference: Reference, samples: Samples) -> None:
    """The engine's memory beyond what it is without charge points: while they rest, and while all of them charge.

    The ramp is not the steepest: how much the opening handshakes under way at once leave in the heap depends on how
    busy the machine is.
    """
    for name, drivers in (("resting charge point", None), ("charge point in a transaction", EVERYBODY_CHARGES)):
        with (
            reference.responder(boot_interval_s=DAY_S) as responder,
            Fleet(responder.url, CHARGE_POINTS, ramp_s=RESTING_RAMP_S, drivers=drivers) as fleet,
        ):
            base_bytes = fleet.rss_bytes
            fleet.register(settle_s=1)
            if drivers is not None:
                fleet.charge_everywhere(60)
            samples.add(f"memory: {name}", "B", (fleet.rss_bytes - base_bytes) / CHARGE_POINTS)
    samples.add("memory: engine, no charge point", "MB", base_bytes / 1e6)
    direct = embedded_path.resting_bytes(CHARGE_POINTS, DAY_S, ramp_s=RESTING_RAMP_S)
    samples.add("memory: resting charge point, direct path", "B", direct)


def _cpu_us(reference: Reference, charge_points: int, rate: int) -> tuple[float, float]:
    """CPU time of an engine per round trip, in µs, and the rate it reached."""
    with (
        reference.responder(boot_interval_s=0) as responder,  # it leaves the interval open: it knows whole seconds
        Fleet(responder.url, charge_points, ramp_s=RAMP_S, heartbeat_s=charge_points / rate) as fleet,
    ):
        fleet.register(SETTLE_S)
        window = fleet.window(WINDOW_S)
    return window.cpu_us_per_round_trip("engine"), window.per_second
