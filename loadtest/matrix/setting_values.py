"""Settings as a plan writes them: TOML values, by the names that the table of settings has.

One that may be given several times takes a list or a table, under its own name or in the plural::

    thresholds = ["p99 uplink < 50ms", "lost <= 0"]
    broker_settings = {set_tcp_nodelay = false}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.scenario.settings_table import SETTINGS
from loadtest.scenario.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtest.scenario.setting import Setting

Value = str | dict[str, str]
"""As on the command line; of a table each entry by its name."""

ELSEWHERE = {
    "seed": "stands at the top of the plan: seed = 1, counting up with the repeats, or seeds = [1, 2, 3]",
    "results": "is where the matrix is kept: loadtest matrix --results",
    "run_id": "is made of arm and repeat; the matrix has a name of its own: loadtest matrix --run-id",
}
"""Settings that are no plan's."""

_NO = frozenset({"", "0", "no", "false", "off"})
_YES = frozenset({"1", "yes", "true", "on"})


def settings_in(table: Mapping[str, object], place: str, faults: list[str]) -> dict[str, Value]:
    """Read a table of settings; names that are none and values that cannot be any are faults.

    Args:
        table: As TOML has it.
        place: Where it stands in the plan, for messages.
        faults: Takes a sentence for each fault.
    """
    found: dict[str, Value] = {}
    for key, raw in table.items():
        setting = setting_called(key, place, faults)
        if setting is None:
            continue
        if setting.name in found:
            faults.append(f"{place} {key}: the same stands there as {setting.name}: leave one")
            continue
        try:
            found[setting.name] = value_of(setting, raw)
        except ValueError as error:
            faults.append(f"{place} {key}: {error}")
    return found


def setting_called(key: str, place: str, faults: list[str]) -> Setting | None:
    """The setting of a name, also in the plural of one that may be given several times."""
    names = {setting.name: setting for setting in SETTINGS if setting.name not in ELSEWHERE}
    names |= {f"{setting.name}s": setting for setting in SETTINGS if setting.repeatable}
    if key in names:
        return names[key]
    why = ELSEWHERE.get(key) or f"there is no such setting{did_you_mean(key.replace('-', '_'), names)}"
    faults.append(f"{place} {key}: {why}")
    return None


def value_of(setting: Setting, raw: object) -> Value:
    """A TOML value as the setting takes it.

    Raises:
        ValueError: It is of no kind that the setting can have; says so.
    """
    if setting.kind == "flag":
        text = scalar(raw).lower()
        return "no" if text in _NO else "yes" if text in _YES else text
    if isinstance(raw, (list, dict)):
        if not setting.repeatable:
            raise ValueError(f"takes one value, not {'a list' if isinstance(raw, list) else 'a table'}")
        if isinstance(raw, dict):
            return {str(name): _part(each) for name, each in raw.items()}
        return "; ".join(map(_part, raw))
    return scalar(raw)


def scalar(raw: object) -> str:
    """A text, a number, or true or false, as text.

    Raises:
        ValueError: It is something else.
    """
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, (str, int, float)):
        return str(raw).strip()
    raise ValueError(f"{raw} is neither a text nor a number nor true or false")


def merged(common: Mapping[str, Value], own: Mapping[str, Value]) -> dict[str, Value]:
    """An arm's own settings above those of all: they take their place, but tables are joined, entry by entry."""
    result = dict(common)
    for name, value in own.items():
        before = result.get(name)
        result[name] = before | value if isinstance(before, dict) and isinstance(value, dict) else value
    return result


def texts(settings: Mapping[str, Value]) -> dict[str, str]:
    """Settings as a request takes them. A flag that is off is left out: it is an option without a value."""
    flags = {setting.name for setting in SETTINGS if setting.kind == "flag"}
    return {name: _text(value) for name, value in settings.items() if name not in flags or value not in _NO}


def shown(settings: Mapping[str, Value]) -> dict[str, str]:
    """Settings as people read them, with what was said to be off."""
    return {name: _text(value) for name, value in settings.items()}


def _text(value: Value) -> str:
    return value if isinstance(value, str) else "; ".join(f"{name}={each}" for name, each in value.items())


def _part(raw: object) -> str:
    text = scalar(raw)
    if ";" in text:
        raise ValueError(f"{text!r}: a semicolon parts two values; write them one by one")
    return text
