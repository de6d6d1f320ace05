"""Faults of the system under test: what breaks when, for how long, and how long the recovery is watched.

A scenario lists them on its :class:`~loadtest.locust_plugin.users.CsmsSubscriber`. Each opens the phase
``fault:<name>`` when it begins and ``recovery:<name>`` when it ends; after that it is ``steady`` again.
"""

from __future__ import annotations

import itertools
import shlex
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from loadtest.protocol.phases import FAULT, RECOVERY, STEADY, with_faults

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BROKER, GATEWAY, SUBSCRIBER = "broker", "gateway", "subscriber"
Part = Literal["broker", "gateway", "subscriber"]

MIN_PHASE_S = 1.0
"""Phases are announced ahead of time, and what happens in them is counted by the second."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What all faults have in common. Times in seconds.

    Attributes:
        name: Names its phases: ``fault:<name>``, ``recovery:<name>``. Letters a-z, digits, ``-`` and ``_``.
        at_s: When it begins, counted from the beginning of the steady phase.
        duration_s: How long it lasts. What it took away comes back then, so that whatever a part needs to start
            belongs to the recovery.
        recovery_s: How long ``recovery:<name>`` lasts; 0: there is none.
    """

    name: str
    at_s: float
    duration_s: float
    recovery_s: float = 0

    @property
    def end_s(self) -> float:
        """When it ends, as planned."""
        return self.at_s + self.duration_s

    @property
    def over_s(self) -> float:
        """When its recovery is over as well."""
        return self.end_s + self.recovery_s

    def in_words(self) -> str:
        """What it does, for records and reports."""
        raise NotImplementedError


class PartFault(Fault, frozen=True, kw_only=True):
    """A fault of an embedded part.

    Attributes:
        part: ``broker``, ``gateway`` or ``subscriber``.
        process: Which process of the gateway, or which subscriber, counted from 0; left out: all of them.
    """

    part: Part
    process: int | None = None

    def _part_in_words(self) -> str:
        return f"the {self.part}" if self.process is None else f"{self.part} {self.process}"


class Pause(PartFault, frozen=True, kw_only=True, tag="pause"):
    """A part stands still (SIGSTOP) and goes on (SIGCONT): its connections stay, nothing passes."""

    def in_words(self) -> str:
        """What it does."""
        return f"pause {self._part_in_words()}"


class Kill(PartFault, frozen=True, kw_only=True, tag="kill"):
    """A part dies without notice (SIGKILL), stays away for ``duration_s``, and is started again as it was."""

    def in_words(self) -> str:
        """What it does."""
        return f"kill {self._part_in_words()}"


class Restart(PartFault, frozen=True, kw_only=True, tag="restart"):
    """A part is shut down in good order, stays away for ``duration_s``, and is started again as it was.

    Attributes:
        rolling: The gateway's processes are restarted one after the other, spread over ``duration_s``; each starts
            again at once.
    """

    rolling: bool = False

    def in_words(self) -> str:
        """What it does."""
        return (
            "restart the gateway's processes one after the other"
            if self.rolling
            else (f"restart {self._part_in_words()}")
        )


class Slow(PartFault, frozen=True, kw_only=True, tag="slow"):
    """The central system is slow, in one of two ways. Messages are stamped when they are taken, as always.

    Attributes:
        delay_s: It takes messages as they come, and answers each so much later: seen in round trips.
        rate_per_s: Each subscriber process takes no more than so many messages a second, and the others
            wait in its socket and in the broker: seen in the uplink, and so in round trips.
    """

    part: Part = "subscriber"
    delay_s: float = 0.0
    rate_per_s: float = 0.0

    def in_words(self) -> str:
        """What it does."""
        how = f"answers {self.delay_s:g} s late" if self.delay_s else f"takes {self.rate_per_s:g} messages a second"
        return f"{self._part_in_words()} {how}"


