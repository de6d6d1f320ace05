"""``loadtest emqx`` against EMQX's REST API on a real socket, and a run with the URLs it prints."""

from __future__ import annotations

import shlex
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from emqx_stub import KEY, SECRET, EmqxStub
from scenario_copies import unhurried
from servers import free_port

from loadtest.brokers.emqx import api, wanted
from loadtest.brokers.emqx.api import Api
from loadtest.brokers.emqx.provisioning import Standing, remove, set_up, standing
from loadtest.cli import emqx as commands
from loadtest.errors import EnvironmentNotReady, LoadTestError, UsageError
from loadtest.measure import run_record
from loadtest.runner.certificates import make_certificates

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration
PORT = 33033


@pytest.fixture
def stub() -> Iterator[EmqxStub]:
    with EmqxStub() as running:
        yield running


def setting_up(stub: EmqxStub, port: int = PORT) -> tuple[list[str], Standing]:
    told: list[str] = []
    return told, set_up(Api(stub.url, KEY, SECRET), port, told.append)


def refusal(url: str, key: str = KEY, secret: str = SECRET, ca_file: str = "") -> LoadTestError:
    with pytest.raises(LoadTestError) as caught:
        standing(Api(url, key, secret, ca_file))
    assert SECRET not in str(caught.value.faults) + caught.value.hint
    return caught.value


def test_a_gateway_is_created_and_left_alone_the_second_time(stub: EmqxStub) -> None:
    told, now = setting_up(stub)
    assert told == ["gateway: created", "listener: as wanted"]
    assert now.ready
    assert (now.version, now.gateway) == ("5.9.3", "running")
    assert now.gateway_url == "ws://127.0.0.1:33033/ocpp"
    assert now.broker_url == "mqtt://127.0.0.1:1883"
    assert stub.requests == ["PUT /api/v5/gateways/ocpp"]
    assert setting_up(stub)[0] == ["gateway: as wanted", "listener: as wanted"]
    assert len(stub.requests) == 1, "nothing was sent again"


def test_what_differs_is_changed_and_what_is_the_users_stays(stub: EmqxStub) -> None:
    listener: dict[str, Any] = wanted.listener(4711)
    listener["websocket"]["compress"] = True
    stub.load({**wanted.GATEWAY, "idle_timeout": "30s", "listeners": [listener, {**listener, "name": "own"}]})
    before = dict(stub.listeners["ocpp:ws:own"])
    told, now = setting_up(stub)
    assert told == [
        'gateway: changed idle_timeout: "30s" instead of "2h"',
        'listener: changed bind: "0.0.0.0:4711" instead of "0.0.0.0:33033"',
    ]
    assert now.ready
    assert stub.listeners["ocpp:ws:default"]["websocket"]["compress"] is True
    assert stub.listeners["ocpp:ws:own"] == before


def test_removing_leaves_nothing_running_and_setting_up_again_brings_it_back(stub: EmqxStub) -> None:
    told: list[str] = []
    endpoint = Api(stub.url, KEY, SECRET)
    remove(endpoint, told.append)
    setting_up(stub)
    remove(endpoint, told.append)
    assert (stub.listeners, standing(endpoint).gateway) == ({}, "stopped")
    remove(endpoint, told.append)
    assert told == [
        "gateway: there is none",
        "listener: removed ocpp:ws:default",
        "gateway: disabled",
        "listener: there is no ocpp:ws:default",
        "gateway: disabled already",
    ]
    again, now = setting_up(stub)
    assert now.ready
    assert "listener: created ocpp:ws:default" in again


def test_removing_spares_a_gateway_with_listeners_of_the_users(stub: EmqxStub) -> None:
    setting_up(stub)
    stub.add_listener({**wanted.listener(4711), "name": "own"})
    told: list[str] = []
    remove(Api(stub.url, KEY, SECRET), told.append)
    assert told[-1] == "gateway: left alone, other listeners use it: ocpp:ws:own"
    assert stub.gateway is not None
    assert stub.gateway["enable"]


def test_a_listener_that_does_not_come_to_run_is_told(stub: EmqxStub) -> None:
    stub.silent = True
    with pytest.raises(EnvironmentNotReady, match="the listener on port 33033 does not run"):
        setting_up(stub)


def test_a_configuration_refused_is_told_in_the_words_of_emqx(stub: EmqxStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wanted, "GATEWAY", {**wanted.GATEWAY, "idle_timeout": 7200})
    with pytest.raises(EnvironmentNotReady, match=r"PUT /gateways/ocpp gave 400 BAD_REQUEST idle_timeout"):
        setting_up(stub)


def test_a_wrong_key(stub: EmqxStub) -> None:
    error = refusal(stub.url, secret="wrong")
    assert "refuses the API key: BAD_API_KEY_OR_SECRET" in error.message
    assert "API Keys" in error.hint


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (404, b'{"code":"NOT_FOUND","message":"no such gateway"}', "has no OCPP gateway"),
        (404, b"<html>nginx</html>", "is not EMQX's API"),
        (200, b"<html>hello</html>", "is not EMQX's API"),
        (200, b'{"name":"something else"}', "is not EMQX's API"),
        (302, b"", "is not EMQX's API"),
        (403, b'{"code":"UNAUTHORIZED_ROLE","message":"viewer"}', "does not let this API key GET /gateways/ocpp"),
        (500, b'{"code":"INTERNAL_ERROR","message":"badmatch"}', "gave 500 INTERNAL_ERROR badmatch"),
        (503, b"", "is out of order"),
    ],
)
def test_other_answers_are_told_apart(stub: EmqxStub, status: int, body: bytes, says: str) -> None:
    stub.broken = (status, body)
    error = refusal(stub.url)
    assert says in error.message
    assert isinstance(error, EnvironmentNotReady)


