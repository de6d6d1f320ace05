"""The reports of a search for capacity: ``capacity.md`` and ``capacity.html``, from ``capacity.json`` alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure import capacity_record
from loadtest.reports.capacity_charts import capacity_charts
from loadtest.reports.capacity_view import capacity_view
from loadtest.reports.write import rendered, write_all

if TYPE_CHECKING:
    from pathlib import Path

CAPACITY_MD = "capacity.md"
CAPACITY_HTML = "capacity.html"


def write_capacity_reports(folder: Path) -> list[Path]:
    """Write both into the folder of a search, replacing older ones; returns their paths.

    Raises:
        ResultError: There is no search in it, or they cannot be written.
    """
    record = capacity_record.load(folder)
    view = capacity_view(record)
    documents = {
        CAPACITY_MD: rendered(CAPACITY_MD, view=view),
        CAPACITY_HTML: rendered(CAPACITY_HTML, view=view, charts=capacity_charts(record)),
    }
    return write_all(folder, documents)
