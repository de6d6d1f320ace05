"""What a scenario's user classes declare, checked as a whole before anything connects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadtest.errors import UsageError, join_hints
from loadtest.measure.run_record import Limits
from loadtest.protocol.phases import WARMUP
from loadtest.scenario import fault_check, threshold_set, threshold_text
from loadtest.scenario.faults import phases_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from loadtest.locust_plugin.users import CsmsSubscriber
    from loadtest.scenario.settings import RunSettings
    from loadtest.scenario.thresholds import Threshold


def check_scenario(user_classes: Iterable[Any], settings: RunSettings) -> None:
    """Refuse what cannot be run.

    Raises:
        UsageError: With one sentence for each mistake found.
    """
    mistakes: list[str] = []
    hints: list[str] = []
    user_classes = list(user_classes)
    regions = _most_regions(user_classes)
    for user_class in user_classes:
        checks = []
        if hasattr(user_class, "profile"):
            checks.append(user_class.profile.check)
        if hasattr(user_class, "heartbeat_interval_s"):
            checks += _checks_of_subscriber(user_class, settings, regions)
        for check in checks:
            try:
                check()
            except UsageError as error:
                mistakes += error.faults
                hints += [error.hint] if error.hint else []
    if mistakes:
        raise UsageError(mistakes, hint=join_hints(hints))


def _most_regions(user_classes: Iterable[Any]) -> int:
    """Of all link models."""
    links = [user_class.profile.link for user_class in user_classes if hasattr(user_class, "profile")]
    return max((link.regional.regions for link in links if link is not None and link.regional is not None), default=0)


def _checks_of_subscriber(
    user_class: type[CsmsSubscriber], settings: RunSettings, regions: int
) -> list[Callable[[], None]]:
    return [
        user_class.commands.check,
        lambda: _refuse_commands(user_class, settings),
        lambda: fault_check.check(user_class.faults, settings, regions),
        lambda: _check_limits(user_class.limits),
        lambda: _check_thresholds(user_class, settings),
    ]


def _refuse_commands(user_class: type[CsmsSubscriber], settings: RunSettings) -> None:
    if user_class.commands and settings.csms == "observe":
        raise UsageError(
            f"--csms observe: {user_class.__name__} has commands, but only listens",
            hint="run a scenario without commands, and have your backend send its own",
        )


def _check_limits(limits: Limits) -> None:
    if not isinstance(limits, Limits):
        raise UsageError("limits: must be loadtest.measure.run_record.Limits(…)")
    limits.check()


def thresholds_of(user_class: type[CsmsSubscriber], settings: RunSettings) -> tuple[Threshold, ...]:
    """What a run is held against: the thresholds of the scenario, overridden by those of the settings."""
    if settings.no_thresholds:
        return ()
    given = threshold_text.parse_all(threshold_text.split(settings.threshold))
    return threshold_set.overridden(user_class.thresholds, given)


def _check_thresholds(user_class: type[CsmsSubscriber], settings: RunSettings) -> None:
    try:
        phases = phases_of(user_class.faults)
    except UsageError:
        return  # said with the faults
    present = [phase for phase in phases if phase != WARMUP or settings.warmup_s]
    threshold_set.check(user_class.thresholds, present)
    threshold_set.check(thresholds_of(user_class, settings), present)
