"""Rows of ledgers, added up: over processes, over the classes of a fleet, over phases and actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from loadtest.measure.interval import CommandArrivalRow, DeliveryRow, OperationRow
from loadtest.measure.run_totals import OperationTotals
from loadtest.protocol import phases

if TYPE_CHECKING:
    from collections.abc import Iterable

    import msgspec

_Row = TypeVar("_Row", OperationRow, DeliveryRow, CommandArrivalRow)


def merge_rows(sources: Iterable[Iterable[_Row]]) -> list[_Row]:
    """Add up rows by phase and action, in the order of the phases."""
    merged: dict[tuple[str, str], _Row] = {}
    for rows in sources:
        for row in rows:
            key = row.phase, row.action
            if key not in merged:
                merged[key] = type(row)(row.phase, row.action)
            _add(merged[key], row, row.__struct_fields__[2:])
    return [merged[key] for key in sorted(merged, key=lambda key: (phases.order(key[0]), key[1]))]


def total_of(rows: Iterable[OperationRow]) -> OperationTotals:
    """Operations of several phases and actions in one row."""
    total = OperationTotals()
    for row in rows:
        _add(total, row, total.__struct_fields__)
    return total


def _add(total: msgspec.Struct, row: msgspec.Struct, names: Iterable[str]) -> None:
    for name in names:
        setattr(total, name, getattr(total, name) + getattr(row, name))
