"""Rows of ledgers, added up: over processes, over the classes of a fleet, over phases and actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from loadtest.measure.interval import CommandArrivalRow, DeliveryRow, OperationRow
from loadtest.protocol import phases

if TYPE_CHECKING:
    from collections.abc import Iterable

_Row = TypeVar("_Row", OperationRow, DeliveryRow, CommandArrivalRow)


def merge_rows(sources: Iterable[Iterable[_Row]]) -> list[_Row]:
    """Add up rows by phase and action, in the order of the phases."""
    merged: dict[tuple[str, str], _Row] = {}
    for rows in sources:
        for row in rows:
            key = row.phase, row.action
            if key not in merged:
                merged[key] = type(row)(row.phase, row.action)
            _sum(merged[key], (row,))
    return [merged[key] for key in sorted(merged, key=lambda key: (phases.order(key[0]), key[1]))]


def total_of(rows: Iterable[OperationRow]) -> OperationRow:
    """Operations of several phases and actions in one row."""
    return _sum(OperationRow("all", "all"), rows)


def _sum(total: _Row, rows: Iterable[_Row]) -> _Row:
    for row in rows:
        for name in row.__struct_fields__[2:]:
            setattr(total, name, getattr(total, name) + getattr(row, name))
    return total
