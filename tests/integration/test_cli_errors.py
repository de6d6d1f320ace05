"""Bad input to the real command: one clear message with the remedy, exit 2, no traceback, nothing left behind."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.brokers.installed import find

pytestmark = pytest.mark.integration


def loadtest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "loadtest", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def refused(folder: Path, *arguments: str) -> str:
    """What the command said; it must have refused properly."""
    ended = loadtest(folder, *arguments)
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.startswith("error: "), ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""
    results = folder / "results"
    assert not results.exists() or list(results.iterdir()) == []
    return ended.stderr


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as closing:
        return int(closing.getsockname()[1])


def test_an_unknown_scenario_lists_the_known_ones(tmp_path: Path) -> None:
    said = refused(tmp_path, "run", "stedy")
    assert "'stedy'" in said
    assert re.search(r"hint: known scenarios: .*steady", said)


def test_all_bad_values_are_named_together(tmp_path: Path) -> None:
    said = refused(tmp_path, "run", "steady", "--charge-points", "many", "--duration", "soon", "--qos", "3")
    assert len(re.findall(r"^error: ", said, re.MULTILINE)) == 3
    for flag in ("--charge-points", "--duration", "--qos"):
        assert flag in said


def test_no_such_broker(tmp_path: Path) -> None:
    assert "--broker: 'rabbit'" in refused(tmp_path, "run", "steady", "--broker", "rabbit")


@pytest.mark.skipif(find("mosquitto") is None, reason="Mosquitto is not installed")
def test_the_log_of_a_broker_that_does_not_start_is_there(tmp_path: Path) -> None:
    words = ("run", "steady", "--broker", "mosquitto", "--broker-setting", "foo=1", "--run-id", "bad", "--quiet")
    ended = loadtest(tmp_path, *words)
    assert ended.returncode == 2, ended.stderr
    assert 'Unknown configuration variable "foo"' in ended.stderr
    (log,) = re.findall(r"^hint: its log: (.+)$", ended.stderr, re.MULTILINE)
    assert "foo" in Path(log).read_text()
    assert [path.name for path in (tmp_path / "results" / "bad").iterdir()] == ["logs"]


def test_a_broker_that_is_not_there(tmp_path: Path, closed_port: int) -> None:
    url = f"mqtt://127.0.0.1:{closed_port}"
    said = refused(tmp_path, "run", "steady", "--broker", url, "--quiet")
    assert f"{url} cannot be reached: Connection refused" in said
    assert "hint: " in said


def test_a_gateway_that_is_not_there(tmp_path: Path, closed_port: int, mosquitto_url: str) -> None:
    url = f"ws://127.0.0.1:{closed_port}/ocpp"
    said = refused(tmp_path, "run", "steady", "--gateway", url, "--broker", mosquitto_url, "--quiet")
    assert f"gateway {url} cannot be reached: Connection refused" in said


def test_a_gateway_that_is_something_else(tmp_path: Path, mosquitto_url: str) -> None:
    url = mosquitto_url.replace("mqtt", "ws") + "/ocpp"
    said = refused(tmp_path, "run", "steady", "--gateway", url, "--broker", mosquitto_url, "--quiet")
    assert f"gateway {url} ended the connection without an answer" in said


def test_an_external_gateway_without_its_broker(tmp_path: Path) -> None:
    said = refused(tmp_path, "run", "steady", "--gateway", "ws://127.0.0.1:9/ocpp", "--quiet")
    assert "--broker mqtt://" in said


def test_more_charge_points_than_descriptors(tmp_path: Path) -> None:
    said = refused(tmp_path, "run", "steady", "--charge-points", "10000000", "--quiet")
    assert "file descriptors" in said or "open files" in said or "at most" in said


def test_an_option_nobody_knows(tmp_path: Path) -> None:
    assert "--chargepoints" in refused(tmp_path, "run", "steady", "--chargepoints", "5", "--quiet")


def test_a_scenario_with_a_fault_in_it(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(
        "from loadtest.scenario.profile import ChargePointProfile\n\nprofile = ChargePointProfile(conectors=3)\n"
    )
    said = refused(tmp_path, "run", "broken.py", "--quiet")
    assert "broken.py, line 3: TypeError: Unexpected keyword argument 'conectors'" in said


def test_a_run_id_taken(tmp_path: Path) -> None:
    (tmp_path / "results" / "first").mkdir(parents=True)
    (tmp_path / "results" / "first" / "run.json").write_text("{}")
    ended = loadtest(tmp_path, "run", "steady", "--run-id", "first")
    assert ended.returncode == 2
    assert "'first'" in ended.stderr


def test_a_folder_of_something_else_is_not_taken_for_a_run(tmp_path: Path) -> None:
    notes = tmp_path / "results" / "mine" / "notes.txt"
    notes.parent.mkdir(parents=True)
    notes.write_text("precious")
    ended = loadtest(tmp_path, "run", "steady", "--run-id", "mine", "--gateway", "ws://127.0.0.1:9/ocpp")
    assert ended.returncode == 2
    assert notes.read_text() == "precious"


def test_the_web_port_is_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = refused(tmp_path, "web", "steady", "--web-port", port)
    assert f"port {port} on 127.0.0.1 is already in use" in said
    assert "--web-port" in said


def test_the_gateways_port_is_in_use(tmp_path: Path, mosquitto_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        said = refused(tmp_path, "gateway", "--bind", bind, "--broker", mosquitto_url)
    assert "already in use" in said
    assert "--bind" in said


def test_the_brokers_port_is_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = refused(tmp_path, "broker", "--kind", "amqtt", "--port", str(taken.getsockname()[1]))
    assert "already in use" in said


@pytest.mark.parametrize("command", ["gateway", "csms"])
def test_a_part_whose_broker_is_not_there(command: str, tmp_path: Path, closed_port: int) -> None:
    said = refused(tmp_path, command, "--broker", f"mqtt://127.0.0.1:{closed_port}")
    assert "cannot be reached" in said


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("gateway", "--bind", "33033"), "--bind"),
        (("gateway", "--qos", "7"), "--qos"),
        (("gateway", "--broker", "http://x"), "--broker: broker URL 'http://x'"),
        (("csms", "--reply-topic", "answers"), "--reply-topic: 'answers' must have"),
        (("broker", "--kind", "rabbit"), "rabbit"),
        (("report", "no-such-run"), "no-such-run"),
        (("nonsense",), "nonsense"),
        (("run", "--loglevel", "DEBUG", "steady"), "--loglevel"),
    ],
)
def test_other_nonsense(arguments: tuple[str, ...], named: str, tmp_path: Path) -> None:
    assert named in refused(tmp_path, *arguments)


def test_a_path_of_the_gateway_that_cannot_be(tmp_path: Path, mosquitto_url: str) -> None:
    said = refused(tmp_path, "gateway", "--bind", "127.0.0.1:1025", "--path", "ocpp", "--broker", mosquitto_url)
    assert "path" in said


def test_a_password_file_with_a_bad_line(tmp_path: Path) -> None:
    (tmp_path / "passwords").write_text("cp-1:one\n\n# more\nnonsense\n")
    assert "line 4" in refused(tmp_path, "gateway", "--password-file", "passwords")
