"""Conducting a search, with a runner that only writes what runs would leave behind."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadtest.capacity.axis import AXES
from loadtest.capacity.begin import Wanted, begin
from loadtest.capacity.conduct import conduct
from loadtest.capacity.limit import DESCRIPTORS
from loadtest.errors import EnvironmentNotReady, ExitCode, HarnessError, LoadTestError, ResultError, UsageError
from loadtest.measure import capacity_record, run_record
from loadtest.measure.run_description import RunDescription
from loadtest.measure.run_outcome import Reason, ThresholdOutcome, Verdict
from loadtest.measure.run_record import RunRecord
from loadtest.measure.source_health import SourceHealth
from loadtest.runner import scenarios
from loadtest.runner.request import RunRequest
from loadtest.runner.run import RunOutcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.measure.capacity_record import CapacityRecord, CapacityResult, CapacityStep
    from loadtest.measure.run_outcome import Result

    What = Callable[[Path], RunOutcome]


def leave_behind(
    run_dir: Path,
    result: Result,
    *reasons: Reason,
    health: tuple[SourceHealth, ...] = (),
    interrupted: bool = False,
    broker: str = "mosquitto",
) -> RunOutcome:
    run_dir.mkdir(parents=True)
    missed = [
        ThresholdOutcome(each.text, "9 s", passed=False, bound=5.0) for each in reasons if each.code == "threshold"
    ]
    run_record.write(
        RunRecord(
            run=RunDescription(
                run_id=run_dir.name,
                scenario="steady",
                started_at=dt.datetime(2026, 1, 31, tzinfo=dt.UTC),
                host={"cpus": 8},
                sut={"gateway": {"processes": 2}, "broker": {"kind": broker}},
                thresholds=("p99 uplink steady < 50ms",),
            ),
            state="complete",
            verdict=Verdict(result, list(reasons), 0),
            thresholds=missed,
            health=list(health),
        ),
        run_dir,
    )
    return RunOutcome(run_dir=run_dir, exit_code=0, interrupted=interrupted)


def passed(run_dir: Path) -> RunOutcome:
    return leave_behind(run_dir, "passed")


def too_slow(run_dir: Path) -> RunOutcome:
    busy = (
        SourceHealth(source="gateway", role="stand", cpu_percent=195.0),
        SourceHealth(source="broker", role="stand", cpu_percent=40.0),
    )
    return leave_behind(run_dir, "failed", Reason("threshold", "p99 uplink steady < 50ms"), health=busy)


def engine_busy(run_dir: Path) -> RunOutcome:
    busy = (
        SourceHealth(source="worker-0/engine-0", role="engine", cpu_percent=99.0),
        SourceHealth(source="worker-0/subscriber-0", role="subscriber", cpu_percent=50.0),
        SourceHealth(source="broker", role="stand", cpu_percent=600.0),
    )
    return leave_behind(run_dir, "void", Reason("generator_cpu", "No CPU to spare."), health=busy)


def unbalanced(run_dir: Path) -> RunOutcome:
    return leave_behind(run_dir, "void", Reason("ledger_unbalanced", "The ledgers do not balance."))


def cut_short(run_dir: Path) -> RunOutcome:
    return leave_behind(run_dir, "interrupted", interrupted=True)


def no_descriptors(run_dir: Path) -> RunOutcome:
    raise UsageError("one process may have 4,096 file descriptors: an engine has 3,996 for its charge points")


def no_broker(run_dir: Path) -> RunOutcome:
    raise EnvironmentNotReady("no rabbitmq-server here")


class Scene:
    """A search among runs that pass up to a level, and are otherwise as ``above`` has it."""

    def __init__(self, folder: Path, capacity: int, above: What = too_slow, axis: str = "charge-points") -> None:
        self.capacity, self.above = capacity, above
        self.folder = folder
        self.exceptions: dict[int, What] = {}
        self.requests: list[RunRequest] = []
        self.told: list[tuple[str, str]] = []
        self.interrupts: list[int] = []
        request = RunRequest(scenario=scenarios.find("steady"), settings={"charge_points": "1000", "ramp": "10s"})
        wanted = Wanted(axis=axis, lowest=100, highest=1600, precision=0.2, most_runs=20)
        self.record, self.request = begin(wanted, request, "c", ["loadtest", "capacity", "steady"])

    def search(self) -> CapacityRecord:
        self.folder.mkdir(exist_ok=True)
        axis = AXES[self.record.plan.axis]
        conduct(self.record, axis, self.request, self.folder, self._run, self, self.interrupts)
        assert capacity_record.load(self.folder) == self.record
        return self.record

    def result(self) -> CapacityResult:
        result = self.search().result
        assert result is not None
        return result

    def _run(self, request: RunRequest) -> RunOutcome:
        self.requests.append(request)
        run_dir = Path(request.settings["results"]) / request.settings["run_id"]
        level = self.record.steps[-1].level
        what = self.exceptions.get(len(self.requests), passed if level <= self.capacity else self.above)
        return what(run_dir)

    def begins(self, step: CapacityStep) -> None:
        self.told.append(("begins", step.state))

    def ended(self, step: CapacityStep) -> None:
        self.told.append(("ended", step.state))


def test_every_step_is_a_whole_run_with_a_folder_and_a_seed(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 500)
    record = scene.search()
    assert [(step.level, step.attempt, step.state) for step in record.steps] == [
        *((level, 1, "passed") for level in (100, 200, 400)),
        *((level, 1, "failed") for level in (800, 600)),
        (500, 1, "passed"),
        (600, 2, "failed"),
        (500, 2, "passed"),
    ]
    assert [step.seed for step in record.steps] == [1, 1, 1, 1, 1, 1, 2, 2]
    assert [step.folder for step in record.steps][-2:] == ["600-2", "500-2"]
    assert all((tmp_path / step.folder / "run.json").exists() for step in record.steps)
    assert scene.told[:2] == [("begins", "running"), ("ended", "passed")]
    assert record.state == "complete"
    assert record.plan.thresholds == ("p99 uplink steady < 50ms",)


def test_the_result_is_an_interval_with_what_ran_out(tmp_path: Path) -> None:
    result = Scene(tmp_path, 500).result()
    assert (result.answer, result.passed, result.failed, result.exit_code) == ("interval", 500, 600, ExitCode.PASSED)
    assert result.limit == "gateway CPU (195 % of 2 processes), threshold p99 uplink steady < 50ms"
    assert result.text == (
        f"Capacity: 500 charge points meet the objective, 600 charge points do not: {result.limit}. "
        "2 of 2 runs at 500 passed; 0 of 2 runs at 600 passed (the majority counts)."
    )


@pytest.mark.parametrize(
    ("broker", "limit"),
    [("mosquitto", "broker CPU (98 % of a core), messages lost"), ("rabbitmq", "messages lost")],
)
def test_a_broker_of_many_threads_may_use_more_than_a_core(tmp_path: Path, broker: str, limit: str) -> None:
    def loses(run_dir: Path) -> RunOutcome:
        busy = (SourceHealth(source="broker", role="stand", cpu_percent=98.0),)
        return leave_behind(run_dir, "failed", Reason("lost", "5 were lost."), health=busy, broker=broker)

    assert Scene(tmp_path, 500, loses).result().limit == limit


def test_when_the_generator_is_the_limit_it_says_so_and_what_of_it(tmp_path: Path) -> None:
    result = Scene(tmp_path, 500, engine_busy).result()
    assert (result.answer, result.exit_code) == ("generator", ExitCode.VOID)
    assert result.limit == "engine CPU (99 % of a core), all 8 cores of the machine, which generator and system share"
    assert "at least 500 charge points. At 600 charge points the generator was the limit, not the system" in result.text


def test_engines_without_sockets_left_are_a_limit_of_the_generator(tmp_path: Path) -> None:
    def no_ports(run_dir: Path) -> RunOutcome:
        return leave_behind(run_dir, "void", Reason("generator_sockets", "An engine had no source ports left."))

    result = Scene(tmp_path, 500, no_ports).result()
    assert (result.answer, result.passed, result.exit_code) == ("generator", 500, ExitCode.VOID)
    assert result.limit == "sockets of the engines (descriptors, source ports or memory)"


def test_too_few_file_descriptors_are_a_limit_of_the_generator(tmp_path: Path) -> None:
    record = Scene(tmp_path, 500, no_descriptors).search()
    assert record.result is not None
    assert (record.result.answer, record.result.limit) == ("generator", DESCRIPTORS)
    refused = [step for step in record.steps if step.state == "limited"]
    assert {step.folder for step in refused} == {""}
    assert "4,096 file descriptors" in refused[0].reason


def test_a_search_keeps_room_for_its_last_word_on_a_disk_that_fills_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = capacity_record.write

    def full_after_three_runs(record: CapacityRecord, folder: Path) -> None:
        if len(record.steps) > 3 and (folder / ".reserve").exists():
            raise ResultError("cannot write capacity.json: No space left on device")
        write(record, folder)

    def no_room(run_dir: Path) -> RunOutcome:
        raise ResultError(f"cannot write to {run_dir}: No space left on device")

    monkeypatch.setattr(capacity_record, "write", full_after_three_runs)
    record = Scene(tmp_path, 500, no_room).search()
    assert record.result is not None
    assert (record.result.passed, record.result.exit_code) == (400, ExitCode.VOID)
    assert record.result.text.startswith("Capacity: at least 400 charge points. ")
    assert "No space left on device" in record.result.text
    assert capacity_record.load(tmp_path) == record
    assert not (tmp_path / ".reserve").exists()


def test_bounds_that_are_met_or_missed_at_once(tmp_path: Path) -> None:
    every = Scene(tmp_path / "every", 10_000).result()
    assert (every.answer, every.passed, every.failed, every.exit_code) == ("all_passed", 1600, None, ExitCode.PASSED)
    none = Scene(tmp_path / "none", 0).result()
    assert (none.answer, none.passed, none.failed, none.exit_code) == ("none_passed", None, 100, ExitCode.FAILED)
    at_once = Scene(tmp_path / "at_once", 0, engine_busy).result()
    assert (at_once.answer, at_once.exit_code) == ("generator_at_first", ExitCode.VOID)


def test_a_level_that_cannot_be_measured_ends_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 200, unbalanced)
    result = scene.result()
    assert (result.answer, result.passed, result.failed, result.exit_code) == ("void", 200, None, ExitCode.VOID)
    assert "400 charge points could not be measured: The ledgers do not balance. 1 of" in result.text
    assert len(scene.requests) == 4


def no_data(run_dir: Path) -> RunOutcome:
    return leave_behind(run_dir, "failed", Reason("threshold_no_data", "Threshold without data: p99 uplink X < 1s."))


def nobody_answered(run_dir: Path) -> RunOutcome:
    return leave_behind(run_dir, "failed", Reason("unanswered", "All."), Reason("threshold_no_data", "Without data."))


def test_a_threshold_without_data_says_nothing_unless_something_else_failed(tmp_path: Path) -> None:
    nothing = Scene(tmp_path / "nothing", 0, no_data).result()
    assert (nothing.answer, nothing.exit_code) == ("void", ExitCode.VOID)
    assert "100 charge points could not be measured: Threshold without data: p99 uplink X < 1s." in nothing.text
    failed = Scene(tmp_path / "failed", 500, nobody_answered).result()
    assert (failed.answer, failed.limit) == ("interval", "messages not answered in time, threshold without data")


def test_a_run_that_could_not_be_made_is_tried_again(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 500)
    scene.exceptions[3] = no_broker
    record = scene.search()
    assert [(step.level, step.state) for step in record.steps[:4]] == [
        (100, "passed"),
        (200, "passed"),
        (400, "void"),
        (400, "passed"),
    ]
    assert record.result is not None
    assert record.result.answer == "interval"


@pytest.mark.parametrize("error", [EnvironmentNotReady("no broker"), HarnessError("Locust ended")])
def test_a_search_whose_first_run_cannot_be_made_is_refused(tmp_path: Path, error: LoadTestError) -> None:
    def fails(_run_dir: Path) -> RunOutcome:
        raise error

    scene = Scene(tmp_path, 500, fails)
    scene.exceptions[1] = fails
    with pytest.raises(type(error)):
        scene.search()


def test_interrupted_it_keeps_what_is_known(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 500)
    scene.exceptions[5] = cut_short
    record = scene.search()
    assert (record.state, record.steps[-1].state) == ("interrupted", "cut_short")
    result = record.result
    assert result is not None
    assert (result.answer, result.passed, result.failed) == ("interrupted", 400, 800)
    assert result.exit_code == ExitCode.INTERRUPTED
    assert result.text.startswith("Interrupted: 400 charge points met the objective, 800 charge points did not (")


def test_an_interrupt_between_two_runs_begins_no_other(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 500)

    def and_then_ctrl_c(run_dir: Path) -> RunOutcome:
        scene.interrupts.append(2)
        return passed(run_dir)

    scene.exceptions[2] = and_then_ctrl_c
    record = scene.search()
    assert (record.state, len(record.steps)) == ("interrupted", 2)


def test_a_run_killed_without_a_record_is_void(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 500)
    scene.exceptions[2] = lambda run_dir: RunOutcome(run_dir=run_dir, exit_code=4, interrupted=False)
    record = scene.search()
    assert record.steps[1].state == "void"
    assert record.steps[1].folder == ""


@pytest.mark.parametrize(
    ("axis", "settings"),
    [
        ("charge-points", {"charge_points": "100", "ramp": "1s"}),
        ("rate", {"heartbeat_interval": "10s"}),
        ("connect-rate", {"ramp": "10s"}),
    ],
)
def test_what_makes_a_run_one_at_a_level(tmp_path: Path, axis: str, settings: dict[str, str]) -> None:
    scene = object.__new__(Scene)
    request = RunRequest(scenario=scenarios.find("steady"), settings={"charge_points": "1000"})
    scene.record, scene.request = begin(Wanted(axis=axis), request, "c", [])
    assert AXES[axis].settings(100, scene.request.resolved()) == settings
    assert scene.request.settings["warmup"] == ("0s" if axis == "connect-rate" else "5s")


def test_what_cannot_be_searched_is_told_at_once() -> None:
    request = RunRequest(
        scenario=scenarios.find("steady"),
        settings={"ramp": "1s", "no_thresholds": "1", "duration": "soon"},
    )
    wanted = Wanted(axis="connect-rate", lowest=0, highest=-1, repeats=0, most_runs=1)
    with pytest.raises(UsageError) as caught:
        begin(wanted, request, "c", [])
    named = [fault.partition(":")[0] for fault in caught.value.faults]
    assert named == ["--ramp", "--from", "--to", "--repeats", "--steps-most", "--no-thresholds", "--duration"]
    plain = dataclasses.replace(request, settings={})
    with pytest.raises(UsageError, match="more charge points than there can be"):
        begin(Wanted(axis="charge-points", highest=10**9), plain, "c", [])
    with pytest.raises(UsageError, match="--engines: 8 engines for 5"):
        begin(Wanted(axis="charge-points", lowest=5), dataclasses.replace(plain, settings={"engines": "8"}), "c", [])
