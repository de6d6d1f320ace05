"""Faults carried out by the stand: parts stand still, die and come back as they were, and their counts go on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
import psutil
import pytest
from stand_scene import BROKER, Scene, alive, stand

from loadtest.brokers.readiness import answers_connect
from loadtest.clock import monotonic_ns
from loadtest.control import messages
from loadtest.errors import EnvironmentNotReady
from loadtest.runner.gateway_probe import answers_handshake
from loadtest.scenario.faults import Fault, Kill, Pause, Restart
from loadtest.transport.loop import run
from loadtest.units import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration


class Broken:
    """A fault under way at a stand."""

    def __init__(self, scene: Scene, fault: Fault) -> None:
        self.scene = scene
        self.states: list[messages.FaultState] = []
        told = scene.child._on_notice

        def on_notice(notice: messages.Notice) -> None:
            if isinstance(notice, messages.FaultState):
                self.states.append(notice)
            told(notice)

        scene.child._on_notice = on_notice
        self.at_ns = monotonic_ns() + 50 * NS_PER_MS
        scene.child.send(messages.BeginFault(fault.name, msgspec.to_builtins(fault), self.at_ns))

    async def begun(self) -> None:
        await self.scene.until(lambda: self.states)
        (state,) = self.states
        assert state.begun
        assert 0 <= state.at_ns - self.at_ns < NS_PER_S

    async def end(self, name: str) -> None:
        self.scene.child.send(messages.EndFault(name, monotonic_ns()))
        await self.scene.until(lambda: len(self.states) == 2)
        assert not self.states[1].begun


def fault(kind: type[Fault], part: str, **fields: Any) -> Fault:
    return kind(name="f", part=part, at_s=1, duration_s=1, **fields)  # type: ignore[call-arg]  # what kind it is


@pytest.mark.parametrize("kind", [Kill, Restart])
def test_a_broker_comes_back_where_it_was(kind: type[Fault], tmp_path: Path) -> None:
    async def life() -> Scene:
        async with stand(tmp_path) as scene:
            url = scene.facts["broker"]["url"]
            broken = Broken(scene, fault(kind, "broker"))
            await broken.begun()
            await scene.until(lambda: not alive([scene.facts["broker"]["pid"]]))
            await asyncio.sleep(0.1)
            with pytest.raises(EnvironmentNotReady):
                await answers_connect(url)
            await broken.end("f")
            await answers_connect(url)
            await scene.until(lambda: any(event.kind == "broker_restored" for event in scene.events))
        return scene

    scene = run(life())
    assert [event for event in scene.events if event.kind == "part_died"] == []


@pytest.mark.parametrize("kind", [Kill, Restart])
def test_a_gateway_comes_back_and_its_counts_go_on(kind: type[Fault], tmp_path: Path) -> None:
    async def life() -> Scene:
        async with stand(tmp_path) as scene:
            url = scene.facts["gateway"]["url"]
            await asyncio.gather(*(answers_handshake(url) for _ in range(5)))
            await scene.until(lambda: scene.reports and scene.reports[-1].counters.get("gateway.accepted") == 5)
            broken = Broken(scene, fault(kind, "gateway"))
            await broken.begun()
            await scene.until(lambda: not alive(scene.facts["gateway"]["pids"]))
            await broken.end("f")
            await asyncio.gather(*(answers_handshake(url) for _ in range(7)))
            scene.child.send(messages.Drain(monotonic_ns() + 5 * NS_PER_S))
            await scene.until(lambda: scene.reports[-1].final)
        return scene

    scene = run(life())
    assert scene.reports[-1].counters["gateway.accepted"] == 12
    assert [event for event in scene.events if event.kind == "part_died"] == []
    counts = [report.counters["gateway.accepted"] for report in scene.reports if "gateway.accepted" in report.counters]
    assert counts == sorted(counts), "totals never fall"


def test_a_rolling_restart_leaves_one_to_answer_all_the_time(tmp_path: Path) -> None:
    async def life() -> Scene:
        async with stand(tmp_path, gateway_processes=2) as scene:
            url = scene.facts["gateway"]["url"]
            broken = Broken(scene, fault(Restart, "gateway", rolling=True))
            await broken.begun()
            refused = 0
            while alive(scene.facts["gateway"]["pids"]):
                try:
                    await answers_handshake(url)
                except EnvironmentNotReady:  # the kernel had given it to the one that was closing
                    refused += 1
                await asyncio.sleep(0.05)
            assert refused <= 2
            await broken.end("f")
            await answers_handshake(url)
        return scene

    assert [event for event in run(life()).events if event.kind == "part_died"] == []


def test_a_process_that_stands_still_goes_on(tmp_path: Path) -> None:
    async def life() -> None:
        async with stand(tmp_path, gateway_processes=2) as scene:
            first, second = map(psutil.Process, scene.facts["gateway"]["pids"])
            broken = Broken(scene, fault(Pause, "gateway", process=1))
            await broken.begun()
            await scene.until(lambda: second.status() == psutil.STATUS_STOPPED)
            assert first.status() != psutil.STATUS_STOPPED
            await broken.end("f")
            await scene.until(lambda: second.status() != psutil.STATUS_STOPPED)

    run(life())


def test_the_end_of_the_stand_ends_what_stands_still(tmp_path: Path) -> None:
    async def life() -> Scene:
        async with stand(tmp_path) as scene:
            await Broken(scene, fault(Pause, "broker")).begun()
            await scene.until(lambda: psutil.Process(scene.facts["broker"]["pid"]).status() == psutil.STATUS_STOPPED)
        return scene

    assert alive(run(life()).part_pids) == []


def test_a_stand_killed_while_its_gateway_stands_still_leaves_none(tmp_path: Path) -> None:
    async def life() -> None:
        async with stand(tmp_path) as scene:
            await Broken(scene, fault(Pause, "gateway")).begun()
            gateway = psutil.Process(scene.facts["gateway"]["pids"][0])
            await scene.until(lambda: gateway.status() == psutil.STATUS_STOPPED)
            psutil.Process(scene.child.pid).kill()
            await scene.until(lambda: not alive(scene.part_pids))

    run(life())


def test_a_broker_that_does_not_come_back_is_named(tmp_path: Path) -> None:
    async def life() -> Scene:
        async with stand(tmp_path) as scene:
            broken = Broken(scene, fault(Kill, "broker"))
            await broken.begun()
            config = tmp_path / "mosquitto.conf"
            config.unlink(missing_ok=True)
            config.mkdir()  # nobody can write or read it any more
            scene.child.send(messages.EndFault("f", monotonic_ns()))
            await scene.until(lambda: any(event.kind == "part_died" for event in scene.events), 20)
        return scene

    if BROKER != "mosquitto":
        pytest.skip("needs Mosquitto")
    (died,) = [event.text for event in run(life()).events if event.kind == "part_died"]
    assert died.startswith("fault f: ")
