"""Each kind of broker that is installed: it does what its features say, and nothing of it stays."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from loadtest.brokers import probe, sys_topics
from loadtest.brokers.kind import Demand
from loadtest.brokers.kinds import KINDS
from loadtest.brokers.start import start
from loadtest.errors import EnvironmentNotReady, UsageError
from loadtest.runner.process_usage import ProcessTreeUsage
from loadtest.transport import mqtt_client
from loadtest.transport.loop import run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from loadtest.brokers.broker import Broker
    from loadtest.brokers.kind import BrokerKind

pytestmark = pytest.mark.integration

EACH_KIND = [
    pytest.param(
        kind, id=kind.name, marks=pytest.mark.skipif(kind.executable() is None, reason=f"{kind.title} is not installed")
    )
    for kind in KINDS.values()
]
PATIENCE_S = 60


@asynccontextmanager
async def started(kind: BrokerKind, folder: Path) -> AsyncIterator[Broker]:
    broker = await start(kind.name, folder, demand=Demand(qos=2, charge_points=10))
    try:
        yield broker
    finally:
        await broker.stop()
        await broker.stop()  # a second time does nothing


def family_of(pid: int) -> set[int]:
    """A broker's processes, those as well that have left parent and session."""
    marks = {word for word in _environment(pid) if word.startswith(b"LOADTEST_BROKER=")}
    assert len(marks) == 1
    return {process.pid for process in psutil.process_iter() if marks & _environment(process.pid)}


def _environment(pid: int) -> set[bytes]:
    try:
        return set(Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))
    except OSError:
        return set()


def gone(pid: int) -> bool:
    """Whether it ends within a moment; one of Erlang's that nobody waits for any more is the system's to bury."""
    deadline = time.monotonic() + PATIENCE_S
    with contextlib.suppress(psutil.NoSuchProcess):
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
    return True


async def passes(broker: Broker, qos: int) -> int:
    """How many of 50 messages arrive, of which each is awaited with that quality of service."""
    arrived: set[bytes] = set()
    complete = asyncio.Event()

    def on_message(_topic: bytes, payload: bytes) -> None:
        arrived.add(payload)
        if len(arrived) == 50:
            complete.set()

    topic = f"ocpp/cp/round{qos}/trip".encode()
    url = broker.facts.url
    subscriber = await mqtt_client.connect(url, client_id=f"kinds-subscriber-{qos}", on_message=on_message)
    publisher = await mqtt_client.connect(url, client_id=f"kinds-publisher-{qos}", on_message=lambda *_: None)
    assert await subscriber.subscribed([(f"ocpp/cp/round{qos}/#".encode(), qos)]) == [qos]
    for number in range(50):
        publisher.publish(topic, str(number).encode(), qos)
    await asyncio.wait_for(complete.wait(), PATIENCE_S)
    await publisher.close()
    await subscriber.close()
    return len(arrived)


@pytest.mark.parametrize("kind", EACH_KIND)
def test_a_kind_does_what_its_features_say_and_leaves_nothing_behind(kind: BrokerKind, tmp_path: Path) -> None:
    async def scene() -> tuple[Broker, set[int]]:
        async with started(kind, tmp_path) as broker:
            facts = broker.facts
            assert facts.embedded
            assert facts.version[0].isdigit()
            assert facts.features == kind.features()
            for qos in range(facts.features.highest_qos + 1):
                assert await passes(broker, qos) == 50
            assert (facts.qos == 2) == (facts.features.highest_qos == 2)
            assert any("has no QoS 2" in sentence for sentence in facts.adaptations) == (facts.qos < 2)
            tried = await probe.features(facts.url)
            assert dataclasses.replace(tried, persistent=facts.features.persistent) == facts.features
            assert facts.pid is not None
            usage = ProcessTreeUsage(facts.pid)
            async with asyncio.timeout(PATIENCE_S):
                while usage.read().cpu_ns == 0:  # the kernel counts in steps of 10 ms
                    await passes(broker, 1)
            assert usage.read().rss_bytes > 1_000_000
            return broker, family_of(facts.pid)

    broker, family = run(scene())
    facts = broker.facts
    assert facts.pid in family
    assert [pid for pid in family if not gone(pid)] == []
    port = int(facts.url.rpartition(":")[2])
    with socket.socket() as server:  # as servers do: lingering connections of the broker's clients are no listener
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
    assert all(Path(file).is_file() for file in (*facts.config_files, facts.log_file))
    assert set(tmp_path.iterdir()) == {Path(file) for file in (*facts.config_files, facts.log_file)}


@pytest.mark.parametrize("kind", EACH_KIND)
def test_a_setting_it_does_not_know_is_named_before_anything_runs(kind: BrokerKind, tmp_path: Path) -> None:
    with pytest.raises((EnvironmentNotReady, UsageError)) as caught:
        run(start(kind.name, tmp_path, settings={"no_such_setting": "true"}))
    assert "no_such_setting" in caught.value.message


@pytest.mark.skipif(KINDS["ejabberd"].executable() is None, reason="ejabberd is not installed")
def test_no_process_of_erlang_outlives_a_parent_that_was_killed(tmp_path: Path) -> None:
    script = (
        "import asyncio, pathlib, sys\n"
        "from loadtest.brokers.start import start\n"
        "async def main():\n"
        "    broker = await start('ejabberd', pathlib.Path(sys.argv[1]))\n"
        "    print(broker.facts.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        family = family_of(pid)
        parent.kill()
    assert len(family) > 1  # the machine has helpers, each in a session of its own
    assert pid in family
    assert [pid for pid in family if not gone(pid)] == []


def test_mosquitto_tells_what_it_has_counted(mosquitto_url: str) -> None:
    async def scene() -> tuple[dict[str, int], dict[str, int]]:
        before = await sys_topics.figures_now(mosquitto_url)
        listening = sys_topics.SysTopics(mosquitto_url, before)
        client = await mqtt_client.connect(mosquitto_url, client_id="counted", on_message=lambda *_: None)
        await listening.open()
        for _ in range(100):
            client.publish(b"a", b"b", 1)
        async with asyncio.timeout(PATIENCE_S):
            while listening.latest.get("packets_received", 0) < 100:  # noqa: ASYNC110 - Mosquitto says it when it likes
                await asyncio.sleep(0.05)
        await client.close()
        return before, await listening.close()

    before, grown = run(scene())
    assert before["packets_received"] < 10
    assert 100 <= grown["packets_received"] < 120
    assert grown["messages_dropped"] == 0
    assert grown["bytes_received"] > 100
    assert grown["clients_most"] >= 2


def test_amqtt_has_no_figures_to_tell(tmp_path: Path) -> None:
    async def scene() -> dict[str, int]:
        async with started(KINDS["amqtt"], tmp_path) as broker:
            return await sys_topics.figures_now(broker.facts.url)

    assert run(scene()) == {}
