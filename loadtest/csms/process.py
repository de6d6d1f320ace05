"""The subscriber process: obeys its parent's commands."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING

from loadtest.control import messages
from loadtest.control.child import ControlChannel, open_control_channel
from loadtest.csms.settings import csms_settings
from loadtest.csms.subscriber import Subscriber
from loadtest.errors import EnvironmentNotReady, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

FAREWELL_S = 2.0


class CsmsProcess:
    """One subscriber process, from its configuration to its end."""

    def __init__(self) -> None:
        self._over = asyncio.Event()
        self._parent_gone = asyncio.Event()
        self._channel: ControlChannel | None = None
        self._starting: asyncio.Task[None] | None = None
        self._subscriber: Subscriber | None = None

    async def run(self) -> None:
        """Serve the parent until it says stop or goes away."""
        asyncio.get_running_loop().set_exception_handler(self._on_fault)
        self._channel = await open_control_channel(self._on_command, self._on_parent_gone)
        await self._over.wait()
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        if self._subscriber is not None:
            await self._subscriber.close()
        self._channel.close()
        with contextlib.suppress(TimeoutError):
            # What is still in the channel, such as a long final report, leaves while we wait for its end.
            async with asyncio.timeout(FAREWELL_S):
                await self._parent_gone.wait()

    def _on_command(self, command: messages.Command) -> None:
        match command:
            case messages.Configure(plain):
                self._starting = asyncio.get_running_loop().create_task(self._start(plain), name="start")
            case messages.EnterPhase(phase, start_ns) if self._subscriber is not None:
                self._subscriber.enter_phase(phase, start_ns)
            case messages.Drain(deadline_ns) if self._subscriber is not None:
                self._subscriber.drain(deadline_ns)
            case messages.Stop():
                self._over.set()
            case _:
                pass  # cohorts belong to engines

    async def _start(self, plain: Mapping[str, object]) -> None:
        assert self._channel is not None
        try:
            subscriber = Subscriber(csms_settings(plain), self._channel)
            facts = await subscriber.start()
        except (UsageError, EnvironmentNotReady) as error:
            self._channel.send(messages.Refused(list(error.faults), error.hint))
            self._over.set()
        else:
            self._subscriber = subscriber
            self._channel.send(messages.Ready(os.getpid(), facts))

    def _on_parent_gone(self) -> None:
        self._parent_gone.set()
        self._over.set()

    def _on_fault(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """A callback failed: that is a bug of ours, and a run with it is not to be trusted."""
        if self._channel is not None:
            self._channel.send(messages.Event("csms_fault", f"{context.get('message')}: {context.get('exception')!r}"))
        loop.default_exception_handler(context)
