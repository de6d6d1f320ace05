"""Baselines, sets of repeats and exit codes from the command line; the runs themselves are simulated."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import simulated_runs
from click.testing import CliRunner

from loadtest.cli.main import loadtest
from loadtest.errors import EnvironmentNotReady, ExitCode, LoadTestError, UsageError
from loadtest.measure import comparison_record, run_record, run_set
from loadtest.measure.run_outcome import Verdict
from loadtest.runner import run as runs
from loadtest.runner.run import RunOutcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    from loadtest.measure.tags import Tag
    from loadtest.runner.request import RunRequest


class Runs:
    """Stands for running: writes records of runs of a system that may become slower."""

    def __init__(self, results: Path) -> None:
        self.results = results
        self.random = np.random.default_rng(1)
        self.factor = 1.0
        self.verdicts = ["passed"]
        self.requests: list[RunRequest] = []

    def run_headless(self, request: RunRequest, *_: object) -> RunOutcome:
        self.requests.append(request)
        settings = request.resolved()
        result = self.verdicts.pop(0) if len(self.verdicts) > 1 else self.verdicts[0]
        if result == "refused":
            raise EnvironmentNotReady("the broker is gone")
        folder = Path(settings.results) / settings.run_id
        folder.mkdir(parents=True)
        record = simulated_runs.run(
            self.random,
            settings.run_id,
            slower=self._slower,
            charge_points=settings.charge_points,
            settings=settings.public(),
            seed=settings.seed,
            command=["loadtest", "run", "steady"],
        )
        code = {"passed": 0, "failed": 1, "void": 4, "interrupted": 130}[result]
        record.verdict = Verdict(result, [], code)  # type: ignore[arg-type]
        run_record.write(record, folder)
        return RunOutcome(run_dir=folder, exit_code=code, interrupted=result == "interrupted")

    def _slower(self, _tag: Tag) -> float:
        return self.factor

    def invoke(self, *words: str) -> Result:
        return CliRunner().invoke(loadtest, [*words, "--results", str(self.results)], standalone_mode=False)

    def repeated(self, count: int, name: str, *words: str) -> Result:
        return self.invoke("run", "steady", "--repeat", str(count), "--run-id", name, *words)


@pytest.fixture
def simulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    made = Runs(tmp_path / "results")
    monkeypatch.setattr(runs, "run_headless", made.run_headless)
    return made


@pytest.fixture
def with_baseline(simulated: Runs) -> Runs:
    simulated.repeated(5, "before")
    assert simulated.invoke("baseline", "save", "before", "main").return_value == ExitCode.PASSED
    return simulated


def fault(result: Result) -> LoadTestError:
    assert isinstance(result.exception, LoadTestError), result.output
    return result.exception


def test_repeats_are_a_set_with_seeds_that_count_up(simulated: Runs) -> None:
    done = simulated.repeated(3, "nightly", "--seed", "7")
    assert done.return_value == ExitCode.PASSED
    assert run_set.load(simulated.results / "nightly").runs == ["nightly-1", "nightly-2", "nightly-3"]
    assert [request.resolved().seed for request in simulated.requests] == [7, 8, 9]
    listed = simulated.invoke("list").output
    assert all(f"nightly-{number}" in listed for number in (1, 2, 3))
    assert simulated.invoke("show", "nightly-2").return_value == ExitCode.PASSED
    assert fault(simulated.invoke("show", "nightly")).hint == "name one of nightly-1, nightly-2, nightly-3"


@pytest.mark.parametrize(
    ("verdicts", "code", "made"),
    [
        (["passed", "failed", "passed"], 1, 3),
        (["failed", "void", "passed"], 4, 3),
        (["void", "interrupted", "passed"], 130, 2),
    ],
)
def test_the_worst_run_is_the_result_of_a_set(simulated: Runs, verdicts: list[str], code: int, made: int) -> None:
    simulated.verdicts = verdicts
    assert simulated.repeated(3, "set", "--void-retries", "0").return_value == code
    assert len(run_set.load(simulated.results / "set").runs) == made


def test_a_void_run_of_a_set_is_made_once_more_and_told(simulated: Runs) -> None:
    simulated.verdicts = ["passed", "void", "failed", "passed"]
    assert simulated.repeated(3, "set").return_value == ExitCode.FAILED  # and what has failed is not made again
    kept = run_set.load(simulated.results / "set")
    assert (kept.runs, kept.void) == (["set-1", "set-2.2", "set-3"], ["set-2"])
    assert [request.resolved().seed for request in simulated.requests] == [1, 2, 2, 3]
    summary = (simulated.results / "set" / "summary.md").read_text()
    assert summary.startswith("# ❌ steady: failed")
    assert re.search(r"Void, and made once more\n.*\| set-2 \| void \|", summary, re.DOTALL)


def test_a_void_run_that_cannot_be_made_once_more_is_told(simulated: Runs) -> None:
    simulated.verdicts = ["void", "refused"]
    assert fault(simulated.repeated(2, "set")).message == "the broker is gone"
    kept = run_set.load(simulated.results / "set")
    assert (kept.runs, kept.void) == ([], ["set-1"])


@pytest.mark.parametrize(("count", "code", "result"), [(5, 0, "✅ steady: passed"), (4, 4, "⚠️ steady: void")])
def test_a_set_is_judged_by_the_runs_that_count_if_they_are_enough(
    simulated: Runs, count: int, code: int, result: str
) -> None:
    simulated.verdicts = ["void", "void", "passed"]
    assert simulated.repeated(count, "set").return_value == code
    kept = run_set.load(simulated.results / "set")
    assert (kept.runs[0], kept.void) == ("set-1.2", ["set-1"])
    assert (simulated.results / "set" / "summary.md").read_text().startswith(f"# {result}")
    suite = ET.fromstring((simulated.results / "set" / "junit.xml").read_bytes())
    assert suite.get("skipped") == ("1" if code == 0 else "0")  # else it is an error, if its record has reasons


def test_a_single_run_is_not_made_again(simulated: Runs) -> None:
    assert "--void-retries: is for --repeat" in fault(simulated.invoke("run", "steady", "--void-retries", "1")).message


def test_a_refused_first_run_leaves_no_set_behind(simulated: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> RunOutcome:
        raise UsageError("no")

    monkeypatch.setattr(runs, "run_headless", refuse)
    assert fault(simulated.repeated(3, "set")).message == "no"
    assert not (simulated.results / "set").exists()


def test_a_regression_ends_with_its_code_and_stands_in_every_report(with_baseline: Runs) -> None:
    with_baseline.factor = 1.1
    done = with_baseline.repeated(5, "change", "--baseline", "main")
    assert done.return_value == ExitCode.REGRESSION, done.output
    assert "baseline main  regression" in done.output
    folder = with_baseline.results / "change"
    written = json.loads((folder / "comparison.json").read_bytes())
    assert written["outcome"] == "regression"
    assert written["baseline"] == "main"
    assert written["arms"][0]["runs"] == [f"before-{number}" for number in range(1, 6)]
    summary = (folder / "summary.md").read_text()
    assert summary.startswith("# ❌ steady: regression")
    assert "## Against baseline main: regression" in summary
    cases = ET.fromstring((folder / "junit.xml").read_bytes()).findall(".//testcase")
    assert len(cases) == 6
    (failure,) = [case for case in cases if case.find("failure") is not None]
    assert failure.get("name") == "no regression against main"


def test_the_same_system_passes(with_baseline: Runs) -> None:
    done = with_baseline.repeated(5, "change", "--baseline", "main", "--tolerance", "8%")
    assert done.return_value == ExitCode.PASSED
    found = comparison_record.load(with_baseline.results / "change")
    assert found is not None
    assert (found.outcome, found.tolerance_percent) == ("no regression", 8)


def test_the_commands_on_the_page_on_comparing_do_what_is_said(simulated: Runs, tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "comparing.md").read_text()
    (block,) = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    commands = [shlex.split(line, comments=True)[1:] for line in block.splitlines()]
    assert [words[0] for words in commands] == ["run"] * 3 + ["compare"] * 3
    for words in commands:
        if "--out" in words:
            words[-2:] = [
                "--out",
                str(tmp_path / "qos"),
                "--rank",
                "uplink Heartbeat p50",
            ]  # there are no interval logs
        simulated.factor = 1.5 if "qos2" in words else 1.0
        done = simulated.invoke(*words)
        assert done.return_value == (ExitCode.REGRESSION if "--baseline" in words else ExitCode.PASSED), done.output
    assert (tmp_path / "qos" / "comparison.html").exists()


@pytest.mark.parametrize(("verdict", "code"), [("failed", 1), ("void", 4)])
def test_failed_and_void_outrank_a_regression(with_baseline: Runs, verdict: str, code: int) -> None:
    """Failed in one run, void in so many that those left are few."""
    with_baseline.factor, with_baseline.verdicts = 1.5, [*["passed"] * (5 if code == 1 else 3), verdict]
    done = with_baseline.repeated(6, "change", "--baseline", "main", "--void-retries", "0")
    assert done.return_value == code
    found = comparison_record.load(with_baseline.results / "change")
    assert found is not None
    assert found.outcome == "regression"
    assert found.arms[1].left_out == ([f"change-{number}: void" for number in (4, 5, 6)] if code == 4 else [])


def test_a_single_run_gets_no_verdict_and_its_own_reports_say_so(with_baseline: Runs) -> None:
    with_baseline.factor = 1.5
    done = with_baseline.invoke("run", "steady", "--run-id", "one", "--baseline", "main")
    assert done.return_value == ExitCode.PASSED
    assert "5 against 1 runs are too few to tell" in done.output
    folder = with_baseline.results / "one"
    assert "## Against baseline main: no verdict" in (folder / "summary.md").read_text()
    assert "Against baseline main: no verdict" in (folder / "report.html").read_text()
    cases = ET.fromstring((folder / "junit.xml").read_bytes()).findall(".//testcase")
    (case,) = [case for case in cases if case.get("name") == "no regression against main"]
    assert case.find("skipped") is not None


def test_runs_and_sets_are_baselines_by_their_path(with_baseline: Runs) -> None:
    for wanted in (str(with_baseline.results / "before"), "before", str(with_baseline.results / "before" / "before-1")):
        done = with_baseline.invoke(
            "run", "steady", "--run-id", f"x{len(with_baseline.requests)}", "--baseline", wanted
        )
        assert done.return_value == ExitCode.PASSED, done.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--baseline", "other"), "there is no baseline 'other'"),
        (("--baseline", "main", "--charge-points", "7"), "main has 2,000 charge points, this run 7"),
        (("--tolerance", "5%"), "--tolerance: is for --baseline"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_runs(
    with_baseline: Runs, words: tuple[str, ...], said: str
) -> None:
    made = len(with_baseline.requests)
    assert said in fault(with_baseline.invoke("run", "steady", *words)).message
    assert len(with_baseline.requests) == made


def test_baselines_are_listed_shown_and_replaced_when_asked(with_baseline: Runs) -> None:
    listed = with_baseline.invoke("baseline", "list").output
    assert "main" in listed
    assert "2,000" in listed
    shown = with_baseline.invoke("baseline", "show", "main").output
    assert "before-5" in shown
    assert "loadtest run steady" in shown
    assert "--replace" in fault(with_baseline.invoke("baseline", "save", "before", "main")).hint
    replaced = with_baseline.invoke("baseline", "save", "before-2", "main", "--replace")
    assert "baseline main: 1 run," in replaced.output
    kept = with_baseline.results / "baselines" / "main"
    assert sorted(path.name for path in kept.iterdir()) == ["before-2", "set.json"]
    assert [path.name for path in (kept / "before-2").iterdir()] == ["run.json"]


def test_void_runs_are_no_baseline(simulated: Runs) -> None:
    simulated.verdicts = ["void"]
    simulated.invoke("run", "steady", "--run-id", "bad")
    assert "no run of" in fault(simulated.invoke("baseline", "save", "bad", "main")).message
    assert "there are no baselines" in simulated.invoke("baseline", "list").output


def test_a_name_that_leads_out_of_the_folder_is_refused(with_baseline: Runs) -> None:
    assert "NAME" in fault(with_baseline.invoke("baseline", "save", "before", "../main")).message


@pytest.fixture
def recorded(simulated: Runs) -> Callable[..., None]:
    """Gives what makes the run ``first`` with options."""

    def record(*words: str) -> None:
        assert simulated.invoke("run", "steady", "--run-id", "first", *words).return_value == ExitCode.PASSED

    return record


def test_a_run_is_repeated_with_all_its_settings(simulated: Runs, recorded: Callable[..., None]) -> None:
    options = ("--charge-points", "77", "--duration", "90s", "--seed", "9", "--threshold", "lost < 1%", "--qos", "0")
    recorded(*options, "--threshold", "duplicated < 1%", "--ramp", "250ms")
    done = simulated.invoke("run", "--from", "first", "--run-id", "second")
    assert done.return_value == ExitCode.PASSED, done.exception
    first, second = (request.resolved().public() for request in simulated.requests)
    assert second | {"run_id": "first"} == first
    assert "is not known: the record does not say" in done.stderr


def test_what_would_make_it_another_run_is_refused(
    simulated: Runs, recorded: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded("--duration", "5s")
    monkeypatch.setenv("LOADTEST_DURATION", "7s")
    refused = fault(simulated.invoke("run", "--from", "first", "--seed", "3"))
    assert refused.faults == (
        "LOADTEST_DURATION: the run had 5s; unset it",
        "--seed: the run has one of its own; leave it out",
    )
    assert "--from says what to run" in fault(simulated.invoke("run", "steady", "--from", "first")).message


def test_a_password_is_asked_for_again(simulated: Runs, recorded: Callable[..., None]) -> None:
    recorded("--broker", "mqtt://me:s3cret@there")
    again = ("run", "--from", "first", "--run-id", "second")
    assert "--broker: give it again" in fault(simulated.invoke(*again)).message
    assert "--broker: give it again" in fault(simulated.invoke(*again, "--broker", "mqtt://me:s3cret@here")).message
    simulated.invoke(*again, "--broker", "mqtt://me:s3cret@there")
    assert simulated.requests[-1].resolved().broker == "mqtt://me:s3cret@there"
