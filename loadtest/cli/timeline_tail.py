"""What a run has written of its timeline so far: the last second, and what has been counted since the beginning."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from loadtest.measure.run_record import TIMELINE_CSV
from loadtest.measure.timeline import COMMAND_COUNTS, COUNTS, TimelineRow

if TYPE_CHECKING:
    from pathlib import Path

_SUMMED = (*COUNTS, *(f"commands_{name}" for name in COMMAND_COUNTS))


class TimelineTail:
    """Follows the table of one run; each byte of it is read once.

    Attributes:
        row: The last whole second; ``None`` when there is none yet.
        counted: What was counted in all seconds, by the names of the columns.
        phases: The phases entered so far, in order.
    """

    def __init__(self) -> None:
        self.row: TimelineRow | None = None
        self.counted: Counter[str] = Counter()
        self.phases: list[str] = []
        self._columns: list[str] = []
        self._read_bytes = 0

    def read(self, run_dir: Path) -> None:
        """Take the rows that have come since the last call; what cannot be read is left out."""
        try:
            with (run_dir / TIMELINE_CSV).open("rb") as file:
                file.seek(self._read_bytes)
                new = file.read()
        except OSError:
            return
        whole = new[: new.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        for text in whole.decode(errors="replace").splitlines():
            if not self._columns:
                self._columns = text.split(",")
            else:
                self._take(text.split(","))

    def _take(self, values: list[str]) -> None:
        try:
            row = msgspec.convert(dict(zip(self._columns, values, strict=True)), TimelineRow, strict=False)
        except (ValueError, msgspec.ValidationError):
            return
        self.row = row
        for name in _SUMMED:
            self.counted[name] += getattr(row, name)
        if row.phase and (not self.phases or self.phases[-1] != row.phase):
            self.phases.append(row.phase)
