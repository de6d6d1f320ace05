"""What a run record says about the run, the software and the host, known before anything connects."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import secrets
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadtest.clock import utc_now
from loadtest.measure.calibration_record import note_of
from loadtest.measure.machine import this_machine
from loadtest.measure.run_description import RunDescription
from loadtest.scenario.settings import masked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.measure.limits import Limits
    from loadtest.measure.run_description import FleetPart
    from loadtest.scenario.settings import RunSettings
    from loadtest.scenario.threshold import Threshold

_PACKAGES = ("loadtest", "locust", "gevent", "websockets", "aiomqtt", "uvloop", "hdrhistogram", "numpy", "msgspec")


def describe(
    settings: RunSettings,
    locustfile: Path,
    run_id: str,
    epoch_ns: int,
    *,
    command: list[str],
    fleet: list[FleetPart],
    limits: Limits,
    thresholds: Sequence[Threshold],
    phases: tuple[str, ...],
) -> RunDescription:
    """Describe a run that is about to start."""
    return RunDescription(
        run_id=run_id,
        scenario=locustfile.stem,
        scenario_sha256=digest(locustfile),
        started_at=utc_now(),
        epoch_ns=epoch_ns,
        charge_points=settings.charge_points,
        fleet=fleet,
        settings=settings.public(),
        seed=settings.seed,
        run_tag=secrets.randbelow(0x10000),
        versions={"python": platform.python_version()} | {name: _version(name) for name in _PACKAGES},
        host=_host(),
        command=command,
        limits=limits,
        thresholds=tuple(map(str, thresholds)),
        phases=phases,
        calibration=note_of(Path(settings.results), this_machine()),
    )


def run_name(settings: RunSettings, scenario: str) -> str:
    """The run's id: as asked for, or made of the time and the scenario; never that of a run already there."""
    wanted = settings.run_id
    if wanted == "auto":
        wanted = f"{utc_now():%Y%m%d-%H%M%S}-{scenario}"
    name, copy = wanted, 1
    while (Path(settings.results) / name / "run.json").exists():
        copy += 1
        name = f"{wanted}-{copy}"
    return name


def digest(file: Path) -> str:
    """SHA-256 of a scenario; empty for what is no file: Locust also takes folders and URLs."""
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _host() -> dict[str, Any]:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "name": platform.node(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "memory_bytes": pages,
        "locust_command": shlex.join(masked(word) for word in sys.argv),
    }
