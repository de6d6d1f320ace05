"""The whole embedded path: engine, gateway, broker, subscriber, each a process of its own."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from typing import TYPE_CHECKING

from fleet import RUN_TAG, Fleet

from loadtest.clock import monotonic_ns
from loadtest.testing.controlled_child import ControlledChild

if TYPE_CHECKING:
    from fleet import Window

STAND, CSMS = "loadtest.runner.stand", "loadtest.csms"
START_TIMEOUT_S = 30.0


def measure(charge_points: int, heartbeat_s: float, *, ramp_s: float, settle_s: int, window_s: int) -> Window:
    """Start all parts, register a fleet that beats every ``heartbeat_s`` and watch a window of it.

    The central system leaves the heartbeat interval open (0 in its BootNotification answers), because what it can
    say is whole seconds.
    """
    epoch_ns = monotonic_ns()
    with ExitStack() as parts:
        log_dir = parts.enter_context(tempfile.TemporaryDirectory(prefix="loadtest-bench-"))
        stand = parts.enter_context(ControlledChild(STAND))
        facts = stand.configure(
            {"epoch_ns": epoch_ns, "log_dir": log_dir, "charge_points": charge_points}, START_TIMEOUT_S
        )
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
        fleet = parts.enter_context(
            Fleet(facts["gateway"]["url"], charge_points, epoch_ns=epoch_ns, heartbeat_s=heartbeat_s, ramp_s=ramp_s)
        )
        pids = {"gateway": facts["gateway"]["pids"][0], "broker": facts["broker"]["pid"], "subscriber": csms.pid}
        fleet.register(settle_s)
        return fleet.window(window_s, pids)
