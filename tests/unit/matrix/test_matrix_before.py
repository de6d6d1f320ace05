"""What a plan has done before each run: programs that really run, before runs that do not."""

from __future__ import annotations

import asyncio
import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from matrix_scene import FakeRunner, Scene

from loadtest.brokers.ports import free_port
from loadtest.errors import UsageError
from loadtest.matrix.conduct import conduct
from loadtest.matrix.plan_file import read_plan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ARMS = """
scenario = "steady"
repeats = 2
{}
[[arm]]
name = "with"
{}
[[arm]]
name = "without"
before = []
"""
CONNACK = b"\x20\x02\x00\x00"


def scene(tmp_path: Path, common: str, own: str = "") -> Scene:
    return Scene(tmp_path, ARMS.format(common, own))


def test_the_program_runs_before_each_run_of_its_arm_and_its_output_is_kept(tmp_path: Path) -> None:
    made = scene(tmp_path, """before = ["sh", "-c", 'echo "$LOADTEST_ARM $LOADTEST_REPEAT"; test ! -e with/$1']""")
    runner = FakeRunner()
    made.run(runner)
    assert made.states() == {"done": 4}
    logs = sorted(made.folder.glob("*/*.before.log"))
    assert [log.name for log in logs] == ["with-1.before.log", "with-2.before.log"]
    assert [log.read_text() for log in logs] == ["with 1\n", "with 2\n"]
    with_it, without = made.matrix.arms
    assert with_it.before[:2] == ["sh", "-c"]
    assert (without.before, without.settings) == ([], {"before": "nothing"})


def test_when_it_fails_the_arm_is_given_up_with_its_last_words(tmp_path: Path) -> None:
    made = Scene(
        tmp_path,
        ARMS.format("", """before = ["sh", "-c", "echo no such unit >&2; exit 5"]""").replace(
            "repeats = 2", "repeats = 3"
        ),
    )
    runner = FakeRunner()
    matrix = made.run(runner)
    assert [run.state for run in matrix.runs_of("with")] == ["failed", "failed", "skipped"]
    assert len(runner.requests) == 3
    (given_up,) = (arm.given_up for arm in matrix.arms if arm.given_up)
    assert re.fullmatch(
        r"before: sh -c .* exited with status 5: no such unit \(its output: .*with-\d.before.log\)", given_up
    )


def test_a_password_it_is_given_is_in_no_record(tmp_path: Path) -> None:
    made = scene(tmp_path, "", 'before = ["sh", "-c", "exit 5", "mqtt://user:secret@host"]')
    made.run()
    assert made.matrix.arms[0].given_up == "before: sh -c 'exit 5' 'mqtt://user:***@host' exited with status 5"
    assert "secret" not in (made.folder / "matrix.json").read_text()


def test_it_has_only_so_long(tmp_path: Path) -> None:
    made = scene(tmp_path, 'before_timeout = "50ms"', 'before = ["sleep", "60"]')
    made.run()
    assert made.matrix.arms[0].given_up == "before: sleep 60 did not end within 0.05 s"


def test_an_end_asked_for_meanwhile_leaves_the_run_waiting(tmp_path: Path) -> None:
    made = scene(tmp_path, "", 'before = ["sleep", "60"]')
    interrupts: list[int] = []

    class Impatient(FakeRunner):
        def begins(self, run: object) -> None:
            if run.arm == "with":  # type: ignore[attr-defined]
                interrupts.append(2)

    runner = Impatient()
    conduct(made.matrix, made.plan, made.folder, runner, runner, interrupts)
    assert made.matrix.state == "interrupted"
    first = next(run for run in made.matrix.runs if run.arm == "with")
    assert (first.state, first.folder, first.started_at) == ("waiting", "", None)


@contextmanager
def late_broker(port: int, after_s: float) -> Iterator[None]:
    """Answers a CONNECT, but begins to listen a while after it was asked to."""

    async def serve() -> None:
        await asyncio.sleep(after_s)

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(CONNACK)
            await reader.read()
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", port):
            await asyncio.to_thread(over.wait)

    over = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_broker_that_comes_up_late_is_waited_for(tmp_path: Path) -> None:
    port = free_port()
    made = scene(tmp_path, f'before = ["true"]\n[settings]\nbroker = "mqtt://127.0.0.1:{port}"')
    with late_broker(port, after_s=0.2):
        made.run()
    assert made.states() == {"done": 4}


def test_one_that_does_not_come_up_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.matrix.before._status", lambda *_: 0)  # it ends at once, and no time is left
    settings = f'[settings]\nbroker = "mqtt://127.0.0.1:{free_port()}"'
    made = scene(tmp_path, f'before_timeout = "0s"\nbefore = ["true"]\n{settings}')
    made.run()
    assert "before: it has ended, but MQTT broker mqtt://127.0.0.1:" in made.matrix.arms[0].given_up


@pytest.mark.parametrize(
    ("common", "own", "fault"),
    [
        ('before = "systemctl restart x"', "", "before: takes a program and its arguments, such as"),
        ('before = ["no-such-program", "x"]', "", "before: there is no program 'no-such-program'"),
        ("", "before = [1]", "arm 'with', before: takes a program and its arguments"),
        ("before_timeout = true", "", "before_timeout: True is no time"),
        ("void_retries = 11", "", "void_retries: 11 is no whole number from 0 to 10"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(tmp_path: Path, common: str, own: str, fault: str) -> None:
    file = tmp_path / "a.toml"
    file.write_text(ARMS.format(common, own))
    with pytest.raises(UsageError) as caught:
        read_plan(file)
    (found,) = caught.value.faults
    assert found.startswith(f"{file}: {fault}")


def test_another_program_is_another_plan(tmp_path: Path) -> None:
    made = scene(tmp_path, "", 'before = ["true"]')
    made.matrix.state = "interrupted"
    made.file.write_text(ARMS.format("void_retries = 3", 'before = ["true", "1"]'))
    with pytest.raises(UsageError) as caught:
        made.resume(read_plan(made.file))
    assert list(caught.value.faults) == [
        "--resume: void_retries: was 1, is 3",
        "--resume: arm 'with': before: was true, is true 1",
    ]
