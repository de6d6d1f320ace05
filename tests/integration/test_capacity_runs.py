"""One small search for capacity from beginning to end, of a gateway that takes so many charge points and no more."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from scenario_copies import unhurried

from loadtest.measure import capacity_record, run_record

if TYPE_CHECKING:
    from loadtest.measure.capacity_record import CapacityRecord

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
CAPACITY = 10


def documented() -> list[list[str]]:
    """What docs/capacity.md says, as arguments."""
    text = (ROOT / "docs" / "capacity.md").read_text()
    lines = re.findall(r"^loadtest (capacity .*?)(?:\s+#.*)?$", text, re.MULTILINE)
    return [shlex.split(line) for line in lines]


class Course:
    """The search: how it ended, what it said, its folder and its record."""

    def __init__(self, place: Path) -> None:
        (place / "scenarios").mkdir()
        unhurried(place / "scenarios", "steady")
        (place / "gateway.toml").write_text(f"max_connections = {CAPACITY}\n")
        search = ["--from", "6", "--to", "12", "--precision", "25%", "--repeats", "1"]
        each = ["--charge-points", "20", "--ramp", "0.4s", "--duration", "2s", "--warmup", "0s"]
        each += ["--heartbeat-interval", "0.5s"]
        # A level above capacity is given up as soon as its misses are certain, and others have time enough.
        objective = ["--objective", "registered 100% < 10s abort after 10s", "--broker", "mosquitto"]
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "loadtest", "capacity", "steady", *search, *each, *objective),
                *("--gateway-config", "gateway.toml", "--run-id", "c"),
            ],
            cwd=place,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        self.code, self.out, self.err = ended.returncode, ended.stdout, ended.stderr
        self.folder = place / "results" / "c"
        self.record: CapacityRecord = capacity_record.load(self.folder)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return Course(tmp_path_factory.mktemp("capacity"))


def test_the_capacity_there_is_lies_in_the_interval_it_finds(course: Course) -> None:
    result = course.record.result
    assert result is not None
    assert (course.code, result.answer) == (0, "interval"), course.out + course.err
    assert (result.passed, result.failed) == (9, 12)
    assert result.limit.startswith("threshold registered 100% ramp < 10s abort after 10s (First: cp-")
    assert result.limit.endswith("503 max_connections)")
    assert result.text in course.out


def test_each_level_is_a_whole_run(course: Course) -> None:
    assert [(step.level, step.state) for step in course.record.steps] == [(6, "passed"), (12, "failed"), (9, "passed")]
    for step in course.record.steps:
        of_run = run_record.load(course.folder / step.folder).run
        assert of_run.charge_points == step.level
        assert of_run.settings["ramp_s"] == pytest.approx(0.02 * step.level), "charge points connect at the same rate"
        assert of_run.thresholds == course.record.plan.thresholds
        assert {"gateway", "broker", "worker-0/engine-0"} <= step.cpu_percent.keys()
        if step.state == "passed":
            assert [row.leg for row in step.latency] == ["round_trip", "uplink"]
            assert step.latency[0].count >= 2 * step.level, "each beats twice a second"


def test_its_reports_link_those_of_the_runs(course: Course) -> None:
    page = (course.folder / "capacity.html").read_text()
    for step in course.record.steps:
        assert f'href="{step.folder}/report.html"' in page
        assert (course.folder / step.folder / "report.html").exists()
    assert "results: results/c" in course.out


@pytest.mark.parametrize("arguments", documented(), ids=" ".join)
def test_what_is_documented_can_be_searched(arguments: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "loadtest", *arguments]
    looked = subprocess.run(
        [*command, "--dry-run"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert looked.returncode == 0, looked.stderr
    assert "runs at each end" in looked.stdout
