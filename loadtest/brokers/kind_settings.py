"""The settings a broker is started with: its kind's table, and what the user wants otherwise."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from loadtest.brokers.kind import Demand
from loadtest.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtest.brokers.kind import BrokerKind

ORDINARY = Demand()


def in_force(kind: BrokerKind, wanted: Mapping[str, str], demand: Demand = ORDINARY) -> dict[str, str]:
    """All settings that are written down for a broker.

    Args:
        kind: Of the broker.
        wanted: The user's, by name; an empty value leaves a setting of the table to the broker's own default.
        demand: Of the run.

    Raises:
        UsageError: With each setting that is unknown, or not the user's to decide; or the kind cannot do it.
    """
    needed = kind.persistent_settings if demand.persistent else {}
    faults = [fault for name, value in wanted.items() if (fault := _fault(kind, name, value, needed))]
    if faults:
        raise UsageError(faults, hint="the settings of each broker: docs/brokers.md")
    table = {**kind.tuned, **kind.fitted(demand)[0], **needed, **wanted}
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


def _fault(kind: BrokerKind, name: str, value: str, needed: Mapping[str, str]) -> str:
    if name in kind.our_settings:
        return f"--broker-setting {name}: the harness decides this one"
    if needed.get(name, value) != value:
        return f"--broker-setting {name}={value}: contradicts --persistent, which needs {needed[name]}"
    if kind.known_settings is None or name in kind.known_settings:
        return ""
    known = sorted(kind.known_settings)
    near = difflib.get_close_matches(name, known, n=3)
    return f"--broker-setting {name}: {kind.title} has no such setting; " + (
        f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(known)}"
    )
