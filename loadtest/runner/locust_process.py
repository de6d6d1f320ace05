"""Locust as a child process: its command line, its log, its orderly and its forced end."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from loadtest.brokers.process import ending
from loadtest.control.lifeline import dies_with_parent
from loadtest.errors import join_hints
from loadtest.runner.process_usage import living_members
from loadtest.runner.pulse import Pulse, time_on_cpu_ns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from loadtest.runner.request import RunRequest

LEFTOVER_GRACE_S = 12.0
"""How long processes of the run may take to end after Locust has: the stand allows each part 5 s."""

_REFUSAL = re.compile(r"^(?:(?:locust|__main__\.py): )?(?:(error|hint): |(?=Did you mean ))(.*)$")
"""Lines of ours, and those of Locust's own argument parser."""
_LOCUST_ERROR = re.compile(r"\[[^\]]*\] [^ ]*/ERROR/locust\.main: (.+)")
_QUOTED = "  "
"""Begins what a fault quotes, after its ``error:``."""

NOTE = "note: "
"""Begins a line about something the user should know while the run goes on."""
FLEET = "fleet: "
"""Begins the note that says what the fleet is made of, which is no news to who wants to hear of none."""

_REASON = "reason: "
_FOR_THE_USER = ("error: ", "hint: ", NOTE, "verdict: ", _REASON, "results: ")


class LocustProcess:
    """One Locust process with everything it starts, in a process group of its own.

    A Ctrl-C at the terminal therefore reaches only us; :meth:`interrupt` passes it on.

    Args:
        arguments: What follows ``python -m locust``.
        log_file: Takes its output.
        environment: Added to the environment.
    """

    def __init__(self, arguments: Sequence[str], log_file: Path, environment: Mapping[str, str]) -> None:
        self.log_file = log_file
        self._read_bytes = 0
        self._killed = ""
        with log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "locust", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | environment | {"PYTHONUNBUFFERED": "1"},
                start_new_session=True,
                # If we are killed, it ends as on Ctrl-C: with its results written and its children stopped.
                preexec_fn=dies_with_parent(signal.SIGINT),  # noqa: PLW1509 - no threads here
            )

        self._pulse = Pulse(lambda: time_on_cpu_ns(self._process.pid))

    def still_s(self) -> float:
        """For how long it has done nothing at all; to be asked at least once a second."""
        return self._pulse.still_s()

    def wait(self, timeout_s: float) -> int | None:
        """Its exit status, negative for a signal; ``None`` when it still runs after ``timeout_s``."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def interrupt(self) -> None:
        """Ask for an orderly end: drain, results, children stopped; asked again, it drains no longer."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)

    def terminate(self) -> None:
        """End it before it has begun, with the workers that it may have forked."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)

    def kill(self, why: str = "") -> None:
        """End it, now. What it started sees that and cleans up by itself: see :meth:`clear_leftovers`.

        Args:
            why: What it had done, for the record: ``stood still for 60 s and was killed``.
        """
        self._killed = why
        self._process.kill()
        self._process.wait()

    def ending(self, status: int) -> str:
        """How it ended: ``was killed by SIGKILL``, or why we did so."""
        return self._killed or ending(status)

    def clear_leftovers(self) -> list[int]:
        """After its end: wait for the processes it had started, kill those that stay; returns the killed ones."""
        group = self._process.pid
        deadline = time.monotonic() + LEFTOVER_GRACE_S
        while left := living_members(group):
            if time.monotonic() > deadline:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGKILL)
                return left
            time.sleep(0.05)
        return []

    def refusal(self) -> tuple[list[str], str]:
        """What it said in lines that begin with ``error:`` and ``hint:``, as faults and one hint."""
        return refusal_in(self.log_text())

    def told(self) -> list[str]:
        """The lines that are meant for the user and have come since the last call."""
        try:
            with self.log_file.open("rb") as log:
                log.seek(self._read_bytes)
                new = log.read()
        except OSError:  # somebody has removed the folder: the run's end says so
            return []
        whole = new[: new.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        lines = [line for line in whole.decode(errors="replace").splitlines() if line.startswith(_FOR_THE_USER)]
        return [line.removeprefix("error: ") if line.startswith("error: " + _QUOTED) else line for line in lines]

    def reasons(self) -> list[str]:
        """The reasons it gave for its verdict."""
        return [line.removeprefix(_REASON) for line in self.log_text().splitlines() if line.startswith(_REASON)]

    def log_text(self) -> str:
        """All it has said."""
        try:
            return self.log_file.read_text(errors="replace")
        except OSError:
            return ""


def start_locust(request: RunRequest, arguments: Sequence[str], log_file: Path) -> LocustProcess:
    """Start Locust on a request's scenario with what is given besides."""
    return LocustProcess(["-f", str(request.scenario.path), *arguments], log_file, request.private_environment())


def refusal_in(text: str) -> tuple[list[str], str]:
    """The ``error:`` lines of a log as faults, without repetitions, and its ``hint:`` lines as one hint."""
    faults: list[str] = []
    hints: list[str] = []
    for line in text.splitlines():
        match = _REFUSAL.match(line)
        if match is None:
            continue
        if match[1] != "error":
            hints.append(match[2])
        elif match[2].startswith(_QUOTED) and faults:
            faults[-1] += "\n" + match[2].removeprefix(_QUOTED)
        else:
            faults.append(match[2])
    return list(dict.fromkeys(faults)), join_hints(hints)


def last_line(text: str) -> str:
    """What a traceback at the end of a log comes to: the exception, and where in whose file.

    Without one it is what Locust has called an error; nothing without that either.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    starts = [number for number, line in enumerate(lines) if line.startswith("Traceback (")]
    if not starts:
        errors = [match[1] for line in lines if (match := _LOCUST_ERROR.match(line))]
        return errors[-1] if errors else ""
    places = [line.strip() for line in lines[starts[-1] :] if line.lstrip().startswith('File "')]
    where = next((place for place in reversed(places) if "site-packages" not in place), "")
    return lines[-1].strip() + (f" ({where})" if where else "")
