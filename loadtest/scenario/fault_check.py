"""Which faults cannot be run, and why: checked as a whole before anything connects."""

from __future__ import annotations

import itertools
import math
import shutil
from typing import TYPE_CHECKING, get_args

import msgspec

from loadtest.errors import UsageError
from loadtest.scenario.faults import (
    BROKER,
    GATEWAY,
    MIN_PHASE_S,
    SUBSCRIBER,
    Command,
    Fault,
    Kill,
    LinkFault,
    Part,
    PartFault,
    Refuse,
    Restart,
    Slow,
    phases_of,
)
from loadtest.scenario.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from loadtest.scenario.settings import RunSettings


def check(
    faults: Sequence[Fault],
    settings: RunSettings,
    regions: int = 0,
    *,
    commands: bool = False,
    paths: Collection[str] = (GATEWAY,),
) -> None:
    """Refuse what cannot be run.

    Args:
        faults: Of the scenario.
        settings: Of the run.
        regions: Most regions that a link model of the scenario has.
        commands: The scenario's central system sends commands.
        paths: Those that its charge points take.

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
            mistakes.append(f"faults: {fault.name}: {_no_such_part(fault) or error}")
        else:
            mistakes += [
                f"faults: {fault.name}: {text}" for text in _mistakes(fault, settings, regions, commands=commands)
            ]
            if isinstance(fault, PartFault) and fault.part == GATEWAY and GATEWAY not in paths:
                mistakes.append(f"faults: {fault.name}: there is no gateway: all charge points are on the direct path")
    if not mistakes:
        mistakes += [f"faults: {text}" for text in _overlaps(faults)]
    if mistakes:
        raise UsageError(mistakes)


def _no_such_part(fault: Fault) -> str:
    parts = get_args(Part)
    if not isinstance(fault, PartFault) or fault.part in parts:
        return ""
    return f"part: {fault.part!r} is none of {', '.join(parts)}{did_you_mean(str(fault.part), parts)}"


def _mistakes(fault: Fault, settings: RunSettings, regions: int, *, commands: bool) -> Iterator[str]:
    for name, time_s, low_s in (
        ("at_s", fault.at_s, MIN_PHASE_S),
        ("duration_s", fault.duration_s, MIN_PHASE_S),
        ("recovery_s", fault.recovery_s, MIN_PHASE_S if fault.recovery_s else 0),
    ):
        if not low_s <= time_s < math.inf:
            yield f"{name}: {time_s:g} is not {low_s:g} s or more"
    if fault.over_s > settings.duration_s:
        yield f"is over {fault.over_s:g} s after steady began, but --duration is {settings.duration_s:g}s"
    if isinstance(fault, LinkFault):
        yield from _mistakes_of_links(fault, regions)
    if isinstance(fault, Command):
        for name, argv in (("begin", fault.begin), ("end", fault.end)):
            if not argv:
                yield f"{name}: says no program"
            elif shutil.which(argv[0]) is None:
                yield f"{name}: there is no program {argv[0]!r}"
    if isinstance(fault, PartFault):
        yield from _mistakes_of_part(fault, settings, commands=commands)


def _mistakes_of_links(fault: LinkFault, regions: int) -> Iterator[str]:
    if not 0 < fault.share <= 1:
        yield f"share: {fault.share:g} is not above 0 and at most 1"
    for region in fault.regions:
        if not 0 <= region < regions:
            yield (
                f"regions: {region}, counted from 0, but the link models of the scenario have {regions}"
                if regions
                else "regions: no profile has a link with regional outages, which is what makes regions"
            )


def _mistakes_of_part(fault: PartFault, settings: RunSettings, *, commands: bool) -> Iterator[str]:
    given = {GATEWAY: settings.gateway, BROKER: settings.broker}.get(fault.part, "")
    if "://" in given:
        yield f"--{fault.part} is not embedded, so that nobody here can do this: {fault.in_words()}"
    if isinstance(fault, Refuse):
        if fault.part != GATEWAY:
            yield f"part: the {fault.part} refuses no handshakes; the gateway does"
        if not 400 <= fault.status <= 599:
            yield f"status: {fault.status} is no refusal, 400 to 599"
        if not 0 < fault.share <= 1:
            yield f"share: {fault.share:g} is not above 0 and at most 1"
    if isinstance(fault, Slow):
        yield from _mistakes_of_slowness(fault, settings)
    if fault.part == SUBSCRIBER and isinstance(fault, (Kill, Restart)):
        if settings.subscriber_client != "lean":
            yield f"--subscriber-client {settings.subscriber_client}: only the lean one can be killed or restarted"
        if commands:
            yield "a subscriber that sends commands cannot be away: it can be paused, or slowed down"
    counts = {GATEWAY: settings.gateway_processes, SUBSCRIBER: settings.subscribers}
    if fault.process is not None and not 0 <= fault.process < counts.get(fault.part, 0):
        yield f"process: {fault.process}, counted from 0, but of the {fault.part} there are {counts.get(fault.part, 1)}"
    if isinstance(fault, Restart) and fault.rolling and (fault.part != GATEWAY or fault.process is not None):
        yield "rolling: is for all processes of the gateway"


def _mistakes_of_slowness(fault: Slow, settings: RunSettings) -> Iterator[str]:
    if fault.part != SUBSCRIBER:
        yield f"part: the {fault.part} cannot be slowed down; the subscriber can"
    if (fault.delay_s > 0) == (fault.rate_per_s > 0):
        yield "delay_s, rate_per_s: give one of them, above 0"
    for name, value in (("delay_s", fault.delay_s), ("rate_per_s", fault.rate_per_s)):
        if not 0 <= value < math.inf:
            yield f"{name}: {value:g} is negative, or no number"
    if fault.delay_s and settings.csms == "observe":
        yield "delay_s: with --csms observe a backend of yours answers, which nobody here can slow down"
    if fault.rate_per_s and settings.subscriber_client != "lean":
        yield f"--subscriber-client {settings.subscriber_client}: only the lean one can be slowed down"


def _overlaps(faults: Sequence[Fault]) -> Iterator[str]:
    ordered = sorted(faults, key=lambda fault: fault.at_s)
    for earlier, later in itertools.pairwise(ordered):
        if later.at_s < earlier.over_s:
            yield f"{later.name} begins at {later.at_s:g} s, but {earlier.name} is over at {earlier.over_s:g} s only"
        elif 0 < later.at_s - earlier.over_s < MIN_PHASE_S:
            yield f"between {earlier.name} and {later.name} there must be no time or {MIN_PHASE_S:g} s"
