"""The report as its reader gets it: written by the command, opened in a browser."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from browser import BROWSER, Tab, dump
from sample_run import SampleRun

from loadtest.reports import write_reports

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.integration
def test_the_command_writes_both_documents(tmp_path: Path) -> None:
    SampleRun().finished(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "loadtest.reports", str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    names = ("report.html", "summary.md", "junit.xml")
    assert done.stdout.split() == [str(tmp_path / name) for name in names]


@pytest.mark.integration
def test_a_wrong_folder_is_one_error_and_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "loadtest.reports", str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.integration
@pytest.mark.skipif(BROWSER is None, reason="needs a Chromium")
def test_a_browser_draws_every_chart_without_a_complaint(tmp_path: Path) -> None:
    SampleRun(lost_every=30).finished(tmp_path / "run")
    subprocess.run([sys.executable, "-m", "loadtest.reports", str(tmp_path / "run")], check=True, timeout=60)
    page, complaints = dump(tmp_path / "run" / "report.html", tmp_path)
    assert complaints == []
    drawn = re.findall(r'<div id="chart-([a-z_-]+)" class="plot(?: linked)? js-plotly-plot"', page)
    assert len(drawn) == 9
    assert page.count('class="scatterlayer') >= 8
    assert 'class="heatmaplayer' in page


@pytest.mark.integration
@pytest.mark.skipif(BROWSER is None, reason="needs a Chromium")
def test_a_browser_draws_a_comparison_without_a_complaint_and_paper_takes_it(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        SampleRun(uplink_us=300.0 * len(name)).finished(tmp_path / name)
    arms = (str(tmp_path / name) for name in ("one", "two", "three"))
    command = [sys.executable, "-m", "loadtest", "compare", *arms, "--out", str(tmp_path)]
    subprocess.run(command, check=True, timeout=60, stdout=subprocess.DEVNULL)
    tab = Tab(tmp_path / "profile")
    try:
        tab.open((tmp_path / "comparison.html").as_uri())
        tab.wait_for("document.documentElement.dataset.drawnMs")
        drawn = tab.evaluate("[...document.querySelectorAll('.js-plotly-plot')].map(plot => plot.id)")
        assert {"chart-curves", "chart-intervals"} <= set(drawn)
        assert tab.evaluate("document.querySelectorAll('option').length") > 3, "legs and figures to choose from"
        tab.lay_on_paper()
        wide = "[...document.querySelectorAll('.scroll')].filter(box => box.scrollWidth > box.clientWidth)"
        assert tab.evaluate(f"{wide}.map(box => box.innerText)") == [], "nothing is cut off"
        assert tab.complaints == []
    finally:
        tab.close()


ZOOM = """<script>
"use strict";
const until = setInterval(() => {
  if (!document.documentElement.dataset.drawnMs) return;
  clearInterval(until);
  const ranges = () => JSON.stringify([...document.querySelectorAll(".linked")].map(plot => plot.layout.xaxis.range));
  Plotly.relayout("chart-rate", {"xaxis.range[0]": 2, "xaxis.range[1]": 5}).then(() => {
    document.documentElement.dataset.close = ranges();
    document.getElementById("whole").click();
    document.documentElement.dataset.whole = ranges();
  });
}, 20);
</script></body>"""


@pytest.mark.integration
@pytest.mark.skipif(BROWSER is None, reason="needs a Chromium")
def test_a_closer_look_at_one_picture_is_one_at_all_over_time(tmp_path: Path) -> None:
    sample = SampleRun()
    sample.finished(tmp_path)
    write_reports(tmp_path)
    page = tmp_path / "report.html"
    page.write_text(page.read_text().replace("</body>", ZOOM))
    text, complaints = dump(page, tmp_path)
    assert complaints == []

    def ranges(name: str) -> list[list[float]]:
        found = re.search(rf'data-{name}="([^"]*)"', text)
        assert found is not None
        return json.loads(found[1])  # type: ignore[no-any-return]

    assert len(ranges("close")) == 7
    assert {tuple(each) for each in ranges("close")} == {(2, 5)}
    assert {tuple(each) for each in ranges("whole")} == {(0, sample.length_s + 1)}, (
        "the final reports make a second of their own"
    )
