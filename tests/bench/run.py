"""``make bench``: the harness held against a C reference, in interleaved rounds, as ratios.

Absolute figures move with the machine and its neighbours; ratios of contenders that took turns hold. What is
measured and how stands in ``docs/performance.md``.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import embedded_path
import encoding_cost
import msgspec
from fleet import Fleet
from reference import Reference
from rich.console import Console
from samples import Budget, Samples

from loadtest.clock import rfc3339, utc_now
from loadtest.errors import ExitCode, LoadTestError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

CHARGE_POINTS = 10_000
RATES_PER_S = (2_000, 10_000)
PATH_RATE_PER_S = 1_000
SATURATING_RATE_PER_S = 40_000
TICK_MS = 1
RAMP_S = 2
RESTING_RAMP_S = 5
WINDOW_S = 6
DAY_S = 86_400

BUDGETS = (
    *(Budget(f"{rate:,}/s: engine / C client", 2.5) for rate in RATES_PER_S),
    Budget("memory: engine, per charge point", 4096),
)


def against_c(reference: Reference, samples: Samples) -> None:
    """A: C client, B: engine; against the same responder, at the same rates."""
    for rate in RATES_PER_S:
        interval_s = CHARGE_POINTS // rate
        with reference.responder(boot_interval_s=interval_s) as responder:
            limit = reference.client(
                responder.port,
                connections=CHARGE_POINTS,
                per_second=rate,
                warmup_s=1,
                window_s=WINDOW_S,
                tick_ms=TICK_MS,
            )
        c_us = limit.cpu_ns / limit.round_trips / 1000
        with (
            reference.responder(boot_interval_s=interval_s) as responder,
            Fleet(responder.url, CHARGE_POINTS, ramp_s=RAMP_S) as fleet,
        ):
            fleet.register(settle_s=interval_s + 1)
            window = fleet.window(WINDOW_S)
        engine_us = window.cpu_us_per_round_trip("engine")
        samples.add(f"{rate:,}/s: C client", "µs/rt", c_us)
        samples.add(f"{rate:,}/s: engine", "µs/rt", engine_us)
        samples.add(f"{rate:,}/s: engine / C client", "x", engine_us / c_us)
        samples.add(f"{rate:,}/s: C client reached", "/s", limit.round_trips * 1e9 / limit.window_ns)
        samples.add(f"{rate:,}/s: engine reached", "/s", window.per_second)


def memory(reference: Reference, samples: Samples) -> None:
    """The engine's memory with its fleet registered and resting, beyond what it is with none.

    The ramp is not the steepest: how much the opening handshakes under way at once leave in the heap depends on how
    busy the machine is.
    """
    with (
        reference.responder(boot_interval_s=DAY_S) as responder,
        Fleet(responder.url, CHARGE_POINTS, ramp_s=RESTING_RAMP_S) as fleet,
    ):
        base_bytes = fleet.rss_bytes
        fleet.register(settle_s=1)
        per_charge_point = (fleet.rss_bytes - base_bytes) / CHARGE_POINTS
    samples.add("memory: engine, no charge point", "MB", base_bytes / 1e6)
    samples.add("memory: engine, per charge point", "B", per_charge_point)
    direct = embedded_path.resting_bytes(CHARGE_POINTS, DAY_S, ramp_s=RESTING_RAMP_S)
    samples.add("memory: engine, per charge point, direct path", "B", direct)


def whole_path(samples: Samples) -> None:
    """Engine, gateway, broker and subscriber: at a moderate rate, and with more offered than they can carry.

    Then without the gateway, charge points being MQTT clients.
    """
    rates = ((f"{PATH_RATE_PER_S:,}/s", PATH_RATE_PER_S), ("saturated", SATURATING_RATE_PER_S))
    for path, (label, rate) in itertools.product(("path", "direct path"), rates):
        name, direct = f"{path} {label}", path == "direct path"
        heartbeat_s = CHARGE_POINTS / rate
        window = embedded_path.measure(
            CHARGE_POINTS,
            heartbeat_s,
            ramp_s=2 * RAMP_S,
            settle_s=round(heartbeat_s) + 1,
            window_s=WINDOW_S,
            direct=direct,
        )
        samples.add(f"{name}: round trips", "/s", window.per_second)
        for process in window.cpu_ns:
            samples.add(f"{name}: {process}", "µs/rt", window.cpu_us_per_round_trip(process))
        cores = sum(window.cpu_ns.values()) / 1e9 / window.seconds
        samples.add(f"{name}: all {'three' if direct else 'four'}", "cores", cores)
        samples.add(f"{name}: per core", "rt/s", window.per_second / cores)
        if rate == PATH_RATE_PER_S:  # beyond saturation a round trip takes as long as the load has lasted
            samples.add(f"{name}: round trip p50", "µs", window.service_us[0])
            samples.add(f"{name}: round trip p99", "µs", window.service_us[1])


def host() -> dict[str, Any]:
    """What the figures were measured on."""
    models = {
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    }
    return {
        "cpu": ", ".join(sorted(models)) or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "congestion_control": Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip(),
    }


def write(samples: Samples, directory: Path, started: dt.datetime, rounds: int) -> Path:
    """Write everything measured as JSON; returns the file."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{started:%Y%m%dT%H%M%SZ}.json"
    record = {
        "schema": 1,
        "started": rfc3339(started),
        "rounds": rounds,
        "charge_points": CHARGE_POINTS,
        "window_s": WINDOW_S,
        "host": host(),
        "samples": [sample.public() for sample in samples],
        "budgets": [budget.public(samples) for budget in BUDGETS if budget.name in samples],
    }
    path.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
    return path


def main() -> int:
    """Run the rounds, show the table, write the record; 1 when a budget is exceeded."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=3, help="rounds; each measures everything once (3)")
    options.add_argument("--only", choices=("engine", "memory", "path", "encodings"), help="measure just this")
    options.add_argument("--results", type=Path, default=Path("results/bench"), help="folder for the record")
    chosen = options.parse_args()
    if chosen.rounds < 1:
        options.error("--rounds: at least 1")
    console = Console()
    samples = Samples()
    started = utc_now()
    with tempfile.TemporaryDirectory(prefix="loadtest-bench-") as directory:
        try:
            reference = Reference(Path(directory))
            measures: dict[str, Callable[[], None]] = {
                "engine": lambda: against_c(reference, samples),
                "memory": lambda: memory(reference, samples),
                "path": lambda: whole_path(samples),
                "encodings": lambda: encoding_cost.measure(samples),
            }
            for number in range(1, chosen.rounds + 1):
                for name, measure in measures.items():
                    if chosen.only in (None, name):
                        console.print(f"round {number} of {chosen.rounds}: {name}", style="dim")
                        measure()
        except LoadTestError as error:
            console.print(f"error: {error}" + (f"\nhint: {error.hint}" if error.hint else ""), style="red")
            return error.exit_code
        except KeyboardInterrupt:  # the children end with their parent's descriptors
            console.print("interrupted; nothing is written", style="red")
            return ExitCode.INTERRUPTED
    console.print(samples.table(f"{CHARGE_POINTS:,} charge points, {chosen.rounds} rounds", BUDGETS))
    console.print(f"written to {write(samples, chosen.results, started, chosen.rounds)}")
    met = all(budget.met(samples) for budget in BUDGETS if budget.name in samples)
    return ExitCode.PASSED if met else ExitCode.FAILED


if __name__ == "__main__":
    sys.exit(main())
