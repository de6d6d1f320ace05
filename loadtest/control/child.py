"""The child's end of the control channel, on asyncio.

The parent passes the descriptor's number in the environment; end of file means the parent is gone, and so must
the child be. SIGINT is ignored: the terminal sends it to the whole group, and the parent decides when to stop.
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING, cast

from loadtest.control import messages
from loadtest.control.lifeline import goes_on_without_parent, ignore_interrupts
from loadtest.errors import HarnessError

if TYPE_CHECKING:
    from collections.abc import Callable

CONTROL_FD = "LOADTEST_CONTROL_FD"
"""Environment variable that holds the number of the inherited socket."""

CLOGGED_BYTES = 16 * 1024 * 1024
"""So much may wait for a parent that does not read, beyond what its socket holds."""


class ControlChannel(asyncio.Protocol):
    """Commands in by callback, notices out without ever waiting.

    Args:
        on_command: Called for each command in order of arrival.
        on_parent_gone: Called once when the parent has closed its end or died.
    """

    def __init__(self, on_command: Callable[[messages.Command], None], on_parent_gone: Callable[[], None]) -> None:
        self._on_command = on_command
        self._on_parent_gone = on_parent_gone
        self._splitter = messages.FrameSplitter()
        self._waiting: list[bytes] = []
        self._started = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not subclasses of it

    def start(self) -> None:
        """Begin to deliver commands: not before the owner holds the channel, for answers go through it."""
        self._started = True
        self.data_received(b"")

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        self._waiting += self._splitter.feed(data)
        while self._waiting and self._started:
            self._on_command(messages.decode_command(self._waiting.pop(0)))

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        self._transport = None
        self._on_parent_gone()

    def send(self, notice: messages.Notice) -> None:
        """Queue a notice; nothing happens once the parent is gone."""
        if self._transport is not None:
            self._transport.write(messages.encode(notice))

    @property
    def backlog_bytes(self) -> int:
        """What the parent has not taken yet."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    @property
    def clogged(self) -> bool:
        """So much waits that reports are to be put off: the next one to go will tell of a longer interval."""
        return self.backlog_bytes > CLOGGED_BYTES

    def close(self) -> None:
        """Send what is queued, then close."""
        if self._transport is not None:
            self._transport.close()


async def open_control_channel(
    on_command: Callable[[messages.Command], None], on_parent_gone: Callable[[], None]
) -> ControlChannel:
    """Open the inherited socket.

    Raises:
        HarnessError: The process was not started by a parent of ours.
    """
    try:
        inherited = int(os.environ.pop(CONTROL_FD))
    except (KeyError, ValueError):
        raise HarnessError(
            "this process is started by the harness itself", hint="use `loadtest run` or `loadtest --help`"
        ) from None
    ignore_interrupts()
    goes_on_without_parent()
    endpoint = socket.socket(fileno=inherited)
    endpoint.settimeout(0)
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_connection(lambda: ControlChannel(on_command, on_parent_gone), sock=endpoint)
    loop.call_soon(protocol.start)
    return protocol
