"""The report as its reader gets it: written by the command, opened in a browser."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from sample_run import SampleRun

if TYPE_CHECKING:
    from pathlib import Path

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


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
    assert BROWSER is not None
    done = subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--virtual-time-budget=4000",
            "--enable-logging=stderr",
            "--v=0",
            "--dump-dom",
            f"file://{tmp_path / 'run' / 'report.html'}",
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=90,
    )
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert complaints == []
    drawn = re.findall(r'<div id="chart-([a-z_-]+)" class="plot(?: linked)? js-plotly-plot"', done.stdout)
    assert len(drawn) == 9
    assert done.stdout.count('class="scatterlayer') >= 8
    assert 'class="heatmaplayer' in done.stdout
