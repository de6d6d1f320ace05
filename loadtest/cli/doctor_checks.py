"""What ``loadtest doctor`` looks at. Each check takes facts and judges them; :func:`all_checks` gathers the facts."""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import platform
import resource
import shutil
import time
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from loadtest import __version__
from loadtest.brokers.kinds import KINDS
from loadtest.errors import ResultError
from loadtest.measure import calibration_record
from loadtest.measure.calibration_note import sentence
from loadtest.measure.machine import this_machine
from loadtest.runner.descriptors import RESERVE
from loadtest.scenario.settings_table import SETTINGS

GB = 1e9
LEAST_FREE_BYTES = 1 * GB
LEAST_PORTS = 10_000
COARSEST_CLOCK_S = 1e-6
SLOW_CLOCK_SOURCES = ("hpet", "acpi_pm", "jiffies", "refined-jiffies", "pit")
"""Reading these takes a system call of a microsecond or more, several times for each message."""

_PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_CLOCK_SOURCE = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
_CLOCK_MONOTONIC = 1


class Level(StrEnum):
    """How a check ended; only a problem makes the command fail."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


class Check(NamedTuple):
    """A fact, what it means, and what to do about it; no fix where nothing has to be done."""

    level: Level
    subject: str
    found: str
    fix: str = ""


def all_checks(results: Path) -> list[Check]:
    """Look at everything. Takes a fraction of a second and changes nothing."""
    return [
        versions(),
        file_descriptors(resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
        ephemeral_ports(_read(_PORT_RANGE)),
        cores(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1),
        clock(time.get_clock_info("monotonic").resolution, _read(_CLOCK_SOURCE)),
        timer(available=_timerfd_works()),
        *brokers(),
        calibrated(results),
        writing(results),
        disk_space(shutil.disk_usage(_existing(results)).free, results),
    ]


def versions() -> Check:
    """Python, ours, and what carries the load."""
    names = ("locust", "uvloop", "amqtt")
    found = {name: _version(name) for name in names}
    told = ", ".join(f"{name} {version or 'missing'}" for name, version in found.items())
    said = f"loadtest {__version__}, Python {platform.python_version()}, {told}"
    if not all(found.values()):
        return Check(Level.PROBLEM, "versions", said, "pip install -r requirements.lock")
    return Check(Level.OK, "versions", said)


def file_descriptors(hard_limit: int) -> Check:
    """Every charge point is a socket in an engine, and another one in the gateway or the broker."""
    if hard_limit == resource.RLIM_INFINITY:
        return Check(Level.OK, "file descriptors", "no limit")
    room = max(0, hard_limit - RESERVE)
    found = f"{hard_limit:,} for each process: {room:,} charge points fit into an engine, a gateway process or a broker"
    (fleet,) = (int(setting.default) for setting in SETTINGS if setting.name == "charge_points")
    if room < fleet:
        fix = (
            "raise the hard limit (ulimit -Hn; LimitNOFILE of a service, nofile in limits.conf), or take more --engines"
        )
        return Check(Level.PROBLEM, "file descriptors", found, fix)
    return Check(Level.OK, "file descriptors", found)


def ephemeral_ports(port_range: str) -> Check:
    """Every charge point is a connection from a port of its own to one address of the gateway or broker."""
    try:
        low, high = map(int, port_range.split())
    except ValueError:
        return Check(Level.NOTE, "ephemeral ports", "unknown on this system")
    found = f"{high - low + 1:,} ({low} to {high}): as many charge points to one address and port"
    if high - low + 1 < LEAST_PORTS:
        return Check(Level.PROBLEM, "ephemeral ports", found, 'sysctl -w net.ipv4.ip_local_port_range="10240 65535"')
    return Check(Level.OK, "ephemeral ports", found)


def cores(count: int) -> Check:
    """Generator, gateway and broker should not take each other's time."""
    found = f"{count} for this process"
    if count < 2:
        return Check(Level.NOTE, "cores", found, "with two or more the generator does not slow down what it measures")
    return Check(Level.OK, "cores", found)


def clock(resolution_s: float, source: str) -> Check:
    """Every latency is a difference of two readings of the monotonic clock."""
    found = f"monotonic, resolution {resolution_s * 1e9:g} ns, source {source or 'unknown'}"
    if resolution_s > COARSEST_CLOCK_S:
        return Check(Level.PROBLEM, "clock", found, "take a system whose monotonic clock counts in microseconds")
    if source in SLOW_CLOCK_SOURCES:
        fix = f"see {_CLOCK_SOURCE.parent}/available_clocksource for tsc, kvm-clock or the like"
        return Check(Level.NOTE, "clock", f"{found}, which is slow to read", fix)
    return Check(Level.OK, "clock", found)


def timer(*, available: bool) -> Check:
    """Load is released by a timer of the kernel."""
    if available:
        return Check(Level.OK, "timer", "timerfd")
    return Check(Level.PROBLEM, "timer", "no timerfd", "load is released by it: take Linux, or a container of it")


def brokers() -> list[Check]:
    """Which kinds a run can start; the one in Python is always there, and carries a tenth of others."""
    return [
        broker(kind.name, kind.title, kind.version() if kind.executable() else None, kind.install_command())
        for kind in KINDS.values()
    ]


def broker(name: str, title: str, version: str | None, install_command: str) -> Check:
    """One kind; ``None`` for a version means that it is not installed."""
    if version is None:
        return Check(Level.NOTE, f"broker {name}", f"{title} is not installed", install_command)
    return Check(Level.OK, f"broker {name}", f"{title} {version or 'of unknown version'}")


def calibrated(results: Path) -> Check:
    """Whether it is known here how much of a latency is the instrument's own."""
    command = "loadtest calibrate" if results == Path("results") else f"loadtest calibrate --results {results}"
    try:
        calibration_record.load(results)
    except ResultError as error:
        return Check(Level.NOTE, "calibration", error.message, command)
    note = calibration_record.note_of(results, this_machine())
    if note is None:
        return Check(Level.NOTE, "calibration", "the instrument has not been calibrated here", command)
    current = note.truthful and not note.stale
    return Check(Level.OK if current else Level.NOTE, "calibration", sentence(note), "" if current else command)


def writing(results: Path) -> Check:
    """A run writes its folder there."""
    place = _existing(results)
    if os.access(place, os.W_OK | os.X_OK) and place.is_dir():
        return Check(Level.OK, "results", f"{results} can be written")
    return Check(
        Level.PROBLEM, "results", f"{place} cannot be written", "choose another --results, or its owner's rights"
    )


def disk_space(free_bytes: int, results: Path) -> Check:
    """An hour with all legs is some hundred megabytes."""
    found = f"{free_bytes / GB:,.1f} GB free for {results}"
    if free_bytes < LEAST_FREE_BYTES:
        return Check(Level.PROBLEM, "disk", found, "make room, or choose another --results")
    return Check(Level.OK, "disk", found)


def _existing(path: Path) -> Path:
    """The path, or the first folder above it that is there."""
    path = path.absolute()
    return next(each for each in (path, *path.parents) if each.exists())


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _timerfd_works() -> bool:
    create = getattr(ctypes.CDLL(None), "timerfd_create", None)
    if create is None:
        return False
    descriptor: int = create(_CLOCK_MONOTONIC, os.O_CLOEXEC)
    if descriptor < 0:
        return False
    os.close(descriptor)
    return True
