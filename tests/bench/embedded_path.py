"""The whole embedded path: engine, gateway unless it is the direct path, broker, subscriber, each its own process."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from fleet import RUN_TAG, Fleet

from loadtest.clock import monotonic_ns
from loadtest.testing.controlled_child import ControlledChild

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fleet import Window

STAND, CSMS = "loadtest.runner.stand", "loadtest.csms"
START_TIMEOUT_S = 30.0


def measure(
    charge_points: int, heartbeat_s: float, *, ramp_s: float, settle_s: int, window_s: int, direct: bool = False
) -> Window:
    """Start all parts, register a fleet that beats every ``heartbeat_s`` and watch a window of it.

    The central system leaves the heartbeat interval open (0 in its BootNotification answers), because what it can
    say is whole seconds.
    """
    epoch_ns = monotonic_ns()
    with (
        _system(charge_points, epoch_ns, direct=direct) as (url, pids),
        Fleet(url, charge_points, epoch_ns=epoch_ns, heartbeat_s=heartbeat_s, ramp_s=ramp_s) as fleet,
    ):
        fleet.register(settle_s)
        return fleet.window(window_s, pids)


def resting_bytes(charge_points: int, heartbeat_s: float, *, ramp_s: float) -> float:
    """An engine's memory for each charge point on the direct path that is registered and rests."""
    epoch_ns = monotonic_ns()
    with (
        _system(charge_points, epoch_ns, direct=True) as (url, _),
        Fleet(url, charge_points, epoch_ns=epoch_ns, heartbeat_s=heartbeat_s, ramp_s=ramp_s) as fleet,
    ):
        base_bytes = fleet.rss_bytes
        fleet.register(settle_s=1)
        return (fleet.rss_bytes - base_bytes) / charge_points


@contextmanager
def _system(charge_points: int, epoch_ns: int, *, direct: bool) -> Iterator[tuple[str, Mapping[str, int]]]:
    """The system under test and the central system: where charge points connect, and process ids by name."""
    with ExitStack() as parts:
        log_dir = parts.enter_context(tempfile.TemporaryDirectory(prefix="loadtest-bench-"))
        stand = parts.enter_context(ControlledChild(STAND))
        wanted = {"epoch_ns": epoch_ns, "log_dir": log_dir, "charge_points": charge_points}
        facts = stand.configure(wanted | {"direct": charge_points if direct else 0}, START_TIMEOUT_S)
        csms = parts.enter_context(ControlledChild(CSMS))
        csms.configure(
            {
                "broker_url": facts["broker"]["url"],
                "run_tag": RUN_TAG,
                "epoch_ns": epoch_ns,
                "heartbeat_interval_s": 0,
            },
            START_TIMEOUT_S,
        )
        pids = {"broker": facts["broker"]["pid"], "subscriber": csms.pid}
        if direct:
            yield facts["broker"]["url"], pids
        else:
            yield facts["gateway"]["url"], {"gateway": facts["gateway"]["pids"][0]} | pids
