"""Records of benchmarks: one JSON file for each, which the next one on a machine like it is held against."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from loadtest.clock import rfc3339

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from samples import Budget, Samples


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


def last_medians(directory: Path) -> dict[str, float]:
    """The medians of every figure when it was last recorded on a machine like this; none without a record."""
    medians: dict[str, float] = {}
    for path in sorted(directory.glob("*.json")):
        record = msgspec.json.decode(path.read_bytes())
        if record["host"] == host():
            medians |= {sample["name"]: sample["median"] for sample in record["samples"]}
    return medians


def write(samples: Samples, budgets: Sequence[Budget], directory: Path, started: dt.datetime, rounds: int) -> Path:
    """Write everything measured as JSON; returns the file."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{started:%Y%m%dT%H%M%SZ}.json"
    record = {
        "schema": 1,
        "started": rfc3339(started),
        "rounds": rounds,
        "host": host(),
        "samples": [sample.public() for sample in samples],
        "budgets": [budget.public(samples) for budget in budgets if budget.name in samples],
    }
    path.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
    return path
