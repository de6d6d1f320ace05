"""One small matrix from beginning to end: interrupted, resumed as documented, and what is in its folder."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from scenario_copies import unhurried

from loadtest.measure import matrix_record, run_record, run_set

if TYPE_CHECKING:
    from loadtest.measure.matrix_record import MatrixRecord

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
PLAN = """
scenario = "{scenario}"
repeats = 2
thresholds = ["p99 uplink < 30s"]
[settings]
broker = "mosquitto"
charge_points = 20
duration = "1s"
ramp = "0.3s"
[axes]
qos = [0, 1]
"""


def documented() -> list[list[str]]:
    """What docs/matrix.md says of matrices, as arguments."""
    text = (ROOT / "docs" / "matrix.md").read_text()
    lines = re.findall(r"^loadtest (matrix .*?)(?:\s+#.*)?$", text, re.MULTILINE)
    return [line.split() for line in lines]


def started(place: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "loadtest", *arguments],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def done(place: Path, *arguments: str) -> tuple[int, str, str]:
    process = started(place, *arguments)
    try:
        out, err = process.communicate(timeout=200)
    finally:
        process.kill()
    return process.returncode, out, err


FAULTY = """
scenario = "steady"
[settings]
path = "direct"
encoding = "protobuf"
[[arm]]
name = "unknown"
broker = "mosquitto"
broker_settings = {no_such_thing = 1}
[[arm]]
name = "forgetful"
broker = "amqtt"
persistent = true
[[arm]]
name = "contrary"
path = "gateway"
[[arm]]
name = "made-later"
broker = "mqtt://127.0.0.1:9"
before = ["true"]
"""


def test_what_an_arm_cannot_is_told_of_all_before_the_first_run(tmp_path: Path) -> None:
    (tmp_path / "faulty.toml").write_text(FAULTY)
    code, out, err = done(tmp_path, "matrix", "faulty.toml", "--dry-run")
    assert (code, out) == (2, "")
    faults = [line.removeprefix("error: faulty.toml: ") for line in err.splitlines() if line.startswith("error: ")]
    unknown, *others = faults
    assert unknown.startswith("arm 'unknown': broker_setting no_such_thing: mosquitto exited with status")
    assert 'Unknown configuration variable "no_such_thing"' in err
    assert "arm 'forgetful': persistent: amqtt keeps nothing over a restart" in others
    assert "arm 'contrary': encoding: is for charge points that are MQTT clients" in err
    assert "made-later': " not in err
    assert "hint: take --broker mosquitto" in err
    assert [path.name for path in tmp_path.iterdir()] == ["faulty.toml"]


class Course:
    """The matrix: what was said on the way, its folder, and its record after the interrupt and at the end."""

    def __init__(self, place: Path) -> None:
        self.place = place
        (place / "scenarios").mkdir()
        copy = unhurried(place / "scenarios", "steady")
        (place / "scenarios" / "qos.toml").write_text(PLAN.format(scenario=copy.stem))
        self.dry, self.begin, self.resume, self.resume_folder = documented()
        self.dry_run = done(place, *self.dry)
        self.code, self.out = self._interrupted()
        (self.folder,) = (place / "results").iterdir()
        self.interrupted: MatrixRecord = matrix_record.load(self.folder)
        self.left = done(place, "matrix", f"results/{self.folder.name}", *self.resume_folder[2:])
        self.changed = self._with_a_changed_plan()
        self.resumed = done(place, *self.resume)
        self.complete: MatrixRecord = matrix_record.load(self.folder)

    def _interrupted(self) -> tuple[int, str]:
        """Stopped in its second run."""
        process = started(self.place, *self.begin)
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if line.startswith("run 2 of 4"):
                    break
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=200)
        finally:
            process.kill()
        return process.returncode, out

    def _with_a_changed_plan(self) -> tuple[int, str, str]:
        plan = self.place / "scenarios" / "qos.toml"
        before = plan.read_text()
        plan.write_text(before.replace("charge_points = 20", "charge_points = 30"))
        try:
            return done(self.place, *self.resume)
        finally:
            plan.write_text(before)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return Course(tmp_path_factory.mktemp("matrix"))


def test_a_dry_run_says_what_would_be_run_and_runs_nothing(course: Course) -> None:
    code, out, _ = course.dry_run
    assert code == 0
    assert "qos: 2 arms, 2 repeats, 4 runs of steady to come, about 45 s" in out
    order = [line.split()[3:] for line in out.splitlines() if line[:1].isdigit()]
    assert order == [[run.arm for run in course.interrupted.runs[half : half + 2]] for half in (0, 2)]


def test_an_interrupt_ends_the_run_that_is_on_and_the_matrix(course: Course) -> None:
    assert course.code == 130
    assert f"go on with: loadtest matrix results/{course.folder.name} --resume" in course.out
    assert course.interrupted.state == "interrupted"
    assert [run.state for run in course.interrupted.runs[1:]] == ["waiting"] * 3
    _, out, _ = course.left
    assert f"{sum(run.state == 'waiting' for run in course.interrupted.runs)} runs of steady to come" in out


def test_a_plan_that_has_changed_is_not_resumed(course: Course) -> None:
    code, _, err = course.changed
    assert code == 2
    assert "--resume: arm 'qos0': charge_points: was 20, is 30" in err
    assert "Traceback" not in err


def test_resumed_it_comes_to_its_end(course: Course) -> None:
    code, out, err = course.resumed
    assert code == 0, out + err
    assert f"results: results/{course.folder.name}" in out
    assert course.complete.state == "complete"
    assert [(run.arm, run.repeat, run.seed) for run in course.complete.runs] == [
        (run.arm, run.repeat, run.seed) for run in course.interrupted.runs
    ]
    assert [(run.state, run.result) for run in course.complete.runs] == [("done", "passed")] * 4


def test_at_its_end_the_arms_are_compared(course: Course) -> None:
    """Two repeats cannot tell, and it says so."""
    _, out, _ = course.resumed
    assert "2 arms  no verdict" in out
    compared = json.loads((course.folder / "comparison.json").read_bytes())
    assert [arm["runs"] for arm in compared["arms"]] == [
        [run.folder for run in course.complete.runs_of(arm.name)] for arm in course.complete.arms
    ]
    assert compared["plan"] == (course.folder / "plan.toml").read_text()
    assert (course.folder / "comparison.html").exists()
    assert "The arms took turns. " in (course.folder / "comparison.md").read_text()
    assert "compar" not in course.out  # not of one that was interrupted


def test_its_arms_are_sets_of_complete_runs(course: Course) -> None:
    for arm in course.complete.arms:
        names = run_set.load(course.folder / arm.name).runs
        records = [run_record.load(course.folder / arm.name / name) for name in names]
        assert [record.run.seed for record in records] == [1, 2]
        assert {record.run.settings["qos"] for record in records} == {int(arm.settings["qos"])}
        assert {record.state for record in records} == {"complete"}
        assert {str(each.text) for record in records for each in record.thresholds} == {"p99 uplink steady < 30s"}
        assert (course.folder / arm.name / names[0] / "report.html").exists()
        assert "passed" in (course.folder / arm.name / "summary.md").read_text()
    assert (course.folder / "plan.toml").read_text() == (course.place / "scenarios" / "qos.toml").read_text()


def test_what_was_cut_short_is_kept_beside_what_counts(course: Course) -> None:
    again = course.complete.runs[1]
    for name in again.cut_short:  # none when the interrupt came before anything was measured
        assert name != again.folder
        assert json.loads((course.folder / again.arm / name / "run.json").read_bytes())["verdict"]["result"] == (
            "interrupted"
        )
        assert name not in run_set.load(course.folder / again.arm).runs


def test_its_runs_are_listed(course: Course) -> None:
    code, out, err = done(course.place, "list")
    assert code == 0
    assert {run.folder for run in course.complete.runs} <= {line.split()[0] for line in out.splitlines()}
    assert "plans: " in err
