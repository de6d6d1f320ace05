"""The reports of a comparison of arms: ``comparison.md`` and ``comparison.html``, from ``comparison.json`` alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.errors import ResultError
from loadtest.measure import comparison_record
from loadtest.reports.arms_charts import arms_charts
from loadtest.reports.arms_view import arms_view
from loadtest.reports.write import rendered, write_all

if TYPE_CHECKING:
    from pathlib import Path

COMPARISON_MD = "comparison.md"
COMPARISON_HTML = "comparison.html"


def write_comparison_reports(folder: Path) -> list[Path]:
    """Write both into the folder of a comparison, replacing older ones; returns their paths.

    Raises:
        ResultError: There is no comparison in it, or they cannot be written.
    """
    comparison = comparison_record.load(folder)
    if comparison is None:
        missing = f"there is no {comparison_record.COMPARISON_JSON} in {folder}"
        raise ResultError(missing, hint="loadtest compare makes it")
    view = arms_view(comparison)
    documents = {
        COMPARISON_MD: rendered(COMPARISON_MD, view=view),
        COMPARISON_HTML: rendered(COMPARISON_HTML, view=view, charts=arms_charts(comparison)),
    }
    return write_all(folder, documents)
