"""The live page under Locust's web UI: routes that are read and change nothing, behind the UI's own login.

=============================  =======================================================================================
route                          answer
=============================  =======================================================================================
``/live/``                     the page; nothing of a run is in it
``/live/<name>``               its scripts and styles
``/live/data``                 how the last run stands, as JSON; rows of seconds after ``since`` of ``run``
``/live/runs/<run id>/<name>`` a file of a run that this process has ended
=============================  =======================================================================================

Answers are for pages of this server alone: Locust lets every page of the web read its own.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
from flask import Blueprint, Response, make_response, request, send_file

from loadtest.measure import run_record
from loadtest.measure.standing import Standing
from loadtest.page import CHARTS_JS, PAGE_CSS, asset, plotly_js, plotly_version

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust.web import WebUI

    from loadtest.locust_plugin.conductor import Conductor

DOWNLOADS = (
    "report.html",
    run_record.RUN_JSON,
    run_record.LATENCY_HLOG,
    run_record.LEDGER_JSON,
    run_record.TIMELINE_CSV,
    run_record.CLASSES_HLOG,
    "summary.md",
    "junit.xml",
)
MOST_RUNS = 20
"""Runs whose files are offered; the others are in the results folder like every run."""

_FOLDER = resources.files("loadtest.locust_plugin.web")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src data: blob:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_REPORT_POLICY = "sandbox allow-scripts allow-modals allow-downloads"
"""A report is a page of its own: it may run its scripts, and not read what is served beside it."""


class RunFiles(msgspec.Struct):
    """A run that has ended, and what can be downloaded of it."""

    run_id: str
    files: list[str]


class Live(msgspec.Struct, kw_only=True):
    """What the page asks for each second.

    Attributes:
        refused: Why the last start came to nothing.
        workers: Locust workers there are; 0 when this is the only process.
        run: How the last run stands; ``None`` before the first.
        ended: The last runs of this process, the newest first.
    """

    refused: str
    workers: int
    run: Standing | None
    ended: list[RunFiles]


class LivePage:
    """Adds the page to a web UI that is not serving yet.

    Args:
        web_ui: Locust's.
        prefix: Locust's own (``--web-base-path``).
        conductor: Knows the runs.
        workers: Says how many workers there are.

    Attributes:
        refused: Why the last start came to nothing, for people to read.
    """

    def __init__(self, web_ui: WebUI, prefix: str, conductor: Conductor, workers: Callable[[], int]) -> None:
        self.refused = ""
        self._conductor = conductor
        self._workers = workers
        pages = Blueprint("loadtest_live", __name__, url_prefix=f"{prefix}/live")
        for rule, view in (
            ("/", self._page),
            ("/data", self._data),
            ("/<name>", self._asset),
            ("/runs/<run_id>/<name>", self._download),
        ):
            pages.add_url_rule(rule, view.__name__, web_ui.auth_required_if_enabled(view))
        pages.before_request(_for_our_own_pages)
        pages.after_request(_guarded)
        assert web_ui.app is not None
        web_ui.app.register_blueprint(pages)
        self._index = f"{prefix}/"
        web_ui.app.after_request(self._with_bar)

    def _page(self) -> Response:
        return make_response(_own("live.html"))

    def _asset(self, name: str) -> Response:
        match name:
            case "live.js" | "live_charts.js" | "bar.js":
                return _script(_own(name))
            case "charts.js":
                return _script(asset(CHARTS_JS))
            case "plotly.js":
                answer = _script(plotly_js())
                answer.set_etag(plotly_version())
                answer.cache_control.max_age = 86_400
                answer.make_conditional(request)
                return answer
            case "live.css":
                return Response(_own(name), mimetype="text/css")
            case "page.css":
                return Response(asset(PAGE_CSS), mimetype="text/css")
        return _not_found()

    def _data(self) -> Response:
        run = None
        collector = self._conductor.collector
        if collector is not None:
            same_run = request.args.get("run") in (None, collector.run_id)
            run = collector.standing(request.args.get("since", -1, type=int) if same_run else -1)
        live = Live(refused=self.refused, workers=self._workers(), run=run, ended=self._ended())
        return Response(msgspec.json.encode(live), mimetype="application/json")

    def _ended(self) -> list[RunFiles]:
        last = list(self._conductor.ended.items())[-MOST_RUNS:]
        return [
            RunFiles(run_id, [name for name in DOWNLOADS if (folder / name).is_file()])
            for run_id, folder in reversed(last)
        ]

    def _download(self, run_id: str, name: str) -> Response:
        folder = self._conductor.ended.get(run_id)
        if folder is None or name not in DOWNLOADS or not (folder / name).is_file():
            return _not_found()
        page = name.endswith(".html")
        answer = send_file(
            (folder / name).resolve(),
            mimetype="text/html" if page else "application/octet-stream",
            as_attachment=not page,
            download_name=f"{run_id}-{name}",
        )
        if page:
            answer.headers["Content-Security-Policy"] = _REPORT_POLICY
        return answer

    def _with_bar(self, answer: Response) -> Response:
        """Locust's page has no place for a figure of ours, so a bar stands above it."""
        if request.path == self._index and answer.status_code == 200 and answer.mimetype == "text/html":
            page = answer.get_data(as_text=True)
            answer.set_data(page.replace("</body>", '<script src="live/bar.js"></script></body>'))
        return answer


def _for_our_own_pages() -> Response | None:
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        return make_response("for pages of this server only", 403)
    return None


def _guarded(answer: Response) -> Response:
    answer.headers.setdefault("Content-Security-Policy", _POLICY)
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Referrer-Policy"] = "same-origin"
    answer.headers.setdefault("Cache-Control", "no-store")
    return answer


def _own(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _script(text: str) -> Response:
    return Response(text, mimetype="text/javascript")


def _not_found() -> Response:
    return make_response("there is no such file of a run that this process has ended", 404)
