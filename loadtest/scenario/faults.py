"""Faults of the system under test: what breaks when, for how long, and how long the recovery is watched.

A scenario lists them on its :class:`~loadtest.locust_plugin.users.CsmsSubscriber`. Each opens the phase
``fault:<name>`` when it begins and ``recovery:<name>`` when it ends; after that it is ``steady`` again.
"""

from __future__ import annotations

import itertools
import math
import shlex
import shutil
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from loadtest.errors import UsageError
from loadtest.protocol.phases import FAULT, RECOVERY, STEADY, with_faults

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from loadtest.scenario.settings import RunSettings

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
        part: ``broker``, ``gateway``, or, for a pause only, ``subscriber``.
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


class Cut(Fault, frozen=True, kw_only=True, tag="cut"):
    """Connections of charge points are reset at one instant, without a word to either side.

    Nothing keeps the charge points from connecting again at once: ``duration_s`` is only how long the phase lasts
    in which they are seen to do so.

    Attributes:
        share: How many of the charge points, above 0 to 1; which ones is the seed's choice.
    """

    share: float
    duration_s: float = MIN_PHASE_S

    def in_words(self) -> str:
        """What it does."""
        return f"cut off {self.share:.0%} of the charge points"


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


StandFault = Pause | Kill | Restart
"""Faults of what the harness has started itself."""


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


def check(faults: Sequence[Fault], settings: RunSettings) -> None:
    """Refuse what cannot be run.

    Raises:
        UsageError: With one sentence for each mistake found.
    """
    if not isinstance(faults, (tuple, list)) or not all(isinstance(fault, Fault) for fault in faults):
        raise UsageError("faults: must be a tuple of faults", hint="write faults = (Pause(…),), with the comma")
    mistakes: list[str] = []
    try:
        phases_of(faults)
    except UsageError as error:
        mistakes += [f"faults: {text}" for text in error.faults]
    for fault in faults:
        try:
            msgspec.convert(msgspec.structs.asdict(fault), type(fault))
        except msgspec.ValidationError as error:
            mistakes.append(f"faults: {fault.name}: {error}")
        else:
            mistakes += [f"faults: {fault.name}: {text}" for text in _mistakes(fault, settings)]
    if not mistakes:
        mistakes += [f"faults: {text}" for text in _overlaps(faults)]
    if mistakes:
        raise UsageError(mistakes)


def _mistakes(fault: Fault, settings: RunSettings) -> Iterator[str]:
    for name, time_s, low_s in (
        ("at_s", fault.at_s, MIN_PHASE_S),
        ("duration_s", fault.duration_s, MIN_PHASE_S),
        ("recovery_s", fault.recovery_s, MIN_PHASE_S if fault.recovery_s else 0),
    ):
        if not low_s <= time_s < math.inf:
            yield f"{name}: {time_s:g} is not {low_s:g} s or more"
    if fault.over_s > settings.duration_s:
        yield f"is over {fault.over_s:g} s after steady began, but --duration is {settings.duration_s:g}s"
    if isinstance(fault, Cut) and not 0 < fault.share <= 1:
        yield f"share: {fault.share:g} is not above 0 and at most 1"
    if isinstance(fault, Command):
        for name, argv in (("begin", fault.begin), ("end", fault.end)):
            if not argv:
                yield f"{name}: says no program"
            elif shutil.which(argv[0]) is None:
                yield f"{name}: there is no program {argv[0]!r}"
    if isinstance(fault, PartFault):
        yield from _mistakes_of_part(fault, settings)


def _mistakes_of_part(fault: PartFault, settings: RunSettings) -> Iterator[str]:
    given = {GATEWAY: settings.gateway, BROKER: settings.broker}.get(fault.part, "")
    if "://" in given:
        yield f"--{fault.part} is not embedded, so that nobody here can {fault.in_words()}"
    if fault.part == SUBSCRIBER and not isinstance(fault, Pause):
        yield "a subscriber can only be paused: what it has counted would be lost with it"
    counts = {GATEWAY: settings.gateway_processes, SUBSCRIBER: settings.subscribers}
    if fault.process is not None and not 0 <= fault.process < counts.get(fault.part, 0):
        yield f"process: {fault.process}, counted from 0, but of the {fault.part} there are {counts.get(fault.part, 1)}"
    if isinstance(fault, Restart) and fault.rolling and (fault.part != GATEWAY or fault.process is not None):
        yield "rolling: is for all processes of the gateway"


def _overlaps(faults: Sequence[Fault]) -> Iterator[str]:
    ordered = sorted(faults, key=lambda fault: fault.at_s)
    for earlier, later in itertools.pairwise(ordered):
        if later.at_s < earlier.over_s:
            yield f"{later.name} begins at {later.at_s:g} s, but {earlier.name} is over at {earlier.over_s:g} s only"
        elif 0 < later.at_s - earlier.over_s < MIN_PHASE_S:
            yield f"between {earlier.name} and {later.name} there must be no time or {MIN_PHASE_S:g} s"
