"""Locust's web UI on a scenario, served until interrupted."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from loadtest.brokers.ports import refuse_taken
from loadtest.clock import utc_now
from loadtest.errors import EnvironmentNotReady, ExitCode, HarnessError
from loadtest.runner.attending import Attendant, interrupts
from loadtest.runner.locust_process import start_locust
from loadtest.runner.run import failure, make_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.runner.request import RunRequest

WEB_READY_S = 30.0


def run_web(request: RunRequest, host: str, port: int, announce: Callable[[str], None]) -> int:
    """Serve until interrupted; returns the exit code.

    Args:
        request: What the UI is to start.
        host: Address to serve on.
        port: Port to serve on.
        announce: Called with a line for the user: the URL once it answers, then what becomes of each run.

    Raises:
        UsageError: What was asked for cannot be done.
        EnvironmentNotReady: The port is taken.
        HarnessError: Locust ended by itself.
    """
    settings = request.resolved()
    refuse_taken(port, host=host, option="--web-port")
    log_dir = Path(settings.results)
    make_folder(log_dir)
    log_file = log_dir / f"web-{utc_now():%Y%m%d-%H%M%S}.log"
    arguments = ["--web-host", host, "--web-port", str(port), *request.flags(run_id=request.settings.get("run_id"))]
    url = f"http://{host}:{port}"
    with interrupts() as received:
        process = start_locust(request, arguments, log_file)
        deadline = time.monotonic() + WEB_READY_S
        announced = False

        def on_tick() -> None:
            nonlocal announced
            for line in process.told():
                announce(line)
            if not announced and _listens(host, port):
                announced = True
                announce(f"web ready: {url}")
            if not announced and time.monotonic() > deadline:
                raise HarnessError(f"Locust's web UI does not answer at {url}", hint=f"its log: {log_file}")

        status = Attendant(process, settings, announce, lambda: announced).wait(received, on_tick)
        process.clear_leftovers()
    if not received:
        raise failure(process, status)
    return ExitCode.INTERRUPTED if status == ExitCode.INTERRUPTED else ExitCode.PASSED


def _listens(host: str, port: int) -> bool:
    try:
        refuse_taken(port, host=host)
    except EnvironmentNotReady:
        return True
    return False
