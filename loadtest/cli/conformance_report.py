"""What ``loadtest conformance`` shows and writes."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from loadtest import __version__
from loadtest.cli.messages import talk
from loadtest.clock import rfc3339, utc_now
from loadtest.conformance.findings import Verdict
from loadtest.transport import mqtt_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from loadtest.conformance.row import Row
    from loadtest.conformance.run import Result
    from loadtest.conformance.target import Target

JSON_SCHEMA = 1
WIDTH_WITHOUT_TERMINAL = 140

_STYLES = {
    Verdict.PASSED: "green",
    Verdict.DEVIATING: "yellow",
    Verdict.FAILED: "bold red",
    Verdict.SKIPPED: "dim",
}


def print_rows(rows: Sequence[Row]) -> None:
    """All rows with their rule and when they apply."""
    table = _table("row", "contract", "rule")
    for row in rows:
        rule = f"{row.title} ({row.condition.otherwise})" if row.condition.otherwise else row.title
        table.add_row(row.id, row.section, Text(rule))
    _stdout().print(table)


def print_results(results: Sequence[Result]) -> None:
    """A line for each row, the rule where it is not kept, and the totals."""
    table = _table("row", "contract", "verdict", "observed")
    for result in results:
        row, finding = result.row, result.finding
        text = Text(finding.observed)
        if finding.verdict is Verdict.FAILED:
            text = Text.assemble((f"{row.title}. ", "bold"), "Observed: ", finding.observed)
        elif finding.deviation:
            text.append(f"; {finding.deviation}", "italic")
        table.add_row(row.id, row.section, Text(finding.verdict, _STYLES[finding.verdict]), text)
    out = _stdout()
    out.print(table)
    totals = _totals(results)
    parts = [Text(f"{totals[verdict]} {verdict}", _STYLES[verdict]) for verdict in Verdict if totals[verdict]]
    out.print(Text(", ").join(parts))


def write_json(path: Path, target: Target, results: Sequence[Result], *, embedded: bool) -> None:
    """The same for programs. URLs are without credentials."""
    document: dict[str, Any] = {
        "schema": JSON_SCHEMA,
        "loadtest": __version__,
        "at": rfc3339(utc_now()),
        "gateway": {"url": str(target.gateway), "embedded": embedded},
        "broker": {"url": str(mqtt_url.parse(target.broker))},
        "totals": {verdict.value: count for verdict, count in _totals(results).items()},
        "rows": [
            {
                "id": result.row.id,
                "title": result.row.title,
                "section": result.row.section,
                "verdict": result.finding.verdict.value,
                "observed": result.finding.observed,
                "deviation": result.finding.deviation,
                "took_s": round(result.took_s, 3),
            }
            for result in results
        ],
    }
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


@contextlib.contextmanager
def progress(rows: int) -> Iterator[Callable[[Result], None]]:
    """How far the rows have got, where somebody watches."""
    console = talk()
    done: Counter[Verdict] = Counter()
    with console.status("") as status:

        def show(result: Result) -> None:
            done[result.finding.verdict] += 1
            failed = f", {done[Verdict.FAILED]} failed" if done[Verdict.FAILED] else ""
            status.update(f"{done.total()} of {rows} rows{failed}")

        yield show


def _totals(results: Sequence[Result]) -> dict[Verdict, int]:
    counted = Counter(result.finding.verdict for result in results)
    return {verdict: counted[verdict] for verdict in Verdict}


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings[:-1]:
        table.add_column(heading, no_wrap=True)
    table.add_column(headings[-1], overflow="fold")
    return table


def _stdout() -> Console:
    console = Console(highlight=False)
    if not console.is_terminal:  # a file or a pipe has no width; the usual guess of 80 would break every line
        console.width = WIDTH_WITHOUT_TERMINAL
    return console
