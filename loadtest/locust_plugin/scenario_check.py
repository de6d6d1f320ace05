"""What a scenario's user classes declare, checked as a whole before anything connects."""

from __future__ import annotations

from difflib import get_close_matches
from functools import partial
from itertools import chain, takewhile
from typing import TYPE_CHECKING, Any

from loadtest.errors import UsageError, join_hints
from loadtest.locust_plugin.fleet import path_of
from loadtest.measure.limits import Limits
from loadtest.protocol.phases import WARMUP
from loadtest.scenario import fault_check, threshold_set, threshold_text
from loadtest.scenario.commands import CommandLoad
from loadtest.scenario.direct_path import check_paths
from loadtest.scenario.faults import phases_of
from loadtest.scenario.links import LinkModel
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.settings import DIRECT, GATEWAY

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from loadtest.locust_plugin.users import ChargePointFleet, CsmsSubscriber
    from loadtest.scenario.settings import RunSettings
    from loadtest.scenario.threshold import Threshold


_USERS = "loadtest.locust_plugin.users"
_FLEET_FIELDS = ("profile", "path", "weight", "fixed_count")
_SYSTEM_FIELDS = ("heartbeat_interval_s", "commands", "faults", "limits", "thresholds")
_PATHS = {GATEWAY, DIRECT}
_ALIKE = 0.8
"""A name this much like a field's, 1 being the same, is a slip."""


def check_scenario(user_classes: Iterable[Any], settings: RunSettings) -> None:
    """Refuse what cannot be run.

    Raises:
        UsageError: With one sentence for each mistake found.
    """
    classes = list(user_classes)
    fleet = [each for each in classes if hasattr(each, "profile")]
    systems = [each for each in classes if hasattr(each, "heartbeat_interval_s")]
    if len(systems) != 1 or not fleet:
        raise UsageError(
            "the scenario needs one subclass of CsmsSubscriber and at least one of ChargePointFleet",
            hint="see scenarios/steady.py",
        )
    mistakes: list[str] = []
    hints: list[str] = []
    regions = _most_regions(fleet)
    paths = {path_of(each, settings) for each in fleet}
    if not paths <= _PATHS:
        paths = _PATHS  # what is wrong is said with the class
    for user_class in classes:
        checks: list[Callable[[], None]] = [partial(_check_names, user_class)]
        if user_class in fleet:
            checks.append(partial(_check_profile, user_class))
        if user_class in systems:
            checks += _checks_of_subscriber(user_class, settings, fleet, regions, paths)
            checks.append(partial(check_paths, paths, settings))
        for check in checks:
            try:
                check()
            except UsageError as error:
                mistakes += error.faults
                hints += [error.hint] if error.hint else []
    if mistakes:
        raise UsageError(mistakes, hint=join_hints(hints))


def _most_regions(fleet: Iterable[type[ChargePointFleet]]) -> int:
    """Of all link models."""
    links = [getattr(each.profile, "link", None) for each in fleet]
    return max(
        (link.regional.regions for link in links if isinstance(link, LinkModel) and link.regional is not None),
        default=0,
    )


def _check_names(user_class: type[Any]) -> None:
    """A class may have attributes of its own, but none that only looks like a field: it would be ignored."""
    base = next(each for each in user_class.__mro__ if each.__module__ == _USERS)
    of_fleet = hasattr(base, "profile")
    own, others = (_FLEET_FIELDS, _SYSTEM_FIELDS) if of_fleet else (_SYSTEM_FIELDS, _FLEET_FIELDS)
    mistakes = []
    for name in chain.from_iterable(map(vars, takewhile(lambda each: each is not base, user_class.__mro__))):
        where = f"{user_class.__name__}.{name}"
        if hasattr(base, name):
            continue
        if name in others:
            mistakes.append(f"{where}: belongs to the {'CsmsSubscriber' if of_fleet else 'ChargePointFleet'}")
        elif close := get_close_matches(name.casefold(), own, 1, _ALIKE):
            mistakes.append(f"{where}: there is no such field; did you mean {close[0]}?")
    if mistakes:
        raise UsageError(mistakes)


def _check_profile(user_class: type[ChargePointFleet]) -> None:
    name = user_class.__name__
    if user_class.path not in {"", *_PATHS}:
        raise UsageError(f"{name}.path: {user_class.path!r} is neither {GATEWAY} nor {DIRECT}")
    if not isinstance(user_class.profile, ChargePointProfile):
        raise UsageError(f"{name}.profile: must be a ChargePointProfile(…)")
    try:
        user_class.profile.check()
    except UsageError as error:
        raise UsageError([f"{name}.{fault}" for fault in error.faults], hint=error.hint) from error
    except (AttributeError, TypeError) as error:  # such as a dict where a LinkModel belongs
        raise UsageError(f"{name}.profile: a field holds something of another kind: {error}") from error


def _checks_of_subscriber(
    user_class: type[CsmsSubscriber],
    settings: RunSettings,
    fleet: Iterable[type[ChargePointFleet]],
    regions: int,
    paths: Collection[str],
) -> list[Callable[[], None]]:
    return [
        lambda: _check_commands(user_class.commands),
        lambda: _refuse_commands(user_class, settings),
        lambda: fault_check.check(
            user_class.faults, settings, regions, commands=bool(user_class.commands), paths=paths
        ),
        lambda: _check_limits(user_class.limits),
        lambda: _check_thresholds(user_class, settings, [each.__name__ for each in fleet]),
    ]


def _refuse_commands(user_class: type[CsmsSubscriber], settings: RunSettings) -> None:
    if user_class.commands and settings.csms == "observe":
        raise UsageError(
            f"--csms observe: {user_class.__name__} has commands, but only listens",
            hint="run a scenario without commands, and have your backend send its own",
        )


def _check_commands(commands: CommandLoad) -> None:
    if not isinstance(commands, CommandLoad):
        raise UsageError("commands: must be a CommandLoad(…)")
    commands.check()


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


def _check_thresholds(user_class: type[CsmsSubscriber], settings: RunSettings, classes: list[str]) -> None:
    try:
        phases = phases_of(user_class.faults)
    except UsageError:
        return  # said with the faults
    present = [phase for phase in phases if phase != WARMUP or settings.warmup_s]
    threshold_set.check(user_class.thresholds, present, classes)
    threshold_set.check(thresholds_of(user_class, settings), present, classes)
