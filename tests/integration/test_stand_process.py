"""The stand over its control channel: brings the system under test up, watches it, takes it down."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest
from stand_scene import BROKER, Scene, alive, stand

from loadtest.clock import monotonic_ns
from loadtest.control import messages
from loadtest.errors import UsageError
from loadtest.runner.gateway_probe import answers_handshake
from loadtest.transport.loop import run
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.integration


def test_everything_embedded_comes_up_reports_and_goes_down(tmp_path: Path) -> None:
    async def life() -> Scene:
        async with stand(tmp_path, gateway_processes=2, subscribers=2) as scene:
            url = scene.facts["gateway"]["url"]
            await asyncio.gather(*(answers_handshake(url) for _ in range(20)))
            assert len(alive(scene.part_pids)) == 3
            await scene.until(lambda: len(scene.reports) > 2)  # Mosquitto tells its counts once a second
            scene.child.send(messages.EnterPhase("drain", monotonic_ns()))
            scene.child.send(messages.Drain(monotonic_ns() + 5 * NS_PER_S))
            await scene.until(lambda: scene.reports[-1].final)
        return scene

    scene = run(life())
    final = scene.reports[-1]
    assert final.counters["gateway.accepted"] == 20, "both processes' counts, added up"
    assert final.counters["cpu_ns.gateway"] > 0
    assert final.gauges["rss_bytes.gateway"] > final.gauges["rss_bytes.broker"] > 0
    assert [report.index for report in scene.reports[:-1]] == sorted({report.index for report in scene.reports[:-1]})
    assert scene.facts["broker"]["kind"] == BROKER
    assert scene.facts["broker"]["features"]["shared_subscriptions"] is (BROKER == "mosquitto")
    assert scene.facts["gateway"]["processes"] == 2
    assert scene.learnt.keys() == ({"broker"} if BROKER == "mosquitto" else set()), "what Mosquitto has counted itself"
    assert scene.events == []
    assert alive(scene.part_pids) == []
    assert (tmp_path / f"{BROKER}.log").exists()
    assert (tmp_path / "gateway-1.log").exists()


def test_a_gateway_process_that_dies_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    async def life() -> Scene:
        async with stand(tmp_path, gateway_processes=2) as scene:
            os.kill(scene.facts["gateway"]["pids"][1], signal.SIGKILL)
            await scene.until(lambda: scene.events)
            await answers_handshake(scene.facts["gateway"]["url"])
            scene.child.send(messages.Drain(monotonic_ns() + 5 * NS_PER_S))
            await scene.until(lambda: scene.reports and scene.reports[-1].final)
        return scene

    scene = run(life())
    assert scene.events == [messages.Event("part_died", "gateway process 1 was killed by SIGKILL")]
    assert alive(scene.part_pids) == []


def test_a_broker_that_dies_is_named(tmp_path: Path) -> None:
    async def life() -> Scene:
        async with stand(tmp_path) as scene:
            os.kill(scene.facts["broker"]["pid"], signal.SIGKILL)
            await scene.until(lambda: any(event.kind == "part_died" for event in scene.events))
        return scene

    scene = run(life())
    died = [event.text for event in scene.events if event.kind == "part_died"]
    assert died == [f"broker {BROKER} was killed by SIGKILL"]


@pytest.mark.parametrize("how", ["parent gone", "SIGTERM", "SIGKILL"])
def test_nothing_is_left_however_it_ends(how: str, tmp_path: Path) -> None:
    async def life() -> list[int]:
        async with stand(tmp_path) as scene:
            assert len(alive(scene.part_pids)) == 2
            if how == "parent gone":
                assert scene.child._transport is not None
                scene.child._transport.close()
            else:
                os.kill(scene.child.pid, getattr(signal, how))
            await asyncio.wait_for(scene.child.ended(), 8)
            await scene.until(lambda: not alive(scene.part_pids))
            return scene.part_pids

    assert alive(run(life())) == []


def test_every_fault_is_found_before_anything_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closing:
        port = closing.getsockname()[1]

    async def life() -> None:
        async with stand(tmp_path, gateway=f"ws://127.0.0.1:{port}/ocpp", broker=f"mqtt://127.0.0.1:{port}"):
            pass

    with pytest.raises(UsageError) as caught:
        run(life())
    assert len(caught.value.faults) == 2
    assert "gateway" in caught.value.faults[0]
    assert "broker" in caught.value.faults[1]


def test_too_few_descriptors_are_refused_and_leave_no_broker(tmp_path: Path) -> None:
    async def life() -> None:
        async with stand(tmp_path, charge_points=100_000_000):
            pass

    with pytest.raises(UsageError, match="do not fit") as caught:
        run(life())
    assert "--gateway-processes" in caught.value.hint
    assert alive([process.pid for process in psutil.Process().children(recursive=True)]) == []


def test_external_parts_are_probed_and_left_alone(mosquitto_url: str, tmp_path: Path) -> None:
    async def life() -> None:
        (tmp_path / "ours").mkdir()
        (tmp_path / "theirs").mkdir()
        async with stand(tmp_path / "theirs", broker=mosquitto_url) as theirs:
            url = theirs.facts["gateway"]["url"]
            async with stand(tmp_path / "ours", gateway=url, broker=mosquitto_url) as ours:
                assert ours.facts["gateway"] == {"url": url, "embedded": False, "processes": 0, "pids": []}
                assert ours.facts["broker"]["embedded"] is False
            await answers_handshake(url)

    run(life())


def test_it_is_not_for_people() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "loadtest.runner.stand"], capture_output=True, text=True, timeout=20, check=False
    )
    assert ended.returncode != 0
    assert ended.stderr.startswith("error: this process is started by the harness itself")
    assert "Traceback" not in ended.stderr
