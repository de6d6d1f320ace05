"""The settings of a run: one table from which command-line flags, Locust's form and validation follow.

How values become settings, and what is wrong with them: :mod:`loadtest.scenario.resolve`.
"""

from __future__ import annotations

import os

from loadtest.protocol.stamp import MAX_CHARGE_POINTS
from loadtest.scenario.setting import Setting
from loadtest.scenario.system_settings import SECURITY, SYSTEM

_LOAD = (
    Setting(
        name="charge_points",
        kind="int",
        default=2000,
        low=1,
        high=MAX_CHARGE_POINTS,
        metavar="N",
        help="charge points in the whole fleet, shared out among its classes by weight",
    ),
    Setting(
        name="duration",
        kind="duration",
        default="30s",
        low=1,
        metavar="TIME",
        help="length of the steady phase, after ramp-up",
    ),
    Setting(name="ramp", kind="duration", default="10s", metavar="TIME", help="time over which charge points connect"),
    Setting(
        name="warmup",
        kind="duration",
        default="0s",
        metavar="TIME",
        help="a phase before the steady one, at full load, that thresholds and tables of the steady phase leave out",
    ),
    Setting(
        name="heartbeat_interval",
        kind="duration",
        default="0s",
        high=86400,
        metavar="TIME",
        help="heartbeat interval of all charge points, fractions of a second allowed; 0: as the scenario, or your "
        "central system, says",
    ),
    Setting(
        name="seed",
        kind="int",
        default=1,
        high=2**63,
        metavar="N",
        help="seed of every random choice; the same seed gives the same schedule",
    ),
    Setting(
        name="engines", kind="int", default=1, low=1, high=256, metavar="N", help="engine processes per Locust worker"
    ),
    Setting(
        name="call_timeout",
        kind="duration",
        default="30s",
        low=0.1,
        metavar="TIME",
        help="how long a charge point waits for an answer",
    ),
    Setting(
        name="drain_timeout",
        kind="duration",
        default="10s",
        metavar="TIME",
        help="how long answers and deliveries under way are waited for at the end",
    ),
)

_VERDICT = (
    Setting(
        name="threshold",
        kind="text",
        default="",
        repeatable=True,
        metavar="TEXT",
        help="what must hold, such as 'p99 uplink Heartbeat steady < 50ms' or 'lost < 0.1%%'; may be given several "
        "times; replaces what the scenario says of the same metric",
    ),
    Setting(name="no_thresholds", kind="flag", default="", help="judge no thresholds, not even those of the scenario"),
)

_LIVE = (
    Setting(
        name="metrics_port",
        kind="int",
        default=0,
        high=65535,
        metavar="PORT",
        help="port on which the figures of the run are served in Prometheus format while it goes on; 0: none",
    ),
    Setting(
        name="metrics_host",
        kind="text",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address of that port; there is no login, so that other addresses are for networks you trust",
    ),
)

_RESULTS = (
    Setting(
        name="results", kind="text", default="results", metavar="DIR", help="folder in which the run's folder is made"
    ),
    Setting(name="run_id", kind="text", default="auto", metavar="NAME", help="name of the run and of its folder"),
)

SUBJECTS: dict[str, tuple[Setting, ...]] = {
    "Load": _LOAD,
    "System under test": SYSTEM,
    "Verdict": _VERDICT,
    "Live": _LIVE,
    "Security": SECURITY,
    "Results": _RESULTS,
}
"""What they are about."""

SETTINGS: tuple[Setting, ...] = tuple(setting for settings in SUBJECTS.values() for setting in settings)


def written(name: str, value: str) -> str:
    """Where a setting's value was written, for messages: the variable of the environment that holds it, or the flag."""
    (setting,) = (setting for setting in SETTINGS if setting.name == name)
    return setting.variable if os.environ.get(setting.variable) == value else setting.flag