@contextmanager
def speaking(said: bytes | None) -> Iterator[str]:
    """A server that says the same to everyone, or nothing; http:// URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection = server.accept()[0]
            with connection:
                if said is not None:
                    connection.recv(65536)
                    connection.sendall(said)
                connection.recv(65536)
                connection.recv(65536)  # until the client is gone

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join(10)


def test_nobody_there() -> None:
    error = refusal(f"http://127.0.0.1:{free_port()}")
    assert "cannot be reached: Connection refused" in error.message
    assert "18083" in error.hint


def test_something_that_does_not_speak_http() -> None:
    with speaking(b"\x20\x02\x00\x01\r\n") as url:
        assert "does not speak HTTP" in refusal(url).message


def test_something_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "TIMEOUT_S", 0.2)
    with speaking(None) as url:
        assert "did not answer within 0.2 s" in refusal(url).message


def test_tls_with_and_without_the_authority(tmp_path: Path) -> None:
    make_certificates(tmp_path / "pki")
    with EmqxStub(certificate=tmp_path / "pki" / "gateway.pem") as stub:
        assert standing(Api(stub.url, KEY, SECRET, str(tmp_path / "pki" / "ca.pem"))).gateway == "unloaded"
        assert "name the authority that signed it with --ca-file" in refusal(stub.url).message


def test_https_where_no_tls_is_spoken(stub: EmqxStub) -> None:
    error = refusal(stub.url.replace("http", "https"))
    assert "no TLS is spoken there" in error.message
    assert "http://" in error.hint


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("127.0.0.1:18083", "is not http://host:port"),
        ("http://", "is not http://host:port"),
        ("http://h:70000", "Port out of range"),
        ("http://h/api/v5", "is not http://host:port"),
        ("http://me:stub-secret@h", "takes no user name"),
    ],
)
def test_urls_of_no_use(url: str, says: str) -> None:
    error = refusal(url)
    assert isinstance(error, UsageError)
    assert says in error.message


def test_the_commands_take_the_key_from_the_environment_only(stub: EmqxStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(commands.KEY_VARIABLE, raising=False)
    monkeypatch.delenv(commands.SECRET_VARIABLE, raising=False)
    for name in ("setup", "status", "remove"):
        missing = CliRunner().invoke(commands.emqx, [name, "--api", stub.url]).exception
        assert isinstance(missing, UsageError)
        assert missing.faults == ("LOADTEST_EMQX_KEY is not set", "LOADTEST_EMQX_SECRET is not set")
    assert stub.requests == []


def test_status_ends_with_one_until_a_run_can_begin(stub: EmqxStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(commands.KEY_VARIABLE, KEY)
    monkeypatch.setenv(commands.SECRET_VARIABLE, SECRET)

    def invoke(name: str) -> tuple[object, str]:
        result = CliRunner().invoke(commands.emqx, [name, "--api", stub.url], standalone_mode=False)
        return result.return_value, result.output

    status, out = invoke("status")
    assert (status, "gateway: unloaded" in out) == (1, True)
    assert invoke("setup")[0] == 0
    status, out = invoke("status")
    assert status == 0
    assert "listener: ws://127.0.0.1:33033/ocpp, 0 charge points" in out
    stub.load({**wanted.GATEWAY, "idle_timeout": "30s"})
    status, out = invoke("status")
    assert (status, 'otherwise than wanted: idle_timeout: "30s" instead of "2h"' in out) == (1, True)
    stub.mqtt_port = None
    result = CliRunner().invoke(commands.emqx, ["setup", "--api", stub.url])
    assert "has no MQTT listener" in str(result.exception)


@contextmanager
def gateway_on(port: int, broker_url: str) -> Iterator[None]:
    command = [sys.executable, "-m", "loadtest", "gateway", "--bind", f"127.0.0.1:{port}", "--broker", broker_url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline().startswith("gateway ready: ")
        yield
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_the_line_it_prints_is_a_run(tmp_path: Path, mosquitto_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stub names a gateway of ours and a broker: what the line does to a real EMQX it does to them."""
    monkeypatch.setenv(commands.KEY_VARIABLE, KEY)
    monkeypatch.setenv(commands.SECRET_VARIABLE, SECRET)
    port = free_port()
    with (
        EmqxStub(mqtt_port=int(mosquitto_url.rpartition(":")[2])) as stub,
        gateway_on(port, mosquitto_url),
    ):
        made = subprocess.run(
            [sys.executable, "-m", "loadtest", "emqx", "setup", "--api", stub.url, "--listen-port", str(port)],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        program, *arguments = shlex.split(made.stdout)
        assert program == "loadtest"
        assert arguments[-1] == mosquitto_url
        arguments[arguments.index("steady")] = str(unhurried(tmp_path, "steady"))
        arguments += ["--charge-points", "30", "--ramp", "300ms", "--duration", "1s", "--no-thresholds"]
        finished = subprocess.run(
            [sys.executable, "-m", "loadtest", *arguments, "--results", str(tmp_path / "results"), "--run-id", "emqx"],
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    record = run_record.load(tmp_path / "results" / "emqx")
    assert (record.registered, record.deliveries.lost) == (30, 0)
