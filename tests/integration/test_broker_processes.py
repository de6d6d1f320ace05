"""Real brokers started, probed, killed and stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from loadtest.brokers.mosquitto import Mosquitto
from loadtest.brokers.readiness import answers_connect
from loadtest.brokers.start import start
from loadtest.errors import EnvironmentNotReady
from loadtest.transport.loop import run

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.integration

needs_mosquitto = pytest.mark.skipif(Mosquitto().executable() is None, reason="Mosquitto is not installed")
KINDS = [pytest.param("mosquitto", marks=needs_mosquitto), "amqtt"]


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def gone_within(pid: int, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


@pytest.mark.parametrize("kind", KINDS)
def test_a_death_is_noticed_and_told_how(kind: str, tmp_path: Path) -> None:
    async def scene() -> str:
        broker = await start(kind, tmp_path)
        assert broker.facts.pid is not None
        os.kill(broker.facts.pid, signal.SIGKILL)
        return await asyncio.wait_for(broker.died(), 5)

    assert run(scene()) == f"broker {kind} was killed by SIGKILL"


@pytest.mark.parametrize("kind", KINDS)
def test_no_broker_outlives_a_parent_that_was_killed(kind: str, tmp_path: Path) -> None:
    script = (
        "import asyncio, pathlib, sys\n"
        "from loadtest.brokers.start import start\n"
        "from loadtest.transport.loop import run\n"
        "async def main():\n"
        "    broker = await start(sys.argv[1], pathlib.Path(sys.argv[2]))\n"
        "    print(broker.facts.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "run(main())\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, kind, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
    assert gone_within(pid, 5)


def test_a_wanted_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EnvironmentNotReady, match=f"port {port} on 127.0.0.1 is already in use"):
            run(start("amqtt", tmp_path, port=port))


@needs_mosquitto
def test_a_broker_that_ends_at_its_start_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentNotReady, match="mosquitto exited with status") as caught:
        run(start("mosquitto", tmp_path, settings={"no_such_directive": "true"}))
    assert "no_such_directive" in caught.value.message
    assert str(tmp_path / "mosquitto.log") in caught.value.hint


def test_an_external_broker_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closing:
        port = closing.getsockname()[1]
    with pytest.raises(EnvironmentNotReady, match=f"127.0.0.1:{port} cannot be reached: Connection refused"):
        run(answers_connect(f"mqtt://127.0.0.1:{port}"))


def test_an_external_broker_that_says_nothing() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(EnvironmentNotReady, match="did not answer within"),
    ):
        run(answers_connect(f"mqtt://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.3))


def test_an_external_broker_is_left_running(mosquitto_url: str, tmp_path: Path) -> None:
    async def scene() -> None:
        broker = await start(mosquitto_url, tmp_path)
        assert not broker.facts.embedded
        assert broker.facts.pid is None
        await broker.stop()
        await answers_connect(mosquitto_url)

    run(scene())
