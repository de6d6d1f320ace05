"""Every command in the README and the documents is run, with a small load and on free ports.

One that says no more than another one does is left to that.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from emqx_stub import KEY, SECRET, EmqxStub
from sample_run import SampleRun
from scenario_copies import unhurried
from servers import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

OF_SETS = ("--repeat", "--baseline", "--from", "loadtest baseline")
"""What marks commands about sets of runs, which need one another's results: see test_documented_baselines.py."""

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "results" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SMALL = {"--charge-points": "40", "--duration": "1s", "--ramp": "0.3s"}
LOOKING = ("loadtest doctor", "loadtest list", "loadtest show", "loadtest completion")
SERVING = ("web", "gateway", "csms", "broker")


def documented() -> list[str]:
    """The command lines of all shell blocks, comments and the path of the virtual environment taken off."""
    found: dict[str, None] = {}
    for document in DOCUMENTS:
        for block in re.findall(r"^```sh\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL):
            for line in block.splitlines():
                command = re.sub(r"\s+#.*$", "", line).removeprefix(".venv/bin/").strip()
                if command:
                    found[command] = None
    return list(found)


COMMANDS = documented()


URL = re.compile(r"(?<=://)[^/\s]+")
SCENARIO_FILE = re.compile(r"scenarios/(\w+)\.py")


def without_lesser(commands: list[str]) -> list[str]:
    """Those that are not contained in another one, whatever its size, its hosts and how it names a scenario."""

    def words(command: str) -> set[str]:
        arguments = shlex.split(SCENARIO_FILE.sub(r"\1", URL.sub("host", command)))
        return {
            word for place, word in enumerate(arguments) if SMALL.keys().isdisjoint(arguments[place - 1 : place + 1])
        }

    kept: list[str] = []
    for command in sorted(commands, key=lambda command: -len(words(command))):
        if not any(words(command) <= words(other) for other in kept):
            kept.append(command)
    return kept


def argv(command: str) -> list[str]:
    program, *arguments = shlex.split(command)
    assert program in ("loadtest", "locust"), command
    return [sys.executable, "-m", program, *arguments]


def is_scenario(before: str, word: str) -> bool:
    """Whether a word of a command line is a scenario's name, or its file's."""
    return before == "run" or (before == "-f" and word.endswith(".py"))


def scaled_down(arguments: list[str], results: Path) -> list[str]:
    """The same command for a small fleet and on a busy machine, with its results elsewhere."""
    small = [
        str(unhurried(results.parent, Path(word).stem)) if place and is_scenario(arguments[place - 1], word) else word
        for place, word in enumerate(arguments)
    ]
    for option, value in SMALL.items():
        if option in small:
            small[small.index(option) + 1] = value
        else:
            small += [option, value]
    if not {"--threshold", "--no-thresholds"} & set(small):  # in one second there may be nothing to judge
        small.append("--no-thresholds")
    if "--processes" in small and "locust" in small:  # Locust's own port is fixed: another master may sit on it
        port = str(free_port())
        small += ["--master-bind-port", port, "--master-port", port]
    if "--csv" in small:
        small[small.index("--csv") + 1] = str(results.parent / "table")
    return [*small, "--results", str(results)]


@contextmanager
def serving(*arguments: str) -> Iterator[str]:
    """A ``loadtest`` command that serves until told to stop; the URL it names when it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "loadtest", *arguments], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    try:
        ready = process.stdout.readline()
        assert " ready: " in ready, ready
        yield ready.split(" ready: ")[1].split()[0]
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 0


def test_the_documents_name_commands() -> None:
    programs = {command.split()[0] for command in COMMANDS}
    assert programs == {"make", "loadtest", "locust"}


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("make ")])
def test_make_knows_its_targets(command: str) -> None:
    """``make test`` runs this test and ``make demo`` is part of CI, so here they are only resolved."""
    subprocess.run([*shlex.split(command), "--dry-run"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    "command",
    without_lesser(
        [
            each
            for each in COMMANDS
            if each.startswith(("loadtest run", "locust "))
            and "://" not in each
            and not any(mark in each for mark in OF_SETS)
        ]
    ),
)
def test_runs_with_everything_embedded(command: str, tmp_path: Path) -> None:
    arguments = scaled_down(argv(command), tmp_path / "results")
    finished = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=90, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert len(list(tmp_path.glob("results/*/report.html"))) == 1


@pytest.mark.parametrize(
    "command", without_lesser([each for each in COMMANDS if each.startswith("loadtest run") and "://" in each])
)
def test_runs_against_urls(command: str, tmp_path: Path) -> None:
    """The URLs are those of parts served alone."""
    arguments = scaled_down(argv(command), tmp_path / "results")
    with serving("broker", "--port", str(free_port())) as broker:
        bind = f"127.0.0.1:{free_port()}"
        with serving("gateway", "--bind", bind, "--broker", broker) as gateway, serving("csms", "--broker", broker):
            arguments[arguments.index("--broker") + 1] = broker
            arguments[arguments.index("--gateway") + 1] = gateway
            if "--csms" not in arguments:
                arguments += ["--csms", "observe"]  # a central system answers already
            finished = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=90, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr


@pytest.mark.parametrize(
    "command", [command for command in COMMANDS if command.startswith(tuple(f"loadtest {name}" for name in SERVING))]
)
def test_servers_serve(command: str, tmp_path: Path) -> None:
    _, _, _, name, *rest = argv(command)
    port = free_port()
    ports = {"--port": str(port), "--bind": f"127.0.0.1:{port}", "--metrics-port": str(free_port())}
    arguments = [ports.get(rest[place - 1], word) if place else word for place, word in enumerate(rest)]
    if name == "web":
        arguments += ["--web-port", str(port), "--results", str(tmp_path)]
    if "--broker" not in arguments:
        with serving(name, *arguments):
            return
    with serving("broker", "--port", str(free_port())) as broker:
        arguments[arguments.index("--broker") + 1] = broker
        with serving(name, *arguments):
            return


def test_a_report_is_made_again(tmp_path: Path) -> None:
    SampleRun().finished(tmp_path / "example")
    subprocess.run(
        argv(f"loadtest report {tmp_path / 'example'}"), cwd=ROOT, capture_output=True, timeout=60, check=True
    )
    assert (tmp_path / "example" / "report.html").exists()


@pytest.mark.parametrize(
    "command", without_lesser([each for each in COMMANDS if each.startswith("loadtest conformance")])
)
def test_conformance_passes(command: str, tmp_path: Path) -> None:
    arguments = argv(command)
    if "--json" in arguments:
        arguments[arguments.index("--json") + 1] = str(tmp_path / "conformance.json")
    with ExitStack() as running:
        if "--gateway" in arguments:
            broker = running.enter_context(serving("broker", "--port", str(free_port())))
            bind = f"127.0.0.1:{free_port()}"
            gateway = running.enter_context(serving("gateway", "--bind", bind, "--broker", broker))
            arguments[arguments.index("--broker") + 1] = broker
            arguments[arguments.index("--gateway") + 1] = gateway
        finished = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=90, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.startswith(LOOKING)])
def test_looking_at_runs_and_the_machine(command: str, tmp_path: Path) -> None:
    """The machine may have problems or none."""
    SampleRun().finished(tmp_path / "results" / "example")
    looked = subprocess.run(argv(command), cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert looked.returncode == 0 or (looked.returncode, command) == (2, "loadtest doctor")
    assert looked.stdout
    assert "Traceback" not in looked.stderr


def test_an_emqx_is_set_up_looked_at_and_left() -> None:
    """In the order of the documents, each with its effect on the next."""
    key = {"LOADTEST_EMQX_KEY": KEY, "LOADTEST_EMQX_SECRET": SECRET}
    with EmqxStub() as stub:
        for command in [each for each in COMMANDS if each.startswith("loadtest emqx")]:
            arguments = argv(command)
            arguments[arguments.index("--api") + 1] = stub.url
            subprocess.run(arguments, env=os.environ | key, capture_output=True, timeout=60, check=True)
    assert stub.gateway is not None


@pytest.mark.parametrize("plan", sorted({each.split()[2] for each in COMMANDS if each.startswith("loadtest matrix")}))
def test_plans_of_matrices_can_be_run(plan: str, tmp_path: Path) -> None:
    """What is documented of resuming needs one that was interrupted: see test_matrix_runs.py."""
    if plan.startswith("results/"):
        return
    command = [*argv(f"loadtest matrix {plan}"), "--dry-run"]
    looked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert looked.returncode == 0, looked.stderr
    assert re.search(r"\d runs of \w+ to come", looked.stdout)


def test_no_command_is_left_out() -> None:
    """A new kind of command in a document needs a test here."""
    known = (
        "make ",
        "loadtest run",
        "loadtest conformance",
        "loadtest matrix",
        "loadtest capacity",  # test_capacity_runs.py
        "locust ",
        *(f"loadtest {name}" for name in SERVING),
    )
    known += (*LOOKING, *OF_SETS, "loadtest calibrate", "loadtest emqx", "loadtest compare")
    assert [command for command in COMMANDS if not command.startswith(known)] == []
