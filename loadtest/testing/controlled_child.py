"""A child of the harness driven by hand: an engine or a central system without Locust around it.

The parent's end of the control channel as tests and benchmarks need it: blocking, one child, every notice kept.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections import deque
from typing import TYPE_CHECKING, Any

from loadtest.clock import monotonic_ns
from loadtest.control import messages
from loadtest.control.child import CONTROL_FD
from loadtest.errors import HarnessError, UsageError
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from loadtest.measure.interval import IntervalReport

READ_BYTES = 1 << 18
STOP_TIMEOUT_S = 10.0


class ControlledChild:
    """``python -m <module>`` with a control channel, running while its ``with`` block lasts.

    Args:
        module: The child's module, for example ``loadtest.engine``.

    Attributes:
        pid: The child's process id.
        events: What it found worth telling besides its reports.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._channel, inherited = socket.socketpair()
        self._splitter = messages.FrameSplitter()
        self._waiting: deque[messages.Notice] = deque()
        self.events: list[messages.Event] = []
        with inherited:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module],
                env={**os.environ, CONTROL_FD: str(inherited.fileno())},
                pass_fds=[inherited.fileno()],
            )
        self.pid = self._process.pid

    def __enter__(self) -> ControlledChild:
        """Nothing to do: the child starts with the object."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the child; kill it when it does not go."""
        with contextlib.suppress(OSError):  # it may have gone already
            self.send(messages.Stop())
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._channel.close()

    def send(self, command: messages.Command) -> None:
        """Send a command.

        Raises:
            OSError: The child has closed its end.
        """
        self._channel.settimeout(STOP_TIMEOUT_S)
        self._channel.sendall(messages.encode(command))

    def configure(self, settings: dict[str, Any], timeout_s: float = 10.0) -> dict[str, Any]:
        """Send ``Configure`` and wait until the child is ready; returns the facts it tells of itself.

        Raises:
            UsageError: The child refused, for the faults it names.
            HarnessError: It did not answer in time, or died.
        """
        self.send(messages.Configure(settings))
        deadline_ns = monotonic_ns() + round(timeout_s * NS_PER_S)
        while True:
            match self._next(deadline_ns):
                case messages.Ready(facts=facts):
                    return facts
                case messages.Refused(faults=faults, hint=hint):
                    raise UsageError(faults, hint=hint)
                case _:
                    pass  # reports may already flow

    def next_report(self, timeout_s: float = 10.0) -> IntervalReport:
        """The next interval report, in order.

        Raises:
            HarnessError: None came in time, or the child died.
        """
        deadline_ns = monotonic_ns() + round(timeout_s * NS_PER_S)
        while True:
            match self._next(deadline_ns):
                case messages.Report(report=report):
                    return report
                case messages.Event() as event:
                    self.events.append(event)
                case _:
                    pass

    def report_when(self, condition: Callable[[IntervalReport], bool], timeout_s: float = 60.0) -> IntervalReport:
        """The first further report for which ``condition`` holds; those before are skipped.

        Raises:
            HarnessError: There was none in time, or the child died.
        """
        deadline_ns = monotonic_ns() + round(timeout_s * NS_PER_S)
        while True:
            report = self.next_report(max(0.0, (deadline_ns - monotonic_ns()) / NS_PER_S))
            if condition(report):
                return report

    def _next(self, deadline_ns: int) -> messages.Notice:
        while not self._waiting:
            remaining_s = (deadline_ns - monotonic_ns()) / NS_PER_S
            if remaining_s <= 0:
                raise HarnessError(f"{self._module} (pid {self.pid}) told nothing in time")
            self._channel.settimeout(remaining_s)
            try:
                data = self._channel.recv(READ_BYTES)
            except TimeoutError:
                continue
            except ConnectionResetError:  # it died with commands unread
                data = b""
            if not data:
                raise HarnessError(f"{self._module} (pid {self.pid}) ended with status {self._process.wait()}")
            self._waiting.extend(messages.decode_notice(body) for body in self._splitter.feed(data))
        return self._waiting.popleft()
