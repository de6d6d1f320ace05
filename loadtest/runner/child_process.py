"""A child process of ours on a control channel, seen from an asyncio parent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any, cast

from loadtest.control import messages
from loadtest.control.child import CONTROL_FD
from loadtest.errors import HarnessError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

STOP_GRACE_S = 5.0


class ControlChild(asyncio.Protocol):
    """One child and its control channel. Made by :func:`start_child`.

    Args:
        name: For messages: ``gateway 0``.
        on_notice: Called with each report and event; the answer to :meth:`configure` does not come here.
    """

    def __init__(self, name: str, on_notice: Callable[[messages.Notice], None]) -> None:
        self.name = name
        self.log_file: Path | None = None
        self._on_notice = on_notice
        self._splitter = messages.FrameSplitter()
        self._transport: asyncio.Transport | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._answer: asyncio.Future[messages.Ready | messages.Refused] | None = None

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's class is no subclass of it

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        for body in self._splitter.feed(data):
            notice = messages.decode_notice(body)
            if isinstance(notice, (messages.Ready, messages.Refused)):
                if self._answer is not None and not self._answer.done():
                    self._answer.set_result(notice)
            else:
                self._on_notice(notice)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(HarnessError(f"{self.name} ended before it was ready", hint=self._log_hint()))

    def send(self, command: messages.Command) -> None:
        """Queue a command; nothing happens once the child is gone."""
        if self._transport is not None:
            self._transport.write(messages.encode(command))

    async def configure(self, settings: Mapping[str, Any], timeout_s: float) -> messages.Ready:
        """Send the child its settings and wait until it can work.

        Raises:
            UsageError: It refused, with its faults.
            HarnessError: It ended or kept silent instead.
        """
        self._answer = asyncio.get_running_loop().create_future()
        self.send(messages.Configure(dict(settings)))
        if self._transport is None:
            raise HarnessError(f"{self.name} ended before it was configured", hint=self._log_hint())
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._answer
        except TimeoutError:
            raise HarnessError(f"{self.name} was not ready after {timeout_s:g} s", hint=self._log_hint()) from None
        if isinstance(answer, messages.Refused):
            raise UsageError(answer.faults, hint=answer.hint)
        return answer

    def send_signal(self, wanted: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        assert self._process is not None
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(wanted)

    async def ended(self) -> int:
        """Wait until the process has ended; its status as :mod:`subprocess` gives it."""
        assert self._process is not None
        return await self._process.wait()

    async def stop(self) -> None:
        """Tell it to stop, wait :data:`STOP_GRACE_S`, then terminate, then kill. Safe to call twice."""
        assert self._process is not None
        self.send_signal(signal.SIGCONT)  # one that stands still would not hear the rest
        self.send(messages.Stop())
        for wanted in (None, signal.SIGTERM, signal.SIGKILL):
            if self._process.returncode is not None:
                break
            if wanted is not None:
                self.send_signal(wanted)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), STOP_GRACE_S if wanted is None else 1.0)
        if self._transport is not None:
            self._transport.close()

    def _log_hint(self) -> str:
        return f"its log: {self.log_file}" if self.log_file else ""

    async def _launch(self, module: str, log_file: Path) -> None:
        ours, theirs = socket.socketpair()
        self.log_file = log_file
        try:
            with theirs, log_file.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    module,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(theirs.fileno(),),
                    env=os.environ | {CONTROL_FD: str(theirs.fileno())},
                )
        except BaseException:
            ours.close()
            raise
        ours.settimeout(0)  # non-blocking, as the loop wants it
        await asyncio.get_running_loop().create_connection(lambda: self, sock=ours)


async def start_child(
    module: str, *, name: str, log_file: Path, on_notice: Callable[[messages.Notice], None]
) -> ControlChild:
    """Start ``python -m module`` with a control channel and its output in ``log_file``."""
    child = ControlChild(name, on_notice)
    await child._launch(module, log_file)  # noqa: SLF001 - a constructor that has to wait
    return child
