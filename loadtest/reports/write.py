"""The files of a report: two rendered from templates, and the verdict for CI systems."""

from __future__ import annotations

import functools
import json
import shlex
from importlib import resources
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from loadtest.errors import ResultError
from loadtest.measure.result_files import write_whole
from loadtest.page import CHARTS_JS, PAGE_CSS, asset, plotly_js
from loadtest.reports.junit import junit_xml
from loadtest.reports.percentile_charts import percentile_charts
from loadtest.reports.run_folder import open_run
from loadtest.reports.time_charts import time_charts
from loadtest.reports.view import view

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REPORT_HTML = "report.html"
SUMMARY_MD = "summary.md"
JUNIT_XML = "junit.xml"

_TEMPLATES = resources.files("loadtest.reports") / "templates"


def write_reports(run_dir: Path) -> list[Path]:
    """Write ``report.html``, ``summary.md`` and ``junit.xml`` into a run's folder, replacing older ones.

    Returns:
        The files written.

    Raises:
        ResultError: The folder holds no readable run record, or cannot be written to. Whatever else is missing
            or damaged is said in the report instead.
    """
    run = open_run(run_dir)
    facts = view(run)
    documents = {
        REPORT_HTML: rendered("report.html", view=facts, charts=percentile_charts(run) + time_charts(run)),
        SUMMARY_MD: rendered("summary.md", view=facts),
        JUNIT_XML: junit_xml(run.record, run.comparison),
    }
    return write_all(run_dir, documents)


def write_all(folder: Path, documents: Mapping[str, bytes]) -> list[Path]:
    """Write documents into a folder, each in one step; returns their paths.

    Raises:
        ResultError: Some could not be written, which need not keep the others from being there; names them.
    """
    failed: list[str] = []
    for name, content in documents.items():
        try:
            write_whole(folder / name, content)
        except OSError as error:
            failed.append(f"{folder / name}: {error.strerror}")
    if failed:
        again = f"what they are made from is there: make room, then loadtest report {shlex.quote(str(folder))}"
        raise ResultError(f"cannot write {', '.join(failed)}", hint=again)
    return [folder / name for name in documents]


def rendered(template: str, **facts: object) -> bytes:
    """A document from a template of this package and what it speaks of."""
    return _templates().get_template(template).render(facts).encode()


@functools.cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_read),
        autoescape=jinja2.select_autoescape(("html",)),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals |= {
        "verbatim": lambda name: _verbatim(_read(name)),
        "page_css": lambda: _verbatim(asset(PAGE_CSS)),
        "charts_js": lambda: _verbatim(asset(CHARTS_JS)),
        "plotly": lambda: _verbatim(plotly_js()),
    }
    environment.filters |= {"script": _script, "cell": _cell}
    return environment


def _read(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _verbatim(text: str) -> Markup:
    """A file of ours, or of a library, that stands in the page as it is."""
    return Markup(text)  # noqa: S704 - nothing of a run is in it


def _script(value: Any) -> Markup:
    """JSON that can stand inside a script element, whatever text is in it."""
    return Markup(json.dumps(value, separators=(",", ":")).replace("<", "\\u003c"))  # noqa: S704 - no tag can follow


def _cell(text: str) -> str:
    """Text as a Markdown table takes it."""
    return text.replace("|", "\\|").replace("\n", " ")
