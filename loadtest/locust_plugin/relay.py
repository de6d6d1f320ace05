"""What the master tells the children of a worker: passed on, every instant in the clock they read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gevent

from loadtest.clock import monotonic_ns
from loadtest.control import messages
from loadtest.locust_plugin import wire
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust.env import Environment
    from locust.rpc.protocol import Message
    from locust.runners import LocalRunner, WorkerRunner

    from loadtest.locust_plugin.child import Child


class Relay:
    """The children of one Locust process, and the way of commands to them.

    Args:
        runner: Brings the master's messages.
        on_drain: Called before a drain begins.

    Attributes:
        engines: Those there are.
        subscribers: Those there are.
        offset_ns: This host's clock minus the master's.
    """

    def __init__(self, runner: LocalRunner | WorkerRunner, on_drain: Callable[[], None]) -> None:
        self.engines: list[Child] = []
        self.subscribers: list[Child] = []
        self.offset_ns = 0
        self._on_drain_begun = on_drain
        for name, handler in (
            (wire.PHASE, self._on_phase),
            (wire.CUT, self._on_cut),
            (wire.SUBSCRIBER_FAULT, self._on_subscriber_fault),
            (wire.DRAIN, self._on_drain),
        ):
            runner.register_message(name, handler)

    def take_all(self) -> list[Child]:
        """All of them, which are then no longer here."""
        children = self.engines + self.subscribers
        self.engines, self.subscribers = [], []
        return children

    def _on_phase(self, environment: Environment, msg: Message, **_: object) -> None:
        command = messages.EnterPhase(msg.data["phase"], msg.data["start_ns"] + self.offset_ns)
        for child in self.engines + self.subscribers:
            child.send(command)

    def _on_cut(self, environment: Environment, msg: Message, **_: object) -> None:
        fields = {name: value for name, value in msg.data.items() if name in messages.CutOff.__struct_fields__}
        for instant in ("at_ns", "until_ns"):
            if fields.get(instant):  # 0: there is none
                fields[instant] += self.offset_ns
        command = messages.CutOff(**fields)
        for engine in self.engines:
            engine.send(command)

    def _on_subscriber_fault(self, environment: Environment, msg: Message, **_: object) -> None:
        data: dict[str, Any] = msg.data
        wanted = data["process"]
        for child in self.subscribers:
            if wanted is None or child.name.endswith(f"/{wire.SUBSCRIBER}-{wanted}"):
                self._break(child, data)

    def _break(self, child: Child, data: dict[str, Any]) -> None:
        name, at_ns = data["name"], data["at_ns"] + self.offset_ns
        if data["fault"]["type"] == "pause":  # what stands still hears no command
            act = child.pause if data["begins"] else child.resume
            gevent.spawn_later(max(0, at_ns - monotonic_ns()) / NS_PER_S, act)
        elif data["begins"]:
            child.send(messages.BeginFault(name, data["fault"], at_ns))
        else:
            child.send(messages.EndFault(name, at_ns))

    def _on_drain(self, environment: Environment, msg: Message, **_: object) -> None:
        self._on_drain_begun()
        children = self.engines if msg.data["role"] == wire.ENGINE else self.subscribers
        for child in children:
            child.send(messages.Drain(msg.data["deadline_ns"] + self.offset_ns))
