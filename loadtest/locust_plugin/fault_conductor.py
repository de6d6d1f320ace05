"""The master's side of faults: tells whoever has a part to break it, and books what was really done when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zlib import crc32

import msgspec

from loadtest.clock import monotonic_ns
from loadtest.control import messages
from loadtest.locust_plugin import wire
from loadtest.measure.spans import FaultSpan
from loadtest.scenario.faults import SUBSCRIBER, Command, Cut, Kill, LinkFault, Outage, PartFault, Restart
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loadtest.locust_plugin.fault_command import FaultCommands
    from loadtest.locust_plugin.stand import Stand
    from loadtest.measure.collector import Collector
    from loadtest.scenario.faults import Fault, Moment


_COMMANDS_PATIENCE_S = 10.0


class FaultConductor:
    """Has the faults of one run carried out.

    Args:
        faults: Of the scenario.
        stand: Has the embedded parts.
        tell_workers: Sends a message to the processes that have the charge points.
        commands: Runs programs of the user's.
        collector: Takes what happened.
    """

    def __init__(
        self,
        faults: Sequence[Fault],
        stand: Stand,
        tell_workers: Callable[[str, dict[str, Any]], None],
        commands: FaultCommands,
        collector: Collector,
    ) -> None:
        self._faults = faults
        self._stand = stand
        self._commands = commands
        self._tell_workers = tell_workers
        self._collector = collector
        self._present: Fault | None = None
        self._subscribers = 1
        self._away: dict[str, int] = {}

    def plan(self, epoch_ns: int, steady_ns: int, subscribers: int) -> None:
        """The steady phase begins, with so many subscribers: put on record what is going to happen when."""
        self._subscribers = subscribers
        offset_s = (steady_ns - epoch_ns) / NS_PER_S
        self._collector.plan_faults(
            FaultSpan(
                name=fault.name,
                what=fault.in_words(),
                part=fault.part if isinstance(fault, PartFault) else "",
                planned_begin_s=round(offset_s + fault.at_s, 3),
                planned_end_s=round(offset_s + fault.end_s, 3),
            )
            for fault in self._faults
        )

    def announce(self, moment: Moment, at_ns: int) -> None:
        """Have done at ``at_ns`` what the timeline says."""
        if moment.begins:
            self._begin(moment.fault, at_ns)
        elif moment.ends:
            self._end(at_ns)

    def end_now(self) -> None:
        """Give back what a fault has taken away: the run is over before its time."""
        self._end(monotonic_ns())

    def stop(self) -> None:
        """Nothing more is broken; programs that still run have had their time."""
        self._commands.stop(_COMMANDS_PATIENCE_S)

    def on_state(self, state: messages.FaultState) -> None:
        """Book what the stand says it did."""
        self._collector.fault_state(state.name, state.at_ns, begun=state.begun)

    def on_subscriber_back(self, name: str, at_ns: int) -> None:
        """A subscriber is at the broker again; the fault is over when all are."""
        self._away[name] = self._away.get(name, 0) - 1
        if not self._away[name]:
            self._collector.fault_state(name, at_ns, begun=False)

    def _begin(self, fault: Fault, at_ns: int) -> None:
        self._present = fault
        match fault:
            case LinkFault():
                self._cut(fault, at_ns)
            case PartFault(part=part) if part == SUBSCRIBER:
                self._at_subscribers(fault, at_ns, begins=True)
                self._collector.fault_state(fault.name, at_ns, begun=True)
            case Command(name=name, begin=argv):
                self._commands.run_at(at_ns, name, argv, begins=True)
            case _:
                self._stand.send(messages.BeginFault(fault.name, msgspec.to_builtins(fault), at_ns))

    def _end(self, at_ns: int) -> None:
        fault, self._present = self._present, None
        match fault:
            case Command(name=name, end=argv):
                self._commands.run_at(at_ns, name, argv, begins=False)
            case Outage(name=name):
                self._collector.fault_state(name, at_ns, begun=False)
            case PartFault(part=part) if part == SUBSCRIBER:
                self._at_subscribers(fault, at_ns, begins=False)
                if isinstance(fault, (Kill, Restart)):  # else whatever was taken away is there at once
                    self._away[fault.name] = self._subscribers if fault.process is None else 1
                else:
                    self._collector.fault_state(fault.name, at_ns, begun=False)
            case PartFault(name=name):
                self._stand.send(messages.EndFault(name, at_ns))

    def _cut(self, fault: LinkFault, at_ns: int) -> None:
        """Have engines cut charge points off: each has a timer of its own, nobody needs to say when it was."""
        until_ns = at_ns + int(fault.duration_s * NS_PER_S) if isinstance(fault, Outage) else 0
        whom = {"share": fault.share, "draw": _draw(fault.name), "regions": list(fault.regions)}
        self._tell_workers(wire.CUT, whom | {"at_ns": at_ns, "until_ns": until_ns})
        self._collector.fault_state(fault.name, at_ns, begun=True)
        if isinstance(fault, Cut):
            self._collector.fault_state(fault.name, at_ns, begun=False)

    def _at_subscribers(self, fault: PartFault, at_ns: int, *, begins: bool) -> None:
        plain = msgspec.to_builtins(fault)
        step = {"process": fault.process, "name": fault.name, "begins": begins, "at_ns": at_ns}
        self._tell_workers(wire.SUBSCRIBER_FAULT, step | {"fault": plain})


def _draw(name: str) -> int:
    """Which of the random numbers of charge points a fault goes by: one that nothing else uses."""
    return (1 << 32) + crc32(name.encode())
