"""A table of a report, as text: columns, rows, and a sentence on how to read it."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """A table of text. The first ``left`` columns are words, the others numbers."""

    title: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    note: str = ""
    left: int = 1