class Refuse(PartFault, frozen=True, kw_only=True, tag="refuse"):
    """The gateway turns handshakes down with an HTTP status; who is connected stays.

    Attributes:
        status: Such as 503, 429 or 401.
        share: Of the handshakes of each process, above 0 to 1, evenly spread.
    """

    part: Part = "gateway"
    status: int = 503
    share: float = 1.0

    def in_words(self) -> str:
        """What it does."""
        whom = "handshakes" if self.share == 1 else f"{self.share:.0%} of the handshakes"
        return f"{self._part_in_words()} refuses {whom} with {self.status}"


class LinkFault(Fault, frozen=True, kw_only=True):
    """A fault of the network between charge points and gateway.

    Attributes:
        share: How many of the charge points in question, above 0 to 1; which ones is the seed's choice.
        regions: Only those in these regions of their link models
            (:class:`~loadtest.scenario.links.RegionalOutages`), counted from 0; left out: wherever they are.
    """

    share: float = 1.0
    regions: tuple[int, ...] = ()

    def _whom_in_words(self) -> str:
        whom = "all charge points" if self.share == 1 else f"{self.share:.0%} of the charge points"
        if not self.regions:
            return whom
        return f"{whom} of region{'s' if len(self.regions) > 1 else ''} {', '.join(map(str, self.regions))}"


class Cut(LinkFault, frozen=True, kw_only=True, tag="cut"):
    """Connections of charge points are reset at once, without a word to either side.

    Nothing keeps the charge points from connecting again at once: ``duration_s`` is only how long the phase lasts
    in which they are seen to do so.
    """

    duration_s: float = MIN_PHASE_S

    def in_words(self) -> str:
        """What it does."""
        return f"cut off {self._whom_in_words()}"


class Outage(LinkFault, frozen=True, kw_only=True, tag="outage"):
    """Charge points have no network: connections are reset, and none can be made until it is over."""

    def in_words(self) -> str:
        """What it does."""
        return f"no network for {self._whom_in_words()}"


class Command(Fault, frozen=True, kw_only=True, tag="command"):
    """A program of yours breaks something, and another mends it: for what the harness has not started itself.

    They run on the master's machine, without a shell. One that fails makes the run void: the fault it was to bring
    about may not have happened.

    Attributes:
        begin: Program and arguments, run when the fault begins.
        end: The same, run when it ends.
    """

    begin: tuple[str, ...]
    end: tuple[str, ...]

    def in_words(self) -> str:
        """What it does."""
        return f"run {shlex.join(self.begin)}, then {shlex.join(self.end)}"


StandFault = Pause | Kill | Restart | Refuse
"""Faults of broker and gateway, as far as the harness has started them itself."""


class Moment(NamedTuple):
    """One instant of the timeline: a phase begins, and with it perhaps a fault begins or ends.

    Attributes:
        at_s: Seconds after the beginning of the steady phase.
        phase: What begins.
        fault: Which fault it is about.
        begins: The fault begins.
        ends: The fault ends.
    """

    at_s: float
    phase: str
    fault: Fault
    begins: bool = False
    ends: bool = False


def phases_of(faults: Sequence[Fault]) -> tuple[str, ...]:
    """All phases of a run with these faults; a number in a stamp is a position in it."""
    return with_faults(fault.name for fault in faults)


def timeline(faults: Sequence[Fault]) -> Iterator[Moment]:
    """What happens when, in order; a recovery that is followed at once by another fault is not followed by steady."""
    ordered = sorted(faults, key=lambda fault: fault.at_s)
    for fault, following in itertools.zip_longest(ordered, ordered[1:]):
        yield Moment(fault.at_s, f"{FAULT}:{fault.name}", fault, begins=True)
        after = f"{RECOVERY}:{fault.name}" if fault.recovery_s else STEADY
        yield Moment(fault.end_s, after, fault, ends=True)
        if fault.recovery_s and (following is None or fault.over_s < following.at_s):
            yield Moment(fault.over_s, STEADY, fault)
