"""``make bench``: the harness held against a C reference, in interleaved rounds, as ratios.

Absolute figures move with the machine and its neighbours; ratios of contenders that took turns hold. What is
measured and how stands in ``docs/performance.md``.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import embedded_path
import encoding_cost
import engine_cost
from records import last_medians, write
from reference import Reference
from rich.console import Console
from samples import Budget, Samples

from loadtest.clock import utc_now
from loadtest.errors import ExitCode, LoadTestError

if TYPE_CHECKING:
    from collections.abc import Callable

CHARGE_POINTS = 10_000
"""On the whole path; what one engine is measured with stands in :mod:`engine_cost`."""
RATE_PER_S = 1_000
SATURATING_RATE_PER_S = 40_000
RAMP_S = 3
SETTLE_S = 2
WINDOW_S = 5

BUDGETS = (
    *engine_cost.BUDGETS,
    Budget("path saturated: round trips", 18_000, at_least=True),
    Budget(f"path {RATE_PER_S:,}/s: round trip p99", 2_000),
)


def whole_path(_: Reference, samples: Samples) -> None:
    """Engine, gateway, broker and subscriber: at a moderate rate, and with more offered than they can carry.

    Then without the gateway, charge points being MQTT clients.
    """
    rates = ((f"{RATE_PER_S:,}/s", RATE_PER_S), ("saturated", SATURATING_RATE_PER_S))
    for path, (label, rate) in itertools.product(("path", "direct path"), rates):
        name, direct = f"{path} {label}", path == "direct path"
        window = embedded_path.measure(
            CHARGE_POINTS, CHARGE_POINTS / rate, ramp_s=RAMP_S, settle_s=SETTLE_S, window_s=WINDOW_S, direct=direct
        )
        samples.add(f"{name}: round trips", "/s", window.per_second)
        for process in window.cpu_ns:
            samples.add(f"{name}: {process}", "µs/rt", window.cpu_us_per_round_trip(process))
        cores = sum(window.cpu_ns.values()) / 1e9 / window.seconds
        samples.add(f"{name}: all {'three' if direct else 'four'}", "cores", cores)
        samples.add(f"{name}: per core", "rt/s", window.per_second / cores)
        if rate == RATE_PER_S:  # beyond saturation a round trip takes as long as the load has lasted
            samples.add(f"{name}: round trip p50", "µs", window.service_us[0])
            samples.add(f"{name}: round trip p99", "µs", window.service_us[1])


MEASURES: dict[str, Callable[[Reference, Samples], None]] = {
    "engine": engine_cost.against_c,
    "recording": engine_cost.recording,
    "growth": engine_cost.growth,
    "connecting": engine_cost.connecting,
    "memory": engine_cost.memory,
    "path": whole_path,
    "encodings": lambda _, samples: encoding_cost.measure(samples),
}

ONCE = ("recording", "memory", "encodings")
"""Measured in the first round only: *recording* takes turns of its own, the others hardly differ between rounds."""


def main() -> int:
    """Run the rounds, show the table, write the record; 1 when a budget is exceeded."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=3, help="rounds (3)")
    options.add_argument("--only", choices=MEASURES, help="measure just this")
    options.add_argument("--results", type=Path, default=Path("results/bench"), help="folder for the record")
    chosen = options.parse_args()
    if chosen.rounds < 1:
        options.error("--rounds: at least 1")
    # Children are to find what lies here as well.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH"))))
    console = Console()
    samples = Samples()
    started = utc_now()
    with tempfile.TemporaryDirectory(prefix="loadtest-bench-") as directory:
        try:
            reference = Reference(Path(directory))
            for number in range(1, chosen.rounds + 1):
                for name, measure in MEASURES.items():
                    if chosen.only == name or (chosen.only is None and (number == 1 or name not in ONCE)):
                        console.print(f"round {number} of {chosen.rounds}: {name}", style="dim")
                        measure(reference, samples)
        except LoadTestError as error:
            console.print(f"error: {error}" + (f"\nhint: {error.hint}" if error.hint else ""), style="red")
            return error.exit_code
        except KeyboardInterrupt:  # the children end with their parent's descriptors
            console.print("interrupted; nothing is written", style="red")
            return ExitCode.INTERRUPTED
    last = last_medians(chosen.results)
    console.print(samples.table(f"{chosen.rounds} rounds; last: as in the record before", BUDGETS, last))
    console.print(f"written to {write(samples, BUDGETS, chosen.results, started, chosen.rounds)}")
    met = all(budget.met(samples) for budget in BUDGETS if budget.name in samples)
    return ExitCode.PASSED if met else ExitCode.FAILED


if __name__ == "__main__":
    sys.exit(main())
