"""Breaks a subscriber on command: slow, or away from the broker; and gives back what it has taken.

What is broken is the central system. The process that measures stays, and with it the books: the broker sees what it
would see of a process that ends and is started again, and nothing that has been counted is lost with it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from loadtest.clock import monotonic_ns
from loadtest.control import messages
from loadtest.csms.slow_taking import SlowTaking
from loadtest.scenario.faults import Kill, Restart, Slow
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.csms.central_system import CentralSystem
    from loadtest.transport.mqtt_client import MqttClient

SubscriberFault = Slow | Kill | Restart


class SubscriberFaults:
    """Carries faults out, one after the other, each step at its instant.

    Args:
        client: Of the subscriber.
        central_system: What answers.
        send: Takes word of a subscriber that is back.
    """

    def __init__(
        self, client: MqttClient, central_system: CentralSystem, send: Callable[[messages.Notice], None]
    ) -> None:
        self._client = client
        self._central_system = central_system
        self._send = send
        self._fault: SubscriberFault | None = None
        self._slow: SlowTaking | None = None
        self._returning = ""

    def obey(self, command: messages.BeginFault | messages.EndFault) -> None:
        """Do a step at its instant."""
        wait_s = max(0, command.at_ns - monotonic_ns()) / NS_PER_S
        asyncio.get_running_loop().call_later(wait_s, self._act, command)

    @property
    def returning(self) -> bool:
        """It is on its way back to the broker, which may have messages for it."""
        return bool(self._returning)

    def restored(self) -> None:
        """The subscriber is back at the broker, its subscriptions answered."""
        if self._returning:
            self._send(messages.FaultState(self._returning, begun=False, at_ns=monotonic_ns()))
            self._returning = ""

    def _act(self, command: messages.BeginFault | messages.EndFault) -> None:
        if isinstance(command, messages.BeginFault):
            self._fault = msgspec.convert(command.fault, SubscriberFault)
            self._begin(self._fault)
        else:
            self._end(command.name)

    def _begin(self, fault: SubscriberFault) -> None:
        match fault:
            case Slow(delay_s=delay_s, rate_per_s=rate_per_s):
                self._central_system.delay_s = delay_s
                if rate_per_s:
                    self._slow = SlowTaking(self._client, self._central_system, rate_per_s)
            case Kill() | Restart():
                self._client.leave(killed=isinstance(fault, Kill))

    def _end(self, name: str) -> None:
        fault, self._fault = self._fault, None
        match fault:
            case Slow():
                self._central_system.delay_s = 0.0
                if self._slow is not None:
                    self._slow.stop()
                    self._slow = None
            case Kill() | Restart():
                self._returning = name
                self._client.come_back()
