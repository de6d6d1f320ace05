"""The life of a child process, the same for engines, subscribers and gateway processes.

It serves its parent over the control channel until it is told to stop or the parent is gone, tells of faults in its
own callbacks, and gives its last words the time to leave.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
from typing import TYPE_CHECKING

from loadtest.control import messages
from loadtest.control.child import ControlChannel, open_control_channel

if TYPE_CHECKING:
    from collections.abc import Callable

_FAULTS_TOLD = 10
"""Who has found a fault may bring it about for ever."""

_FAREWELL_S = 2.0
"""How long the parent may take to read our last words, such as a long final report."""


class ChildLife:
    """A child's tie to its parent.

    Args:
        fault_kind: Kind of the event that tells of a callback that failed.
    """

    def __init__(self, fault_kind: str) -> None:
        self.over = asyncio.Event()
        self.parent_gone = asyncio.Event()
        self.channel: ControlChannel
        self._fault_kind = fault_kind
        self._faults = 0

    async def begin(self, on_command: Callable[[messages.Command], None]) -> None:
        """Open the control channel, with as many file descriptors as the system grants.

        Raises:
            HarnessError: The process was not started by a parent of ours.
        """
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != hard:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        asyncio.get_running_loop().set_exception_handler(self._on_fault)
        self.channel = await open_control_channel(on_command, self._on_parent_gone)

    async def end(self) -> None:
        """Close the channel and wait for what is still in it to leave."""
        self.channel.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                await self.parent_gone.wait()

    def _on_parent_gone(self) -> None:
        self.parent_gone.set()
        self.over.set()

    def _on_fault(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """A callback failed: that is a bug of ours, and a run with it is not to be trusted."""
        self._faults += 1
        if self._faults > _FAULTS_TOLD:
            return
        self.channel.send(messages.Event(self._fault_kind, f"{context.get('message')}: {context.get('exception')!r}"))
        loop.default_exception_handler(context)
