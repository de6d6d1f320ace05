"""A child process and its control channel, seen from gevent."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import gevent
import msgspec
from gevent.event import AsyncResult

from loadtest.control import messages
from loadtest.control.child import CONTROL_FD
from loadtest.control.lifeline import ignore_interrupts
from loadtest.errors import EnvironmentNotReady, HarnessError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

logger = logging.getLogger(__name__)

_READ_BYTES = 256 * 1024


class Child:
    """A process of ours, started by its module name; it ends when this object is stopped or this process dies.

    Args:
        module: What ``python -m`` runs.
        name: What it is called in records and messages.
        log_file: Takes its standard output and error.
        on_notice: Called with the child and each report or event, in a greenlet of its own, in order.
        on_exit: Called once with the child and its exit status when it has ended without having been told to.
    """

    def __init__(
        self,
        module: str,
        name: str,
        log_file: Path,
        on_notice: Callable[[Child, messages.Notice], None],
        on_exit: Callable[[Child, int], None],
    ) -> None:
        self.name = name
        self.log_file = log_file
        self._on_notice = on_notice
        self._on_exit = on_exit
        self._stopping = False
        self._ready: AsyncResult[messages.Ready] = AsyncResult()
        self._socket, theirs = socket.socketpair()
        environment = os.environ | {CONTROL_FD: str(theirs.fileno())}
        environment.pop("LOCUST_SKIP_MONKEY_PATCH", None)
        with log_file.open("ab") as log, theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module],
                pass_fds=[theirs.fileno()],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # From the start: until it is loaded it could not ignore them by itself.
                preexec_fn=ignore_interrupts,  # noqa: PLW1509 - nothing but a system call
            )
        self.pid = self._process.pid
        self._reader = gevent.spawn(self._read)

    def send(self, command: messages.Command) -> None:
        """Send a command; nothing happens when the child is gone, which is reported by ``on_exit``."""
        try:
            self._socket.sendall(messages.encode(command))
        except OSError:
            return

    def configure(self, settings: dict[str, Any]) -> None:
        """Send the child its configuration."""
        self.send(messages.Configure(settings))

    def wait_ready(self, timeout_s: float) -> messages.Ready:
        """Wait for the child's answer to its configuration.

        Raises:
            UsageError: The child refused, with its reasons.
            EnvironmentNotReady: It gave no answer in time, or ended.
        """
        try:
            ready: messages.Ready = self._ready.get(timeout=timeout_s)
        except gevent.Timeout:
            raise EnvironmentNotReady(
                f"{self.name} is not ready after {timeout_s:g} s", hint=f"see {self.log_file}"
            ) from None
        return ready

    @property
    def ready(self) -> bool:
        """The child has accepted its configuration."""
        return bool(self._ready.successful())

    def pause(self) -> None:
        """Have it stand still."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Have it go on."""
        self._process.send_signal(signal.SIGCONT)

    def tell_to_stop(self) -> None:
        """Tell the child to end; :meth:`stop` is still to be called."""
        self._stopping = True
        self.resume()  # or it would not hear what comes next
        self.send(messages.Stop())

    def stop(self, timeout_s: float = 10.0) -> None:
        """Tell the child to end, wait, and kill it when it does not."""
        self.tell_to_stop()
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.kill()
        self._socket.close()

    def _read(self) -> None:
        splitter = messages.FrameSplitter()
        try:
            while data := self._socket.recv(_READ_BYTES):
                for body in splitter.feed(data):
                    self._take(messages.decode_notice(body))
        except OSError:
            pass  # the same as end of file: the child is gone
        except (ValueError, msgspec.DecodeError) as error:
            logger.error("%s sends what cannot be read: %s", self.name, error)  # noqa: TRY400 - one line says it
            self._process.kill()
        status = self._process.wait()
        if not self._ready.ready():
            self._ready.set_exception(
                HarnessError(f"{self.name} ended with status {status} before it was ready", hint=f"see {self.log_file}")
            )
        if not self._stopping:
            self._on_exit(self, status)

    def _take(self, notice: messages.Notice) -> None:
        match notice:
            case messages.Ready():
                self._ready.set(notice)
                self._on_notice(self, notice)
            case messages.Refused(faults, hint):
                self._stopping = True
                self._ready.set_exception(UsageError(faults, hint=hint))
            case _:
                self._on_notice(self, notice)
