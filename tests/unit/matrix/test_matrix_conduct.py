"""Running and resuming a matrix, with a runner that only writes what runs would leave behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from matrix_scene import (
    PLAN,
    FakeRunner,
    Scene,
    breaks,
    broker_died,
    cannot_start,
    cut_short,
    failed,
    interrupted_at_the_last_moment,
    interrupted_before_anything,
    leave_behind,
    void,
)

from loadtest.compare.open_arms import matrix_arm
from loadtest.errors import ExitCode, ResultError, UsageError
from loadtest.matrix import folder as folders
from loadtest.matrix.conduct import conduct
from loadtest.matrix.outcome import exit_code
from loadtest.matrix.remaining import BESIDE_S, remaining_s
from loadtest.measure import matrix_record, run_set

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loadtest.measure.run_outcome import Result
    from loadtest.runner.request import RunRequest
    from loadtest.runner.run import RunOutcome


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_every_run_is_carried_out_in_order_and_paired_by_seed(scene: Scene) -> None:
    runner = FakeRunner()
    matrix = scene.run(runner)
    assert [(request.settings["qos"], request.settings["seed"]) for request in runner.requests] == [
        (run.arm.removeprefix("qos"), str(run.seed)) for run in matrix.runs
    ]
    assert runner.told == [("begins", "running"), ("ended", "done")] * 12
    assert (matrix.state, exit_code(matrix)) == ("complete", ExitCode.PASSED)
    for arm in matrix.arms:
        assert run_set.load(scene.folder / arm.name).runs == [f"{arm.name}-{number}" for number in (1, 2, 3, 4)]
        assert [run.seed for run in matrix.runs_of(arm.name)] == [1, 2, 3, 4]
    assert (scene.folder / "plan.toml").read_text() == PLAN


def test_what_does_not_count_has_its_reason_and_the_others_go_on(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "void_retries = 0\n" + PLAN)
    matrix = scene.run(FakeRunner({2: void, 3: failed, 6: breaks}))
    assert [run.state for run in matrix.runs[:6]] == ["done", "void", "done", "done", "done", "failed"]
    assert [matrix.runs[number].reason for number in (1, 2, 5)] == [
        "It was void.",
        "It was failed.",
        "Locust ended before its time",
    ]
    assert scene.states() == {"done": 10, "void": 1, "failed": 1}
    assert exit_code(matrix) == ExitCode.FAILED
    assert len(run_set.load(scene.folder / matrix.runs[1].arm).runs) == 4  # a void one is told of; it never counts
    assert len(run_set.load(scene.folder / matrix.runs[5].arm).runs) == 3  # this one has left no record


def test_a_void_run_is_made_once_more_where_it_stands(scene: Scene) -> None:
    runner = FakeRunner({2: void, 5: failed})
    matrix = scene.run(runner)
    asked = [(request.settings["qos"], request.settings["seed"]) for request in runner.requests]
    assert asked[1] == asked[2]
    assert len(asked) == 13  # what has failed is not run again: that would be to choose by the outcome
    assert runner.told[2:6] == [("begins", "running"), ("ended", "void"), ("begins", "running"), ("ended", "done")]
    again = matrix.runs[1]
    first_try = f"{again.arm}-{again.repeat}"
    assert [(attempt.folder, attempt.reason) for attempt in again.void] == [(first_try, "It was void.")]
    assert (again.state, again.folder) == ("done", f"{first_try}.2")
    assert first_try not in run_set.load(scene.folder / again.arm).runs
    assert scene.states() == {"done": 12}
    arm = next(arm for arm in matrix.arms if arm.name == again.arm)
    compared = matrix_arm(matrix, arm, scene.folder)
    assert len(compared.runs) == 4
    assert compared.left_out == [f"repeat {again.repeat}: void, and made once more: It was void."]


def test_a_run_that_stays_void_is_made_so_often_and_no_oftener(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "void_retries = 2\n" + PLAN)
    runner = FakeRunner(dict.fromkeys((1, 2, 3), void))
    first = scene.run(runner).runs[0]
    assert (first.state, len(first.void), len(runner.requests)) == ("void", 2, 14)
    assert scene.states() == {"void": 1, "done": 11}
    assert exit_code(scene.matrix) == ExitCode.PASSED  # three of its arm's count; the comparison says so


def test_attempts_are_counted_over_an_interrupt(scene: Scene) -> None:
    first = scene.run(FakeRunner({1: void, 2: cut_short})).runs[0]
    assert (first.state, len(first.void), first.cut_short) == ("waiting", 1, [f"{first.arm}-1.2"])
    scene.resume()
    runner = FakeRunner({1: void})
    first = scene.run(runner).runs[0]
    assert (first.state, len(first.void), len(runner.requests)) == ("void", 1, 12)


def test_an_arm_that_cannot_be_set_up_twice_is_given_up(tmp_path: Path) -> None:
    scene = Scene(tmp_path, PLAN.replace("repeats = 4", "repeats = 5"))
    arm = scene.matrix.runs[0].arm
    numbers = [number for number, run in enumerate(scene.matrix.runs, 1) if run.arm == arm]
    runner = FakeRunner(dict.fromkeys(numbers[:2], cannot_start))
    matrix = scene.run(runner)
    assert [run.state for run in matrix.runs_of(arm)] == ["failed", "failed", "skipped", "skipped", "skipped"]
    assert {run.reason for run in matrix.runs_of(arm)} == {"no rabbitmq-server here"}
    assert {each.name: each.given_up for each in matrix.arms if each.given_up} == {arm: "no rabbitmq-server here"}
    assert scene.states()["done"] == 10
    assert exit_code(matrix) == ExitCode.VOID
    assert all(run.folder == "" for run in matrix.runs_of(arm))


def test_an_arm_whose_broker_dies_has_shown_nothing_of_its_speed(scene: Scene) -> None:
    arm = scene.matrix.runs[0].arm
    numbers = [number for number, run in enumerate(scene.matrix.runs, 1) if run.arm == arm]
    matrix = scene.run(FakeRunner(dict.fromkeys(numbers[1:], broker_died)))
    assert [(run.state, run.result) for run in matrix.runs_of(arm)] == [
        ("done", "passed"),
        ("failed", "failed"),
        ("failed", "failed"),
        ("skipped", ""),
    ]
    assert run_set.load(scene.folder / arm).runs == [f"{arm}-{number}" for number in (1, 2, 3)]
    assert exit_code(matrix) == ExitCode.FAILED


def test_an_arm_that_was_set_up_in_between_is_not_given_up(scene: Scene) -> None:
    arm = scene.matrix.runs[0].arm
    first, _, third, _ = (number for number, run in enumerate(scene.matrix.runs, 1) if run.arm == arm)
    matrix = scene.run(FakeRunner({first: cannot_start, third: cannot_start}))
    assert [run.state for run in matrix.runs_of(arm)] == ["failed", "done", "failed", "done"]
    assert exit_code(matrix) == ExitCode.PASSED


def test_what_was_cut_short_is_run_once_more(scene: Scene) -> None:
    matrix = scene.run(FakeRunner({3: cut_short}))
    assert (matrix.state, exit_code(matrix)) == ("interrupted", ExitCode.INTERRUPTED)
    assert scene.states() == {"done": 2, "waiting": 10}
    assert folders.unfinished("a", scene.results) == scene.folder
    order = [(run.arm, run.repeat) for run in matrix.runs]
    scene.resume()
    runner = FakeRunner()
    scene.run(runner)
    assert len(runner.requests) == 10
    third = scene.matrix.runs[2]
    first_try = f"{third.arm}-{third.repeat}"
    assert (third.cut_short, third.folder, third.state) == ([first_try], f"{first_try}.2", "done")
    assert first_try not in run_set.load(scene.folder / third.arm).runs
    assert [(run.arm, run.repeat) for run in scene.matrix.runs] == order
    assert exit_code(scene.matrix) == ExitCode.PASSED


@pytest.mark.parametrize(
    ("how", "states"),
    [
        (interrupted_at_the_last_moment, {"done": 1, "waiting": 11}),
        (interrupted_before_anything, {"waiting": 12}),
    ],
)
def test_an_interrupt_ends_the_matrix_whenever_it_comes(
    scene: Scene, how: Callable[[Path], RunOutcome], states: dict[str, int]
) -> None:
    matrix = scene.run(FakeRunner({1: how}))
    assert matrix.state == "interrupted"
    assert scene.states() == states
    assert not any(run.cut_short for run in matrix.runs)


def test_an_interrupt_between_two_runs_begins_no_other(tmp_path: Path) -> None:
    scene = Scene(tmp_path, PLAN.replace("repeats", 'pause = "1h"\nrepeats'))
    runner = FakeRunner()
    interrupts: list[int] = []

    def once(request: RunRequest) -> RunOutcome:
        interrupts.append(2)
        return runner(request)

    conduct(scene.matrix, scene.plan, scene.folder, once, runner, interrupts)
    assert (len(runner.requests), scene.matrix.state) == (1, "interrupted")


@pytest.mark.parametrize(
    ("left", "states"), [("passed", "done"), ("interrupted", "waiting"), ("void", "waiting"), (None, "waiting")]
)
def test_after_a_kill_the_run_that_was_on_is_judged_by_what_it_left(
    scene: Scene, left: Result | None, states: str
) -> None:
    run = scene.matrix.runs[0]
    run.state, run.folder = "running", f"{run.arm}-1"
    if left is not None:
        leave_behind(
            scene.folder / run.arm / run.folder, left, state="partial" if left == "interrupted" else "complete"
        )
    matrix_record.write(scene.matrix, scene.folder)
    scene.resume()
    assert scene.matrix.runs[0].state == states
    runner = FakeRunner()
    scene.run(runner)
    assert len(runner.requests) == 12 - (states == "done")
    assert scene.states() == {"done": 12}


def test_a_full_disk_is_no_fault_of_an_arm(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as full:
        full.setattr("loadtest.matrix.conduct._ROOM_BYTES", 2**63)
        with pytest.raises(ResultError, match="Locust ended before its time; no room is left for results"):
            scene.run(FakeRunner({2: breaks}))
    scene.resume()
    scene.run()
    assert scene.states() == {"done": 12}


def test_a_plan_that_has_changed_is_refused_with_what_has(scene: Scene) -> None:
    scene.run(FakeRunner({2: cut_short}))
    scene.file.write_text(
        PLAN.replace("repeats = 4", 'repeats = 5\npause = "3s"').replace("10s", "20s").replace("0, 1, 2", "0, 1")
    )
    with pytest.raises(UsageError) as caught:
        scene.resume()
    assert list(caught.value.faults) == [
        "--resume: seeds: was [1, 2, 3, 4], is [1, 2, 3, 4, 5]",
        "--resume: pause_s: was 0.0, is 3.0",
        "--resume: arm 'qos2': is not there any more",
        "--resume: arm 'qos0': duration_s: was 10.0, is 20.0",
        "--resume: arm 'qos1': duration_s: was 10.0, is 20.0",
    ]


def test_a_scenario_or_loadtest_that_has_changed_is_refused(scene: Scene) -> None:
    scene.run(FakeRunner({2: cut_short}))
    scene.matrix.made_by, scene.matrix.plan.scenario_sha256 = "0.0.1", "0" * 64
    assert folders.changed(scene.matrix, scene.plan)[0] == "scenario: the file of steady has changed since"
    assert folders.changed(scene.matrix, scene.plan)[1].startswith("loadtest: was 0.0.1, is ")


def test_a_plan_written_otherwise_but_meaning_the_same_is_resumed(scene: Scene) -> None:
    scene.run(FakeRunner({2: cut_short}))
    scene.file.write_text(
        "# a comment\nseeds = [1, 2, 3, 4]\n" + PLAN.replace("repeats = 4", "").replace("10s", "10000ms")
    )
    scene.resume()


def test_what_has_come_to_its_end_is_not_resumed(scene: Scene) -> None:
    scene.run()
    with pytest.raises(UsageError, match="come to its end"):
        scene.resume()
    with pytest.raises(UsageError, match=r"no matrix of the plan 'a' in .* was interrupted"):
        folders.unfinished("a", scene.results)


def test_only_one_may_run_a_matrix(scene: Scene) -> None:
    held_twice = (folders.held(scene.folder), folders.held(scene.folder))
    with pytest.raises(UsageError, match="is being run at this moment"), held_twice[0], held_twice[1]:
        pass
    with folders.held(scene.folder):
        pass


def test_the_time_left_is_learnt_from_the_runs_seen(tmp_path: Path) -> None:
    scene = Scene(tmp_path, PLAN.replace("repeats", 'pause = "1s"\nrepeats'))
    matrix = scene.matrix
    assert remaining_s(matrix) == pytest.approx(12 * (12 + BESIDE_S) + 11)
    first, second = matrix.runs[:2]
    first.state, first.elapsed_s = "done", 16.0  # 4 s beside its phases
    second.state, second.elapsed_s = "done", 32.0  # 20 s
    of_first, of_second = (
        sum(run.state == "waiting" and run.arm == each.arm for run in matrix.runs) for each in (first, second)
    )
    of_others = 10 - of_first - of_second
    expected_s = 16 * of_first + 32 * of_second + 24 * of_others
    assert remaining_s(matrix) == pytest.approx(expected_s + 9)
    running = next(run for run in matrix.runs if run.state == "waiting" and run.arm == first.arm)
    running.state = "running"
    assert remaining_s(matrix, 6) == pytest.approx(expected_s + 9 - 6)
    assert remaining_s(matrix, 1000) == pytest.approx(expected_s + 9 - 16)
    next(arm for arm in matrix.arms if arm.name == second.arm).given_up = "no broker"
    assert remaining_s(matrix) == pytest.approx(16 * of_first + 24 * of_others + of_first + of_others - 1)
