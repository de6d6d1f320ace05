"""All rows, and those asked for."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from loadtest.conformance.rows import checking, downstream, frames, handshake, life, upstream
from loadtest.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.conformance.row import Row

THEMES = (handshake.theme, frames.theme, upstream.theme, downstream.theme, life.theme, checking.theme)
ROWS: tuple[Row, ...] = tuple(row for theme in THEMES for row in theme.rows)


def select(patterns: Sequence[str]) -> list[Row]:
    """The rows whose id fits any of the patterns, in the catalogue's order; all without a pattern.

    Raises:
        UsageError: With a sentence for each pattern that fits none.
    """
    faults = [
        f"--only: no row fits {pattern!r}"
        for pattern in patterns
        if not any(fnmatchcase(row.id, pattern) for row in ROWS)
    ]
    if faults:
        raise UsageError(faults, hint="loadtest conformance --list shows all; quote patterns: --only 'frames.*'")
    return [row for row in ROWS if not patterns or any(fnmatchcase(row.id, pattern) for pattern in patterns)]
