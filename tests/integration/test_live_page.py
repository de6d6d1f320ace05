"""The live page in a real Chromium: started from the form, watched, stopped, its report opened."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from browser import BROWSER, Tab
from locust_process import LocustRun
from mosquitto_process import MosquittoProcess
from scenario_copies import unhurried
from servers import free_port, wait_for_port

from loadtest.measure.run_record import RUN_JSON
from loadtest.measure.tags import INTENDED, PACER, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.integration, pytest.mark.skipif(BROWSER is None, reason="needs a Chromium")]

MARKER = "Never-To-Be-Seen-4711"
HOSTILE = "<img src=x onerror=document.title='taken'>"
BUTTON = "[...document.querySelectorAll('button')].find(button => button.innerText.toUpperCase() === '{}')"
SENT = """Number([...document.querySelectorAll('#books tr')]
  .find(row => row.cells[0].innerText === 'sent')?.cells[1].innerText.replaceAll(',', ''))"""


@dataclasses.dataclass
class Watched:
    """What was seen of a run, from its start to its report.

    Attributes:
        form: Names of the fields of the start form.
        bar: What stood above Locust's page while it ran.
        drawn: The charts.
        sent: The counter of messages, twice.
        data: What the page was told last.
        ended: The live page then, as text.
        title: Its title.
        served: Everything the server sent, taken together.
        complaints: Of the pages' scripts.
    """

    form: list[str]
    bar: str
    drawn: list[str]
    sent: list[int]
    data: dict[str, Any]
    ended: str
    title: str
    served: str
    complaints: list[str]
    run: LocustRun


class Reader:
    """Somebody at a browser."""

    def __init__(self, tab: Tab, url: str) -> None:
        self.tab = tab
        self.url = url
        self.served = ""

    def read(self, path: str) -> str:
        """What the server sends for a path."""
        text: str = self.tab.evaluate(f"fetch({json.dumps(self.url + path)}).then(answer => answer.text())")
        self.served += text
        return text

    def open(self, path: str) -> None:
        self.tab.open(self.url + path)
        self.read(path)

    def fill(self, name: str, value: str) -> None:
        field = f"document.querySelector('input[name={name}]')"
        self.tab.wait_for(f"{field} !== null")
        # As React hears of it.
        setter = "Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set"
        self.tab.evaluate(f"{setter}.call({field}, {json.dumps(value)})")
        self.tab.evaluate(f"{field}.dispatchEvent(new Event('input', {{bubbles: true}}))")

    def press(self, label: str) -> None:
        self.tab.wait_for(f"{BUTTON.format(label)} !== undefined")
        self.tab.evaluate(f"{BUTTON.format(label)}.click()")

    def watch(self, run: LocustRun) -> Watched:
        tab = self.tab
        self.open("/live/")  # which leads to the login
        self.fill("username", "me")
        self.fill("password", MARKER)
        self.press("LOGIN")
        tab.wait_for("document.querySelector('input[name=chargePoints]') !== null")
        tab.wait_for("fetch('worker-count').then(answer => answer.json()).then(found => found.worker_count === 2)")
        self.open("/")
        self.fill("chargePoints", "40")
        form = tab.evaluate("[...document.querySelectorAll('input')].map(field => field.name)")
        self.press("START")
        bar = tab.wait_for("/^40 of 40 .* steady/.exec(document.querySelector('#loadtest-bar span').textContent)?.[0]")
        self.open("/live/")
        sent = [tab.wait_for(SENT)]
        sent.append(tab.wait_for(f"{SENT} > {sent[0]} && {SENT}"))
        plots = "[...document.querySelectorAll('.js-plotly-plot')].map(plot => plot.id)"
        drawn = tab.wait_for(f"{plots}.length >= 5 && {plots}")
        self.open("/")
        self.press("STOP")
        self.open("/live/")
        tab.wait_for("document.querySelector('#ended a')?.textContent === 'report.html'")
        ended, title = tab.evaluate("[document.body.innerText, document.title]")
        data = json.loads(self.read("/live/data"))
        for path in ("/logs", "/exceptions", "/stats/report", "/live/runs/run/run.json"):
            self.read(path)
        tab.open(tab.evaluate("document.querySelector('#ended a').href"))
        tab.wait_for("document.documentElement.dataset.drawnMs")
        self.served += tab.evaluate("document.documentElement.outerHTML")
        return Watched(form, bar, drawn, sent, data, ended, title, self.served, tab.complaints, run)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder, port = tmp_path_factory.mktemp("live"), free_port()
    with ExitStack() as stack:
        broker = stack.enter_context(MosquittoProcess(folder))
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        environment.setenv("LOADTEST_WEB_PASSWORD", MARKER)
        environment.setenv("LOADTEST_BROKER", broker.url.replace("//", f"//somebody:{MARKER}@"))
        # Where SIGINT is ignored, as in a shell's background job, children would inherit that.
        stack.callback(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler))
        run = LocustRun(
            folder / "results",
            *("--web-login", "--web-host", "127.0.0.1", "--web-port", str(port), "--processes", "2"),
            *("--charge-points", "30", "--ramp", "1s", "--duration", "10m"),
            scenario=unhurried(folder, "steady").rename(folder / f"{HOSTILE}.py"),
        )
        stack.callback(end, run)
        wait_for_port(port, 60)
        tab = Tab(folder / "profile")
        stack.callback(tab.close)
        yield Reader(tab, f"http://127.0.0.1:{port}").watch(run)


def end(run: LocustRun) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(run.process.pid, signal.SIGKILL)
    run.process.wait(10)


def test_the_form_asks_for_charge_points_and_for_no_password(watched: Watched) -> None:
    assert {"chargePoints", "duration", "ramp", "seed", "gateway"} <= set(watched.form)
    assert "broker" not in watched.form, "its URL has a password"
    assert watched.run.record().run.charge_points == 40


def test_numbers_move_while_it_runs(watched: Watched) -> None:
    assert watched.bar.startswith("40 of 40 charge points registered")
    assert watched.sent[1] > watched.sent[0] > 0
    assert {"chart-connections", "chart-rate", "chart-latency", "chart-cpu", "chart-pacer"} <= set(watched.drawn)


def test_what_stands_there_at_the_end_is_the_record(watched: Watched) -> None:
    record, last = watched.run.record(), watched.data["run"]
    assert last["operations"] == msgspec.to_builtins(record.operations)
    assert last["deliveries"] == msgspec.to_builtins(record.deliveries)
    assert last["verdict"] == msgspec.to_builtins(record.verdict)
    assert (last["run_id"], watched.data["workers"]) == ("run", 2)
    assert f"sent\t{record.operations.sent:,}\n" in watched.ended
    assert record.verdict is not None
    assert record.verdict.result.upper() in watched.ended
    samples: Counter[tuple[str, str]] = Counter()
    for series in record.latency:
        tag = parse(series.tag)
        if tag.kind == INTENDED and tag.leg != PACER:
            samples[tag.phase, tag.leg] += series.count
    assert {(leg["phase"], leg["leg"]): leg["samples"] for leg in last["legs"]} == samples


def test_hostile_names_are_text(watched: Watched) -> None:
    assert HOSTILE in watched.ended
    assert watched.title.endswith(HOSTILE)
    assert watched.complaints == []


def test_no_password_is_anywhere(watched: Watched) -> None:
    assert len(watched.served) > 100_000
    assert MARKER not in watched.served
    files = [path for path in watched.run.results.parent.rglob("*") if path.is_file() and "profile" not in path.parts]
    assert {RUN_JSON, "latency.hlog", "report.html"} <= {path.name for path in files}
    assert [path for path in files if MARKER.encode() in path.read_bytes()] == []
