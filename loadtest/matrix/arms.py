"""The arms of a plan: written one by one, or every combination of the values on its axes."""

from __future__ import annotations

import itertools
import re
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from loadtest.matrix.setting_values import Value, merged, scalar, setting_called, settings_in, value_of
from loadtest.scenario.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loadtest.scenario.setting import Setting

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_NAME_HELP = "letters, digits, dots, dashes and underscores, at most 60"


@dataclass(frozen=True, slots=True)
class ArmRow:
    """An arm as it stands in the plan.

    Attributes:
        name: Also that of its folder.
        own: What makes it differ.
        places: Where each of its settings stands, for messages.
        before: The program to run before each of its runs; ``None``: that of the plan, if it has one.
    """

    name: str
    own: dict[str, Value]
    places: dict[str, str] = field(default_factory=dict)
    before: tuple[str, ...] | None = None


class _Point(NamedTuple):
    """A value on an axis."""

    axis: str
    text: str
    label: str
    setting: str
    value: Value


def written_arms(rows: Sequence[Mapping[str, object]], faults: list[str]) -> list[ArmRow]:
    """Read ``[[arm]]`` tables."""
    arms = []
    for number, row in enumerate(rows, 1):
        name = row.get("name")
        place = f"arm {name!r}," if isinstance(name, str) and name else f"[[arm]] {number},"
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            faults.append(f"{place} name: must be {_NAME_HELP}" if name else f"[[arm]] {number}: has no name")
            name = ""
        own = settings_in({key: value for key, value in row.items() if key not in ("name", "before")}, place, faults)
        before = program(row["before"], f"{place} before", faults) if "before" in row else None
        arms.append(ArmRow(name, own, dict.fromkeys(own, place), before))
    return arms


def program(raw: object, place: str, faults: list[str]) -> tuple[str, ...]:
    """Read a program and its arguments; none when there is a fault, or none is wanted: ``[]``.

    Args:
        raw: As TOML has it.
        place: Where it stands, for messages.
        faults: Takes what is wrong with it.
    """
    if not isinstance(raw, list) or not all(isinstance(word, str) and word for word in raw):
        faults.append(
            f'{place}: takes a program and its arguments, such as ["systemctl", "restart", "mosquitto"]; '
            'with a shell ["sh", "-c", "…"]'
        )
        return ()
    if raw and shutil.which(raw[0]) is None:
        faults.append(f"{place}: there is no program {raw[0]!r}; write its path, or install it")
    return tuple(raw)


def crossed_arms(
    axes: Mapping[str, object], exclude: Sequence[Mapping[str, object]], faults: list[str]
) -> list[ArmRow]:
    """Combine the values on all axes, but those that are excluded."""
    lists = [points for key, raw in axes.items() for points in _points(key, raw, faults)]
    excluded = [_excluded(row, number, lists, faults) for number, row in enumerate(exclude, 1)]
    used: set[int] = set()
    arms = []
    for points in itertools.product(*lists) if lists else ():
        at = {point.axis: point.text for point in points}
        hit = {
            number
            for number, row in enumerate(excluded, 1)
            if row and all(at[axis] in wanted for axis, wanted in row.items())
        }
        used |= hit
        if not hit:
            own: dict[str, Value] = {}
            for point in points:
                own = merged(own, {point.setting: point.value})
            arms.append(ArmRow("-".join(point.label for point in points), own, dict.fromkeys(own, "[axes]")))
    faults += [
        f"[[exclude]] {number}: no combination of the axes is like it; take it out, or correct it"
        for number, row in enumerate(excluded, 1)
        if row and number not in used
    ]
    return arms


def name_faults(arms: Sequence[ArmRow]) -> list[str]:
    """Names that two arms share; folders of some file systems do not tell small letters from capitals."""
    names = [arm.name.lower() for arm in arms if arm.name]
    found = [
        f"arms: {names.count(name)} are named {name!r}; name each by itself, as [[arm]]"
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    long = [arm.name for arm in arms if arm.name and not _NAME.fullmatch(arm.name)]
    return found + [f"arms: {name!r} cannot be a name ({_NAME_HELP}); name it by itself, as [[arm]]" for name in long]


def _points(key: str, raw: object, faults: list[str]) -> list[list[_Point]]:
    """The axis of a key, or those of the entries of its table."""
    setting = setting_called(key, "[axes]", faults)
    if setting is None:
        return []
    if isinstance(raw, dict) and setting.repeatable:
        return [
            points
            for entry, values in raw.items()
            if (points := _axis(f"{setting.name}.{entry}", setting, entry, values, faults))
        ]
    points = _axis(setting.name, setting, "", raw, faults)
    return [points] if points else []


def _axis(axis: str, setting: Setting, entry: str, raw: object, faults: list[str]) -> list[_Point]:
    if not isinstance(raw, list) or not raw:
        faults.append(f"[axes] {axis}: takes a list of values, such as [1, 2]")
        return []
    points: list[_Point] = []
    for each in raw:
        try:
            value: Value = {entry: scalar(each)} if entry else value_of(setting, each)
        except ValueError as error:
            faults.append(f"[axes] {axis}: {error}")
            continue
        text = _point_text(setting, entry, each)
        if any(point.text == text for point in points):
            faults.append(f"[axes] {axis}: {text} stands there twice")
        else:
            points.append(_Point(axis, text, _label(setting, entry, text), setting.name, value))
    return points


def _label(setting: Setting, entry: str, text: str) -> str:
    """What a value is called in the name of an arm: ``mosquitto``, ``qos1``, ``persistent``, ``nodelay-off``."""
    if entry:
        label = f"{entry}-{text}"
    elif setting.kind == "flag":
        label = setting.name if text == "yes" else f"no-{setting.name}"
    elif text[:1].isdigit():
        label = f"{setting.name}{text}"
    else:
        label = text.rpartition("@")[2].removeprefix("mqtt://").removeprefix("ws://")
    return re.sub(r"[^A-Za-z0-9._-]+", "-", label).strip("-") or setting.name


def _excluded(
    row: Mapping[str, object], number: int, axes: Sequence[Sequence[_Point]], faults: list[str]
) -> dict[str, set[str]]:
    """By axis the values a row is about; nothing when it is faulty."""
    place = f"[[exclude]] {number}"
    known = {points[0].axis: {point.text for point in points} for points in axes}
    found: dict[str, set[str]] = {}
    wrong: list[str] = []
    for key, raw in row.items():
        setting = setting_called(key, place, wrong)
        if setting is None:
            continue
        for entry, values in raw.items() if isinstance(raw, dict) else [("", raw)]:
            axis = f"{setting.name}.{entry}" if entry else setting.name
            try:
                texts = [
                    _point_text(setting, entry, each) for each in (values if isinstance(values, list) else [values])
                ]
            except ValueError as error:
                wrong.append(f"{place} {axis}: {error}")
                continue
            if axis not in known:
                wrong.append(f"{place} {axis}: is no axis{did_you_mean(axis, known)}")
            elif strange := [text for text in texts if text not in known[axis]]:
                there = ", ".join(sorted(known[axis]))
                wrong.append(f"{place} {axis}: {', '.join(strange)} is not on that axis; there are {there}")
            found[axis] = set(texts)
    if not row:
        wrong.append(f"{place}: says nothing; name values of axes, such as qos = 2")
    faults += wrong
    return {} if wrong else found


def _point_text(setting: Setting, entry: str, raw: object) -> str:
    """A value on an axis as text.

    Raises:
        ValueError: It cannot be one.
    """
    return scalar(raw) if entry else str(value_of(setting, raw))
