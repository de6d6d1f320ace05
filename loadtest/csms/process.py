"""The subscriber process: obeys its parent's commands."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from loadtest.control import messages
from loadtest.control.life import ChildLife
from loadtest.csms.settings import csms_settings
from loadtest.csms.subscriber import Subscriber
from loadtest.errors import EnvironmentNotReady, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


class CsmsProcess:
    """One subscriber process, from its configuration to its end."""

    def __init__(self) -> None:
        self._life = ChildLife("csms_fault")
        self._starting: asyncio.Task[None] | None = None
        self._subscriber: Subscriber | None = None

    async def run(self) -> None:
        """Serve the parent until it says stop or goes away."""
        await self._life.begin(self._on_command)
        await self._life.over.wait()
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        if self._subscriber is not None:
            await self._subscriber.close()
        await self._life.end()

    def _on_command(self, command: messages.Command) -> None:
        match command:
            case messages.Configure(plain):
                self._starting = asyncio.get_running_loop().create_task(self._start(plain), name="start")
            case messages.EnterPhase(phase, start_ns) if self._subscriber is not None:
                self._subscriber.enter_phase(phase, start_ns)
            case messages.BeginFault() | messages.EndFault() if self._subscriber is not None:
                self._subscriber.obey_fault(command)
            case messages.Drain(deadline_ns) if self._subscriber is not None:
                self._subscriber.drain(deadline_ns)
            case messages.Stop():
                self._life.over.set()
            case _:
                pass  # cohorts belong to engines

    async def _start(self, plain: Mapping[str, object]) -> None:
        channel = self._life.channel
        try:
            subscriber = Subscriber(csms_settings(plain), channel)
            facts = await subscriber.start()
        except (UsageError, EnvironmentNotReady) as error:
            channel.send(messages.Refused(list(error.faults), error.hint))
            self._life.over.set()
        else:
            self._subscriber = subscriber
            channel.send(messages.Ready(os.getpid(), facts))
