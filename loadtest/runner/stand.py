"""The stand: the process that has the embedded parts of the system under test in its care.

``python -m loadtest.runner.stand`` is started by the Locust process with a control channel. It starts the broker and
then the gateway, or makes sure that the given ones answer; reports each second what they did and used; names a part
that dies; and takes everything down again, gateway first, whatever becomes of its parent.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING

from loadtest.control import messages
from loadtest.control.child import open_control_channel
from loadtest.errors import LoadTestError
from loadtest.runner.fault_injection import FaultInjection
from loadtest.runner.stand_settings import stand_settings
from loadtest.runner.system_under_test import SystemUnderTest
from loadtest.transport.loop import run

if TYPE_CHECKING:
    from collections.abc import Callable

FAREWELL_S = 2.0
"""How long the parent may take to read our last words."""


class Stand:
    """Obeys the commands of the Locust process.

    Args:
        send: Takes the answers.
    """

    def __init__(self, send: Callable[[messages.Notice], None]) -> None:
        self._send = send
        self._system: SystemUnderTest | None = None
        self._reporting: asyncio.Task[None] | None = None
        self._faults: FaultInjection | None = None

    async def obey(self, commands: asyncio.Queue[messages.Command]) -> None:
        """Take commands until Stop, or until what was asked for had to be refused."""
        while True:
            command = await commands.get()
            match command:
                case messages.Configure(plain):
                    if not await self._configure(plain):
                        return
                case messages.BeginFault() | messages.EndFault() if self._faults is not None:
                    self._faults.obey(command)
                case messages.Drain(deadline_ns) if self._system is not None:
                    self._stop_reporting()
                    await self._stop_faults()
                    await self._system.drain(deadline_ns)
                case messages.EnterPhase() if self._system is not None:
                    self._system.enter_phase(command)
                case messages.Stop():
                    return
                case _:  # cohorts are the engines' business
                    continue

    async def stop(self) -> None:
        """Take everything down."""
        self._stop_reporting()
        await self._stop_faults()
        if self._system is not None:
            await self._system.stop()

    async def _configure(self, plain: dict[str, object]) -> bool:
        try:
            self._system = SystemUnderTest(stand_settings(plain), self._send)
            facts = await self._system.start()
        except LoadTestError as error:
            self._send(messages.Refused(list(error.faults), error.hint))
            return False
        self._send(messages.Ready(os.getpid(), facts))
        self._faults = FaultInjection(self._system, self._send)
        self._reporting = asyncio.create_task(self._system.report_each_second(), name="report")
        return True

    def _stop_reporting(self) -> None:
        if self._reporting is not None:
            self._reporting.cancel()

    async def _stop_faults(self) -> None:
        if self._faults is not None:
            await self._faults.stop()
            self._faults = None


async def main() -> None:
    """Run the stand until its parent says stop or is gone."""
    commands: asyncio.Queue[messages.Command] = asyncio.Queue()

    channel_closed = asyncio.Event()

    def give_up() -> None:
        if not obeying.cancelling():
            obeying.cancel()

    def parent_gone() -> None:
        channel_closed.set()
        give_up()

    channel = await open_control_channel(commands.put_nowait, parent_gone)
    stand = Stand(channel.send)
    obeying = asyncio.create_task(stand.obey(commands), name="obey")
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, give_up)
    # Waited for, not awaited: whatever ended it, and whoever cancels it again, what was started is taken down here.
    await asyncio.wait({obeying})
    await stand.stop()
    channel.close()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(channel_closed.wait(), FAREWELL_S)
    if not obeying.cancelled():
        obeying.result()


if __name__ == "__main__":
    try:
        run(main())
    except LoadTestError as error:
        sys.exit(f"error: {error}\nhint: {error.hint}")
