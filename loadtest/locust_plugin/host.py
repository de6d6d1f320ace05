"""Which host this is: whose clock and whose network. A container may share one with the master and not the other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from loadtest.errors import EnvironmentNotReady
from loadtest.scenario.settings import masked

if TYPE_CHECKING:
    from loadtest.scenario.plan import Plan

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACES = Path("/proc/self/ns")
_LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost", "::1"})


def clock_id() -> str:
    """Which monotonic clock this process reads: that of a boot of a host, in a time namespace (time_namespaces(7))."""
    return f"{_boot_id()} {_namespace('time')}"


def network_id() -> str:
    """Which loopback interface this process has: that of a boot of a host, in a network namespace."""
    return f"{_boot_id()} {_namespace('net')}"


def refuse_unreachable(plan: Plan, worker: int) -> None:
    """Refuse to play a part in a run whose gateway or broker is on the master's loopback interface, and not on ours.

    Raises:
        EnvironmentNotReady: It is so.
    """
    if plan.network == network_id():
        return
    parts = (("gateway", plan.gateway_url), ("broker", plan.broker_url))
    hidden = [f"the {name} ({masked(url)})" for name, url in parts if _is_loopback(url)]
    if hidden:
        raise EnvironmentNotReady(
            f"worker {worker} runs on another host than the master, where it cannot reach {' and '.join(hidden)}",
            hint="run gateway and broker where all workers reach them, and give their URLs with --gateway and --broker",
        )


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in _LOOPBACK_NAMES or host.startswith("127.")


def _boot_id() -> str:
    return _BOOT_ID.read_text().strip()


def _namespace(kind: str) -> str:
    """Empty where the kernel has none of that kind, which then cannot differ either."""
    try:
        return str((_NAMESPACES / kind).readlink())
    except OSError:
        return ""
