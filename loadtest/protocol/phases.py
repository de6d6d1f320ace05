"""The phases of a run, in order; their position travels in the stamp and tags every sample."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from loadtest.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

RAMP, WARMUP, STEADY, DRAIN = "ramp", "warmup", "steady", "drain"

PHASES = (RAMP, WARMUP, STEADY, DRAIN)
"""Phases known to every process without asking. A number in a stamp is a position in this tuple."""

UNDER_LOAD = (WARMUP, STEADY)
"""The first phase after the ramp is one of these: whatever is to happen at full load begins with it."""

FAULT, RECOVERY = "fault", "recovery"
"""Kinds of the phases a scenario adds: ``fault:<name>`` while something is broken, ``recovery:<name>`` after it."""

STEP = "step"
"""Kind of the phases of a run that grows in steps, one for each: ``step:01``, ``step:02``."""

MAX_PHASES = 16
"""The stamp has one hexadecimal digit for the phase."""

MAX_STEPS = MAX_PHASES - len(PHASES)

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_RANK = {RAMP: 0, WARMUP: 1, STEADY: 2, DRAIN: 4}


def with_faults(names: Iterable[str]) -> tuple[str, ...]:
    """:data:`PHASES` followed by a fault and a recovery phase for each name.

    Raises:
        UsageError: A name is not made of a-z, 0-9, ``-`` and ``_``, stands twice, or there are too many.
    """
    wanted = list(names)
    faults = [f"fault name {name!r} must consist of a-z, 0-9, - and _" for name in wanted if not _NAME.fullmatch(name)]
    faults += [f"fault name {name!r} stands twice" for name in dict.fromkeys(wanted) if wanted.count(name) > 1]
    room = (MAX_PHASES - len(PHASES)) // 2
    if len(wanted) > room:
        faults.append(f"{len(wanted)} faults; one run can hold {room}")
    if faults:
        raise UsageError(faults)
    return PHASES + tuple(f"{kind}:{name}" for name in wanted for kind in (FAULT, RECOVERY))


def with_steps(count: int) -> tuple[str, ...]:
    """:data:`PHASES` followed by one for each of so many steps.

    Raises:
        UsageError: There are none, or too many.
    """
    if not 1 <= count <= MAX_STEPS:
        raise UsageError(f"{count} steps; one run can have 1 to {MAX_STEPS}")
    return PHASES + tuple(f"{STEP}:{number:02d}" for number in range(1, count + 1))


def judged(present: Iterable[str]) -> str:
    """The phase that stands for a run: steady, or the last step; empty when there is neither."""
    found = set(present)
    return STEADY if STEADY in found else max((phase for phase in found if phase.startswith(f"{STEP}:")), default="")


def order(phase: str) -> tuple[int, str]:
    """Sort key that puts phases in the order in which they happen; added ones come before the drain."""
    return _RANK.get(phase, 3), phase.partition(":")[2] + phase
