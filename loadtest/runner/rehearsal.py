"""Whether a request could be run: Locust checks it, sets up the system under test, and takes it down again."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from loadtest.errors import UsageError
from loadtest.runner.attending import Attendant
from loadtest.runner.locust_process import start_locust
from loadtest.runner.run import failure

if TYPE_CHECKING:
    from loadtest.errors import LoadTestError
    from loadtest.runner.request import RunRequest

_NAME = "rehearsal"


def rehearse(request: RunRequest, asked_to_stop: list[int], *, system: bool) -> None:
    """Check a request as its run would be checked; no charge point connects, nothing is left behind.

    Args:
        request: What is to be run later.
        asked_to_stop: Grows by each interrupt, which ends the rehearsal as if it had gone well.
        system: Set the system under test up as well, or see whether it answers.

    Raises:
        UsageError: With every fault found.
    """
    with tempfile.TemporaryDirectory(prefix="loadtest-") as place:
        own = dataclasses.replace(request, settings={**request.settings, "results": place, "run_id": _NAME})
        log_dir = Path(place) / _NAME / "logs"
        log_dir.mkdir(parents=True)
        depth = "system" if system else "settings"
        process = start_locust(
            own, ["--headless", "--rehearsal", depth, *own.flags(run_id=_NAME)], log_dir / "locust.log"
        )
        status = Attendant(process, own.resolved(), _say_nothing, lambda: False).wait(asked_to_stop, _look_at_nothing)
        process.clear_leftovers()
        if status and not asked_to_stop:
            raise _without(f"{log_dir}/", failure(process, status))


def _without(folder: str, error: LoadTestError) -> UsageError:
    """The error without what leads into a folder which is gone by now."""
    hints = [part for part in error.hint.split("; ") if folder not in part]
    return UsageError([fault.replace(folder, "") for fault in error.faults], hint="; ".join(hints))


def _say_nothing(_line: str) -> None:
    """Notes are for those who run it."""


def _look_at_nothing() -> None:
    """There is nothing to be seen while it goes on."""
