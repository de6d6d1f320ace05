"""The reports of a set of repeats: what became of each, and what they show against a baseline."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from loadtest.errors import ResultError
from loadtest.measure import comparison_record, run_record, run_set
from loadtest.measure.comparison_record import REGRESSION
from loadtest.reports.comparison_tables import ComparisonView, comparison_view
from loadtest.reports.junit import set_junit_xml
from loadtest.reports.table import Table
from loadtest.reports.write import JUNIT_XML, SUMMARY_MD, rendered, write_all

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.measure.run_record import RunRecord

_RANKS = ("interrupted", "unfinished", "void", "failed", REGRESSION)
"""What a single run, or the comparison, makes of the whole, the strongest first."""


@dataclasses.dataclass(frozen=True, slots=True)
class SetView:
    """A set, ready to be laid out."""

    name: str
    title: str
    result: str
    mark: str
    runs: Table
    void: Table
    against: ComparisonView | None


def write_set_reports(folder: Path) -> list[Path]:
    """Write ``summary.md`` and ``junit.xml`` into the folder of a set, replacing older ones; returns their paths.

    Raises:
        ResultError: It is no set, a run of it cannot be read, or they cannot be written.
    """
    kept = run_set.load(folder)
    records = [run_record.load(folder / name) for name in kept.runs]
    if not records:
        raise ResultError(f"there are no runs in the set {folder}")
    comparison = comparison_record.load(folder)
    results = [result_of(record) for record in records]
    found = {*results, *([comparison.outcome] if comparison else [])}
    told = run_set.judged_by(len(results) - results.count("void"), len(results))
    result = next((rank for rank in _RANKS if rank in found and not (rank == "void" and told)), "passed")
    view = SetView(
        name=kept.name,
        title=records[0].run.scenario,
        result=result,
        mark={"passed": "✅", "failed": "❌", REGRESSION: "❌"}.get(result, "⚠️"),
        runs=_runs(records),
        void=_made_again(folder, kept),
        against=None if comparison is None else comparison_view(comparison),
    )
    documents = {
        SUMMARY_MD: rendered("set.md", view=view),
        JUNIT_XML: set_junit_xml(kept.name, records, comparison, void_is_told=told),
    }
    return write_all(folder, documents)


def result_of(record: RunRecord) -> str:
    """The verdict of a run in a word."""
    return record.verdict.result if record.verdict else "unfinished"


def _made_again(folder: Path, kept: run_set.RunSet) -> Table:
    """Attempts that were void, and whose place was taken by another."""
    return _runs([run_record.load(folder / name) for name in kept.void], "Void, and made once more")


def _runs(records: list[RunRecord], title: str = "Runs") -> Table:
    rows = tuple(
        (
            record.run.run_id,
            result_of(record),
            " ".join(reason.text for reason in record.verdict.reasons) if record.verdict else "",
            str(record.run.seed),
        )
        for record in records
    )
    return Table(title, ("Run", "Verdict", "Why", "Seed"), rows, left=3)
