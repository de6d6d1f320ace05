"""Ctrl-C before Locust is up: while it imports a scenario, and with it all of us, and while it sets itself up.

Raised wherever Python happens to be, ``KeyboardInterrupt`` ends an import in a traceback, or is swallowed by what is
being imported, which then stands still for good. So one that comes meanwhile is noted, and honoured as soon as all is
imported; a second one, or one that comes later, ends the process there and then. Nothing has been measured by then.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys

import psutil

from loadtest.errors import ExitCode
from loadtest.locust_plugin.telling import tell_note

_noted: list[int] = []
_imported_by = os.getpid()


def note_interrupts() -> None:
    """Note them from now on; nothing is changed unless it is Locust's own command that imports a scenario."""
    if "locust.main" in sys.modules:
        signal.signal(signal.SIGINT, _note)


def honour_interrupts() -> None:
    """Leave if there was one; from now on each has the process leave. Called once more, it does nothing."""
    if signal.getsignal(signal.SIGINT) is _note:
        signal.signal(signal.SIGINT, _leave)
    if _noted:
        tell_nothing_measured()
        sys.exit(int(ExitCode.INTERRUPTED))


def tell_nothing_measured() -> None:
    """Say that there is no record, and why."""
    tell_note("interrupted before anything was measured")


def end_forked_workers() -> None:
    """End the workers that ``--processes`` has forked. Locust leaves them waiting for a master that is gone."""
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            child.terminate()


def _note(signum: int, frame: object) -> None:
    if _noted:
        _leave(signum, frame)
    _noted.append(signum)


def _leave(_signum: int, _frame: object) -> None:
    if os.getpid() == _imported_by:  # else it is a worker, forked since: a terminal's Ctrl-C tells all
        tell_nothing_measured()
        end_forked_workers()
    os._exit(int(ExitCode.INTERRUPTED))


note_interrupts()
