"""The settings a broker is started with: its kind's table, and what the user wants otherwise."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from loadtest.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtest.brokers.kind import BrokerKind


def in_force(kind: BrokerKind, wanted: Mapping[str, str], *, persistent: bool = False) -> dict[str, str]:
    """All settings that are written down for a broker.

    Args:
        kind: Of the broker.
        wanted: The user's, by name; an empty value leaves a setting of the table to the broker's own default.
        persistent: Sessions and queued messages are to outlive a restart.

    Raises:
        UsageError: With each setting that is unknown, or not the user's to decide.
    """
    faults = [fault for name, value in wanted.items() if (fault := _fault(kind, name, value, persistent=persistent))]
    if faults:
        raise UsageError(faults, hint="the settings of each broker: docs/brokers.md")
    table = {**kind.tuned, **(kind.persistent_settings if persistent else {}), **wanted}
    return {name: value for name, value in table.items() if value}


def whole_numbers(settings: Mapping[str, str]) -> dict[str, int]:
    """Settings of a kind that has no others.

    Raises:
        UsageError: With each that is no whole number.
    """
    faults = [
        f"--broker-setting {name}: {value!r} is not a whole number"
        for name, value in settings.items()
        if not (value.isascii() and value.isdecimal())
    ]
    if faults:
        raise UsageError(faults)
    return {name: int(value) for name, value in settings.items()}


def _fault(kind: BrokerKind, name: str, value: str, *, persistent: bool) -> str:
    if name in kind.our_settings:
        return f"--broker-setting {name}: the harness decides this one"
    if persistent and kind.persistent_settings.get(name, value) != value:
        return (
            f"--broker-setting {name}={value}: contradicts --persistent, which needs {kind.persistent_settings[name]}"
        )
    if kind.known_settings is None or name in kind.known_settings:
        return ""
    known = sorted(kind.known_settings)
    near = difflib.get_close_matches(name, known, n=3)
    return f"--broker-setting {name}: {kind.title} has no such setting; " + (
        f"is {' or '.join(near)} meant?" if near else f"it has {', '.join(known)}"
    )
