"""``loadtest run`` and ``loadtest web`` as real commands, from start to exit code."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from scenario_copies import unhurried

from loadtest.measure import run_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.integration

SMALL = ("--charge-points", "60", "--ramp", "300ms", "--duration", "1s")


class Command:
    """A command in a folder of its own, in a session of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.started: set[psutil.Process] = set()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "loadtest", *arguments],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @property
    def run_dir(self) -> Path:
        (found,) = (self.folder / "results").iterdir()
        return found

    def until(self, condition: Callable[[], object], timeout_s: float = 40.0) -> None:
        """Wait for something while remembering every process that is started."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline
            self.started.update(psutil.Process(self.process.pid).children(recursive=True))
            time.sleep(0.05)

    def part(self, text: str) -> psutil.Process:
        """The process that has been started with a text in its command line, and still runs."""
        for process in self.started:
            if text in " ".join(_command_line(process)):
                return process
        raise AssertionError(f"no process with {text!r}")

    def measuring(self) -> bool:
        """Whether the run is in its steady phase."""
        with contextlib.suppress(OSError, ValueError):
            return ",steady," in (self.run_dir / run_record.TIMELINE_CSV).read_text()
        return False

    def draining(self) -> bool:
        """Whether the run is in its drain; its table holds rows of that only when somebody still reports."""
        return ",drain," in (self.run_dir / run_record.TIMELINE_CSV).read_text()

    def ended(self) -> tuple[int, str, str]:
        """Exit status, standard output, standard error; none of its processes may be left."""
        out, err = self.process.communicate(timeout=90)
        assert psutil.wait_procs(self.started, timeout=3)[1] == []
        return self.process.returncode, out, err


def _command_line(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


@contextlib.contextmanager
def command(folder: Path, *arguments: str) -> Iterator[Command]:
    running = Command(folder, *arguments)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            for process in running.started:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            running.process.kill()
        with running.process:  # closes its pipes
            pass


def test_a_run_measures_prints_passes_and_hands_options_to_locust(tmp_path: Path) -> None:
    locust_html = tmp_path / "locust.html"
    with command(
        tmp_path, "run", str(unhurried(tmp_path, "steady")), *SMALL, "--run-id", "first", "--html", str(locust_html)
    ) as running:
        running.until(running.measuring)
        status, out, err = running.ended()
    assert status == 0, err
    record = run_record.load(tmp_path / "results" / "first")
    assert record.state == "complete"
    assert record.registered == 60
    assert record.deliveries.lost == 0
    assert "verdict  passed" in out
    assert re.search(r"round trip +Heartbeat +\d", out)
    assert f"offered {record.operations.offered:,} = dropped 0" in out
    assert re.search(r"^(report: results/first/report\.html|results: results/first)$", out, re.MULTILINE)
    assert "60/60 registered" in err, "progress, as plain lines"
    assert (tmp_path / "results" / "first" / "logs" / "locust.log").stat().st_size > 0
    assert locust_html.exists()


def test_a_terminated_run_keeps_what_it_measured(tmp_path: Path) -> None:
    with command(tmp_path, "run", "steady", *SMALL[:-1], "10m", "--quiet") as running:
        running.until(running.measuring)
        running.process.send_signal(signal.SIGTERM)
        status, out, err = running.ended()
        record = run_record.load(running.run_dir)
    assert status == 130, err
    assert record.state == "partial"
    assert record.operations.sent > 0
    assert "Stopping: draining, up to 40 s" in err
    assert "verdict  interrupted" in out
    assert (out + err).count("partial") == 1


def test_an_interrupt_before_the_ramp_waits_for_nobody(tmp_path: Path) -> None:
    """Its subscriber has just been started, and may never have been ready."""
    with command(tmp_path, "run", "steady", *SMALL[:-1], "10m", "--drain-timeout", "10m", "--quiet") as running:
        running.until(lambda: any("loadtest.csms" in " ".join(_command_line(each)) for each in running.started))
        running.process.send_signal(signal.SIGINT)
        status, out, err = running.ended()
    assert status == 130, err
    assert "verdict  interrupted" in out
    assert "No final report" not in out


def test_a_second_interrupt_does_not_wait(tmp_path: Path) -> None:
    """An engine that stands still would be waited for."""
    with command(tmp_path, "run", "steady", *SMALL[:-1], "10m", "--drain-timeout", "10m", "--quiet") as running:
        running.until(running.measuring)
        engine = running.part("loadtest.engine")
        engine.suspend()
        running.process.send_signal(signal.SIGINT)
        running.until(running.draining)
        running.process.send_signal(signal.SIGINT)
        status, out, err = running.ended()
        record = run_record.load(running.run_dir)
        assert (running.run_dir / "report.html").exists()
    assert status == 130
    assert "Stopping at once" in err
    assert record.state == "partial"
    assert record.verdict is not None
    assert record.verdict.result == "interrupted"
    assert re.search(r"^report: results/.*/report\.html$", out, re.MULTILINE)


def test_a_run_whose_command_and_locust_are_killed_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(prefix="lt", dir="/tmp") as temporary:  # short enough for Unix sockets
        monkeypatch.setenv("TMPDIR", temporary)
        options = (*SMALL[:-1], "10m", "--gateway-processes", "2", "--quiet")
        with command(tmp_path, "run", "steady", *options) as running:
            running.until(running.measuring)
            assert list(Path(temporary).glob("loadtest-*"))
            (locust,) = psutil.Process(running.process.pid).children()
            running.process.kill()
            locust.kill()
            running.process.wait()
            assert psutil.wait_procs(running.started, timeout=40)[1] == []
        assert list(Path(temporary).glob("loadtest-*")) == []


def test_the_web_ui_is_served_until_interrupted(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closing:
        port = closing.getsockname()[1]
    with command(tmp_path, "web", "steady", *SMALL, "--web-port", str(port)) as running:
        assert running.process.stdout is not None
        assert running.process.stdout.readline() == f"web ready: http://127.0.0.1:{port}\n"
        running.until(lambda: True)
        page = urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10).read().decode()
        assert "<title>Locust" in page
        running.process.send_signal(signal.SIGINT)
        status, _, err = running.ended()
    assert status == 0, err
