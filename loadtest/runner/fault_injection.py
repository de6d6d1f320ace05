"""Breaks embedded parts of the system under test on command, and gives back what it has taken."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from loadtest.clock import monotonic_ns
from loadtest.control import messages
from loadtest.errors import LoadTestError
from loadtest.scenario.faults import Kill, Pause, Refuse, Restart, StandFault
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Breakable(Protocol):
    """A broker, or a process of a gateway."""

    def pause(self) -> None:
        """Have it stand still."""

    def resume(self) -> None:
        """Have it go on."""

    async def take_down(self, *, kill: bool) -> None:
        """End it, without notice or in good order."""

    async def bring_back(self) -> None:
        """Start it again; raises LoadTestError when that fails."""


class Refusing(Breakable, Protocol):
    """A process of a gateway."""

    def refuse(self, status: int, share: float) -> None:
        """Have it turn down a share of all handshakes; with share 0 no more."""


class Parts(Protocol):
    """The embedded parts of the system under test."""

    def breakable(self, fault: StandFault) -> Sequence[Breakable]:
        """Those a fault is about."""
        ...

    def refusing(self, fault: Refuse) -> Sequence[Refusing]:
        """Those that are to refuse."""
        ...


class FaultInjection:
    """Carries faults out, one after the other, each step at its instant.

    Args:
        parts: What can be broken.
        send: Takes word of what was done, and of parts that do not come back.
    """

    def __init__(self, parts: Parts, send: Callable[[messages.Notice], None]) -> None:
        self._parts = parts
        self._send = send
        self._commands: asyncio.Queue[messages.BeginFault | messages.EndFault] = asyncio.Queue()
        self._fault: StandFault | None = None
        self._working = asyncio.create_task(self._work(), name="faults")

    def obey(self, command: messages.BeginFault | messages.EndFault) -> None:
        """Queue a step."""
        self._commands.put_nowait(command)

    async def stop(self) -> None:
        """Do nothing more. What stands still goes on; what is down stays so."""
        self._working.cancel()
        await asyncio.gather(self._working, return_exceptions=True)
        if isinstance(self._fault, Pause):
            for part in self._parts.breakable(self._fault):
                part.resume()

    async def _work(self) -> None:
        while True:
            command = await self._commands.get()
            await asyncio.sleep((command.at_ns - monotonic_ns()) / NS_PER_S)
            try:
                match command:
                    case messages.BeginFault(name, fault):
                        await self._begin(name, fault)
                    case messages.EndFault(name):
                        await self._end(name)
            except (LoadTestError, OSError) as error:
                self._send(messages.Event("part_died", f"fault {command.name}: {error}"))

    async def _begin(self, name: str, plain: dict[str, Any]) -> None:
        self._fault = fault = msgspec.convert(plain, StandFault)
        self._send(messages.FaultState(name, begun=True, at_ns=monotonic_ns()))
        parts = self._parts.breakable(fault)
        match fault:
            case Pause():
                for part in parts:
                    part.pause()
            case Refuse(status=status, share=share):
                for gateway in self._parts.refusing(fault):
                    gateway.refuse(status, share)
            case Restart(rolling=True):
                await _one_after_the_other(parts, int(fault.duration_s * NS_PER_S))
            case _:
                await asyncio.gather(*(part.take_down(kill=isinstance(fault, Kill)) for part in parts))

    async def _end(self, name: str) -> None:
        fault, self._fault = self._fault, None
        if fault is None:
            return
        parts = self._parts.breakable(fault)
        match fault:
            case Pause():
                for part in parts:
                    part.resume()
            case Refuse(status=status):
                for gateway in self._parts.refusing(fault):
                    gateway.refuse(status, 0)
            case Restart(rolling=True):
                pass  # all are back
            case _:
                await asyncio.gather(*(part.bring_back() for part in parts))
        self._send(messages.FaultState(name, begun=False, at_ns=monotonic_ns()))


async def _one_after_the_other(parts: Sequence[Breakable], duration_ns: int) -> None:
    """Restart parts at equal distances over a time, none before the one before it is back."""
    start_ns = monotonic_ns()
    for number, part in enumerate(parts):
        await asyncio.sleep((start_ns + duration_ns * number // len(parts) - monotonic_ns()) / NS_PER_S)
        await part.take_down(kill=False)
        await part.bring_back()
