"""What only shows when an arm's first run begins, found out before: arms are rehearsed, all faults told at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.errors import LoadTestError, UsageError, join_hints
from loadtest.matrix.resolved_arms import by_name
from loadtest.runner.rehearsal import rehearse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loadtest.matrix.plan import Plan


def rehearse_arms(plan: Plan, file: Path, say: Callable[[str], None], interrupts: list[int]) -> None:
    """Check each arm as its runs will be: scenario and settings together, and the system under test, set up once.

    What is brought about before each run is not there yet, so that of such arms only scenario and settings are checked.

    Args:
        plan: Whose arms.
        file: That it was read from, for messages.
        say: Takes a line for each arm that is checked.
        interrupts: Grows when the user asks for an end; then nothing more is checked, and nothing refused.

    Raises:
        UsageError: With every fault of every arm; one that all arms have is told once.
    """
    arms_of: dict[str, list[str]] = {}
    hints: list[str] = []
    for number, arm in enumerate(plan.arms, 1):
        say(f"checking arm {number} of {len(plan.arms)}: {arm.name}")
        try:
            rehearse(arm.request, interrupts, system=not arm.before)
        except LoadTestError as error:
            for fault in error.faults:
                arms_of.setdefault(by_name(fault), []).append(arm.name)
            hints.append(error.hint)
        if interrupts:
            return
    if arms_of:
        told = [f"{file}: {_who(names, len(plan.arms))}{fault}" for fault, names in arms_of.items()]
        raise UsageError(told, hint=join_hints(hints))


def _who(names: list[str], arms: int) -> str:
    if len(names) == arms:
        return ""
    return f"arm{'s' * (len(names) > 1)} {', '.join(map(repr, names))}: "
