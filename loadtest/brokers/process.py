"""A broker's operating-system process: started, watched, stopped, nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from loadtest.control.lifeline import dies_with_parent
from loadtest.errors import EnvironmentNotReady

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STOP_GRACE_S = 5.0
_LONGEST_LINE = 500
_MARK = "LOADTEST_BROKER"
"""Name of the variable by which a broker's processes are known, those as well that have left its session and parent."""


class BrokerProcess:
    """One child process, with what it starts itself, whose output goes to a file. Made by :func:`spawn`.

    Attributes:
        name: The broker's kind, for messages.
        log_file: Everything the broker says.
    """

    def __init__(
        self,
        name: str,
        log_file: Path,
        process: asyncio.subprocess.Process,
        mark: str,
        *,
        stops_within_s: float,
        telling: str,
    ) -> None:
        self.name = name
        self.log_file = log_file
        self._process = process
        self._mark = mark
        self._stops_within_s = stops_within_s
        self._telling = telling

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet, as far as the loop knows."""
        return self._process.returncode is None

    async def ended(self) -> str:
        """Wait until the process ends, and say how: ``exited with status 3`` or ``was killed by SIGKILL``."""
        return ending(await self._process.wait())

    async def stop(self) -> None:
        """Ask it to end, wait as long as that may take, then kill it; and whatever it has left behind."""
        self.send_signal(signal.SIGCONT)  # one that stands still would not hear the next
        self.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), self._stops_within_s)
        await self.kill()

    async def kill(self) -> None:
        """End it and all it has started, without notice. Does nothing when all have ended."""
        self.send_signal(signal.SIGKILL)
        await self._process.wait()
        for pid in _marked(self._mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def send_signal(self, wanted: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(wanted)

    def last_words(self, lines: int = 5) -> str:
        """The end of the log, for an error message: of the lines that tell something, where there are any."""
        try:
            said = self.log_file.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        telling = [line for line in said if self._telling and re.search(self._telling, line)]
        return "\n".join(line[:_LONGEST_LINE] for line in list(dict.fromkeys(telling or said))[-lines:])


def ending(status: int) -> str:
    """A process's end in words; ``status`` as :mod:`subprocess` gives it, negative for a signal."""
    if status >= 0:
        return f"exited with status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"


def _marked(mark: str) -> list[int]:
    """The processes that carry a mark; none where there is no ``/proc``."""
    wanted = f"{_MARK}={mark}".encode()
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # it has ended meanwhile, or is somebody else's
            if wanted in environment.read_bytes().split(b"\0"):
                found.append(int(environment.parent.name))
    return found


async def spawn(
    name: str,
    argv: Sequence[str],
    log_file: Path,
    *,
    environment: Mapping[str, str] | None = None,
    stops_within_s: float = STOP_GRACE_S,
    telling: str = "",
) -> BrokerProcess:
    """Start a broker with its output in ``log_file``.

    It gets a session of its own, because a Ctrl-C at the terminal must not stop the broker before the
    gateway that talks to it; and it dies with this process however this process ends.

    Args:
        name: The broker's kind, for messages.
        argv: Executable and arguments.
        log_file: Appended to.
        environment: Variables beside ours.
        stops_within_s: How long its orderly end may take.
        telling: Regular expression of the lines that say why it does not start; empty: the last ones do.

    Raises:
        EnvironmentNotReady: It cannot be executed.
    """
    mark = secrets.token_hex(8)
    with log_file.open("ab") as log:
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {}), _MARK: mark},
                start_new_session=True,
                preexec_fn=dies_with_parent(),
            )
        except OSError as error:
            raise EnvironmentNotReady(
                f"{argv[0]} cannot be started: {error.strerror}",
                hint="install it anew, or take another with --broker",
            ) from error
    return BrokerProcess(name, log_file, process, mark, stops_within_s=stops_within_s, telling=telling)
