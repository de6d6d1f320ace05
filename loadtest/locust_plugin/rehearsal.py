"""A rehearsal: everything that a run checks before it begins is checked, and no run follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.clock import monotonic_ns
from loadtest.locust_plugin.stand import Stand

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from loadtest.measure.run_description import FleetPart
    from loadtest.scenario.settings import RunSettings

OPTION = "--rehearsal"
"""Of Locust's command line; takes one of :data:`DEPTHS`."""
SETTINGS_ONLY, SYSTEM_TOO = DEPTHS = ("settings", "system")
"""``settings`` and the scenario go together; and the ``system`` under test can be set up, or answers."""


def set_up_once(settings: RunSettings, fleet: Sequence[FleetPart], log_dir: Path) -> None:
    """Bring the system under test up, and take it down again.

    Args:
        settings: Of the run that is rehearsed.
        fleet: Kinds of charge points there would be.
        log_dir: An existing folder for the logs of all parts.

    Raises:
        LoadTestError: Something cannot be started or reached.
    """
    stand = Stand(log_dir, _ignore, _ignore, _ignore, _ignore)
    try:
        stand.start(settings, monotonic_ns(), fleet)
    finally:
        stand.stop()


def _ignore(*_told: object) -> None:
    """What happens in a rehearsal is of no interest once all parts are there."""
