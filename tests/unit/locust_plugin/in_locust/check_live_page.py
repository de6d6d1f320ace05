"""The live page's routes: what they give away, to whom, and what they refuse."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import create_autospec

import gevent
import pytest
from locust.env import Environment
from locust.runners import MasterRunner
from locust.web import WebUI
from sample_run import SampleRun

from loadtest.locust_plugin.master import stop_once_started
from loadtest.locust_plugin.web import login
from loadtest.locust_plugin.web.live_page import DOWNLOADS, LivePage
from loadtest.locust_plugin.web.login import add_login

if TYPE_CHECKING:
    from pathlib import Path

    from flask.testing import FlaskClient

HOSTILE = "<img src=x onerror=alert(1)>"
ASSETS = ("live.js", "live_charts.js", "live.css", "bar.js", "charts.js", "page.css", "plotly.js")


def browser(conductor: object, *, prefix: str = "", password: str = "") -> FlaskClient:
    environment = Environment(user_classes=[])
    environment.create_local_runner()
    web_ui = WebUI(environment, "127.0.0.1", 0, prefix or None, web_login=bool(password), delayed_start=True)
    if password:
        add_login(web_ui, prefix, password)
    LivePage(web_ui, prefix, conductor, lambda: 2)  # type: ignore[arg-type]
    assert web_ui.app is not None
    return web_ui.app.test_client()


def idle() -> Any:
    return SimpleNamespace(collector=None, ended={})


@pytest.fixture(autouse=True)
def _no_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["locust"])  # of which Locust makes up its form


@pytest.fixture
def ended(tmp_path: Path) -> Any:
    processes = SampleRun(description={"scenario": HOSTILE}).play(tmp_path / "runs" / "one")
    processes.report_finally()
    processes.finish()
    (tmp_path / "runs" / "one" / "report.html").write_text("the report")
    (tmp_path / "runs" / "other").mkdir()
    (tmp_path / "runs" / "other" / "run.json").write_text("of another process")
    return SimpleNamespace(collector=processes.collector, ended={"one": tmp_path / "runs" / "one"})


def test_a_login_without_a_password_names_the_variable_and_lets_nobody_in(capsys: pytest.CaptureFixture[str]) -> None:
    environment = Environment(user_classes=[])
    environment.create_local_runner()
    web_ui = WebUI(environment, "127.0.0.1", 0, web_login=True, delayed_start=True)
    add_login(web_ui, "", "")
    LivePage(web_ui, "", idle(), lambda: 1)
    assert "note: --web-login: nobody can log in without LOADTEST_WEB_PASSWORD" in capsys.readouterr().err
    assert web_ui.app is not None
    assert b'"run"' not in web_ui.app.test_client().get("/live/data").data


def test_what_is_refused_is_stopped_when_the_workers_have_what_they_were_to_start() -> None:
    master = create_autospec(MasterRunner, instance=True, spawning_completed=False)
    stopping = gevent.spawn(stop_once_started, master)
    gevent.sleep(0)
    master.stop.assert_not_called()
    master.spawning_completed = True
    stopping.join(10)
    master.stop.assert_called_once_with()


def test_before_the_first_run_there_is_nothing_to_show() -> None:
    found = json.loads(browser(idle()).get("/live/data").data)
    assert found == {"refused": "", "workers": 2, "run": None, "ended": []}


def test_rows_are_asked_for_from_where_one_has_them(ended: Any) -> None:
    pages = browser(ended)

    def seconds(query: str) -> list[int]:
        return [row[0] for row in json.loads(pages.get(f"/live/data{query}").data)["run"]["rows"]]

    run_id, every = ended.collector.run_id, seconds("")
    assert every[:3] == [0, 1, 2]
    assert seconds(f"?run={run_id}&since=2") == every[3:]
    assert seconds(f"?run={run_id}&since={every[-1]}") == []
    assert seconds("?run=another&since=2") == seconds("?run=&since=2") == every, "they are of another run"
    assert seconds(f"?run={run_id}&since=many") == every


def test_files_are_those_of_runs_ended_here_and_no_others(ended: Any) -> None:
    pages = browser(ended)
    (told,) = json.loads(pages.get("/live/data").data)["ended"]
    assert told == {"run_id": "one", "files": ["report.html", *DOWNLOADS[1:5]]}
    for name in told["files"]:
        answer = pages.get(f"/live/runs/one/{name}", buffered=True)
        assert (answer.status_code, answer.data) == (200, (ended.ended["one"] / name).read_bytes())
        assert ("sandbox" in answer.headers["Content-Security-Policy"]) == (name == "report.html")
    for path in (
        "other/run.json",
        "one/summary.md",
        "one/.reserve",
        "one/../other/run.json",
        "one/..%2fother%2frun.json",
        "..%2fother/run.json",
        "%2e%2e/run.json",
        "one//etc/passwd",
        "../other/run.json",
    ):
        assert pages.get(f"/live/runs/{path}").status_code in {404, 308}, path


def test_a_run_under_way_has_no_files_yet(tmp_path: Path) -> None:
    under_way = SimpleNamespace(collector=SampleRun().play(tmp_path, until_s=3).collector, ended={})
    pages = browser(under_way)
    run = json.loads(pages.get("/live/data").data)
    assert (run["run"]["state"], run["ended"]) == ("running", [])
    assert pages.get(f"/live/runs/{run['run']['run_id']}/run.json").status_code == 404


def test_nothing_of_a_run_is_in_the_page_and_scripts_come_from_here_only(ended: Any) -> None:
    pages = browser(ended)
    page = pages.get("/live/")
    assert page.status_code == 200
    for path in ("", *ASSETS):
        answer = pages.get(f"/live/{path}")
        assert answer.status_code == 200
        assert HOSTILE not in answer.text
        assert "innerHTML" not in answer.text or path == "plotly.js"
        policy = answer.headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    data = pages.get("/live/data")
    assert HOSTILE in data.text
    assert (data.mimetype, data.headers["Cache-Control"]) == ("application/json", "no-store")
    assert pages.get("/live/nothing.js").status_code == 404


def test_pages_of_other_sites_are_told_nothing(ended: Any) -> None:
    pages = browser(ended)
    for origin in ("https://elsewhere.example", "null", "http://localhost:1"):
        answer = pages.get("/live/data", headers={"Origin": origin})
        assert (answer.status_code, HOSTILE in answer.text) == (403, False)
    assert pages.get("/live/data", headers={"Origin": "http://localhost"}).status_code == 200
    assert {pages.post(f"/live/{path}").status_code for path in ("", "data", "runs/one/run.json")} == {405}


def test_with_a_login_everything_needs_it(ended: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "_WRONG_S", 0)
    pages = browser(ended, password="s3cret")
    paths = ["", "data", *ASSETS, "runs/one/run.json", "runs/one/report.html"]
    for path in paths:
        answer = pages.get(f"/live/{path}")
        assert (answer.status_code, answer.location.partition("?")[0]) == (302, "/login"), path
    refused = pages.post("/live/login", data={"username": "me", "password": "guess"})
    assert refused.location == "/login"
    assert "This is not the password" in pages.get("/login").text
    assert pages.get("/live/data").status_code == 302
    assert pages.post("/live/login", data={"username": "me", "password": "s3cret"}).location == "/"
    assert {pages.get(f"/live/{path}", buffered=True).status_code for path in paths} == {200}
    assert "s3cret" not in pages.get("/login").text


@pytest.mark.parametrize("prefix", ["", "/ui"])
def test_locusts_page_has_the_bar_and_no_other_page_has(prefix: str) -> None:
    pages = browser(idle(), prefix=prefix)
    index = pages.get(f"{prefix}/")
    assert index.text.count('<script src="live/bar.js"></script></body>') == 1
    assert int(index.headers["Content-Length"]) == len(index.data)
    assert "bar.js" not in pages.get(f"{prefix}/live/").text
    assert pages.get(f"{prefix}/live/bar.js").status_code == 200
