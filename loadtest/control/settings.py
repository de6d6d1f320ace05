"""Reading what a parent has configured a child with, so that every fault is told at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import msgspec

from loadtest.scenario.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping


def read_fields(kind: type[msgspec.Struct], owner: str, plain: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Convert each field by itself.

    Args:
        kind: What the settings are to become.
        owner: What names of fields begin with in faults.
        plain: Values by name.

    Returns:
        The values whose types are right, and one sentence for each field that is missing, unknown or does not fit.
    """
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    faults = [
        f"{owner}.{name}: there is no such setting" + did_you_mean(name, fields) for name in plain if name not in fields
    ]
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in plain:
            try:
                values[name] = msgspec.convert(plain[name], field.type)
            except msgspec.ValidationError as error:
                allowed = _choices(field.type)
                misfit = f"is none of {', '.join(allowed)}" if allowed else f"does not fit: {error}"
                faults.append(f"{owner}.{name}: {plain[name]!r} {misfit}")
        elif field.required:
            faults.append(f"{owner}.{name}: is missing")
    return values, faults


def _choices(kind: Any) -> list[str]:
    """The values of a ``Literal``, or of one in a union; none for other types."""
    if get_origin(kind) is Literal:
        return [str(value) for value in get_args(kind)]
    return [choice for part in get_args(kind) for choice in _choices(part)]
