"""Which host this is: whose clock and whose network. A container may share one with the master and not the other."""

from __future__ import annotations

from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACES = Path("/proc/self/ns")


def clock_id() -> str:
    """Which monotonic clock this process reads: that of a boot of a host, in a time namespace (time_namespaces(7))."""
    return f"{_boot_id()} {_namespace('time')}"


def network_id() -> str:
    """Which loopback interface this process has: that of a boot of a host, in a network namespace."""
    return f"{_boot_id()} {_namespace('net')}"


def _boot_id() -> str:
    return _BOOT_ID.read_text().strip()


def _namespace(kind: str) -> str:
    """Empty where the kernel has none of that kind, which then cannot differ either."""
    try:
        return str((_NAMESPACES / kind).readlink())
    except OSError:
        return ""
