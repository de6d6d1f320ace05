"""A broker of the user's, behind TLS and a password: reached, tried, used by a whole run."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from scenario_copies import unhurried
from servers import free_port, wait_for_port

from loadtest.brokers import external, probe
from loadtest.brokers.kind import Demand
from loadtest.brokers.kinds import KINDS
from loadtest.errors import EnvironmentNotReady
from loadtest.measure import run_record
from loadtest.runner.certificates import make_certificates
from loadtest.transport.loop import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration

USER, PASSWORD = "central system", "p@ss:w/rd%"  # all that has to be encoded in a URL
LOGIN, ENCODED = "central%20system:p%40ss%3Aw%2Frd%25", "p%40ss"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("guarded")
    make_certificates(made / "pki")
    return made


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """``host:port`` of a Mosquitto that lets nobody in without TLS and password."""
    executable = KINDS["mosquitto"].executable()
    hasher = shutil.which("mosquitto_passwd")
    if executable is None or hasher is None:
        pytest.skip(f"Mosquitto is not installed: {KINDS['mosquitto'].install_command()}")
    passwords = folder / "passwords"
    subprocess.run([hasher, "-b", "-c", str(passwords), USER, PASSWORD], check=True, capture_output=True)
    port = free_port()
    certificate = folder / "pki" / "gateway.pem"
    lines = [
        f"listener {port} 127.0.0.1",
        "allow_anonymous false",
        f"password_file {passwords}",
        f"certfile {certificate}",
        f"keyfile {certificate}",
        "set_tcp_nodelay true",
        *(["user root"] if os.geteuid() == 0 else []),
    ]
    (folder / "guarded.conf").write_text("\n".join(lines) + "\n")
    process = subprocess.Popen([executable, "-c", str(folder / "guarded.conf")], stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def test_a_run_uses_it_and_writes_down_what_it_can_do_but_no_password(
    address: str, folder: Path, tmp_path: Path
) -> None:
    """Gateway, two subscribers that share, and the probes, all with TLS and password."""
    arguments = ["--broker", f"mqtts://{LOGIN}@{address}", "--subscribers", "2", "--qos", "2", "--no-thresholds"]
    arguments += ["--charge-points", "30", "--ramp", "300ms", "--duration", "1s"]
    arguments += ["--results", str(tmp_path / "results"), "--run-id", "guarded"]
    finished = subprocess.run(
        [sys.executable, "-m", "loadtest", "run", str(unhurried(tmp_path, "steady")), *arguments],
        env=os.environ | {"SSL_CERT_FILE": str(folder / "pki" / "ca.pem")},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    record = run_record.load(tmp_path / "results" / "guarded")
    assert (record.registered, record.deliveries.lost) == (30, 0)
    broker = record.run.sut["broker"]
    assert broker["url"] == f"mqtts://central%20system:***@{address}"
    assert broker["features"] == {
        "mqtt5": True,
        "shared_subscriptions": True,
        "persistent": None,
        "highest_qos": 2,
    }
    written = [path for path in (tmp_path / "results").rglob("*") if path.is_file()]
    assert len(written) > 3
    told = b"".join(path.read_bytes() for path in written) + (finished.stdout + finished.stderr).encode()
    assert ENCODED.encode() not in told
    assert PASSWORD.encode() not in told


@pytest.mark.parametrize(
    ("url", "trusted", "says", "hint"),
    [
        ("mqtts://central%20system:wrong@{}", True, "not authorised", "write user and password into the URL"),
        ("mqtts://{}", True, "not authorised", "write user and password into the URL"),
        (f"mqtts://{LOGIN}@{{}}", False, "not trusted", ""),
        (f"mqtt://{LOGIN}@{{}}", True, "ended the handshake", "where it speaks TLS, write mqtts://"),
    ],
    ids=["wrong password", "no password", "unknown authority", "no TLS"],
)
def test_what_keeps_us_out_is_told_without_the_password(
    url: str, trusted: bool, says: str, hint: str, address: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(folder / "pki" / "ca.pem"))
    with pytest.raises(EnvironmentNotReady) as caught:
        run(external.reach(url.format(address), why="asked for by URL", demand=Demand()))
    assert says in caught.value.message
    assert hint in caught.value.hint
    assert ENCODED not in caught.value.message + caught.value.hint


def test_a_broker_that_keeps_silent_does_not_speak_mqtt_5(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "PROBE_TIMEOUT_S", 0.2)

    async def scene() -> None:
        said_nothing: list[asyncio.StreamWriter] = []
        server = await asyncio.start_server(lambda _, writer: said_nothing.append(writer), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        assert not await probe.speaks_mqtt5(f"mqtt://127.0.0.1:{port}")
        assert not [task for task in asyncio.all_tasks() if task.get_name() == "aiomqtt-client"], "nobody tries again"
        for writer in said_nothing:
            writer.close()
        server.close()

    run(scene())


@pytest.mark.parametrize(
    ("connack", "speaks_it"),
    [
        (b"\x20\x07\x00\x9d\x04\x1c\x00\x01b", True),
        (b"\x20\x03\x00\x88\x00", True),
        (b"\x20\x03\x00\x84\x00", False),
        (b"\x20\x02\x00\x01", False),
    ],
    ids=["sends us on", "unavailable", "another version of MQTT", "another version, in 3.1.1"],
)
def test_a_broker_that_refuses_in_mqtt_5_speaks_it(connack: bytes, speaks_it: bool) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(connack)
        await reader.read()
        writer.close()

    async def scene() -> None:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            assert await probe.speaks_mqtt5(f"mqtt://127.0.0.1:{port}") is speaks_it

    run(scene())
