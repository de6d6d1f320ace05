"""A stand driven over its control channel, for tests; what it reports is kept."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

import psutil

from loadtest.brokers.mosquitto import Mosquitto
from loadtest.clock import monotonic_ns
from loadtest.control import messages
from loadtest.runner.child_process import ControlChild, start_child

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from loadtest.measure.interval import IntervalReport

BROKER = "mosquitto" if Mosquitto().executable() else "amqtt"


class Scene:
    """A stand with what it has reported, and what is below it."""

    def __init__(self) -> None:
        self.child: ControlChild
        self.facts: dict[str, Any] = {}
        self.reports: list[IntervalReport] = []
        self.events: list[messages.Event] = []
        self.learnt: dict[str, dict[str, Any]] = {}

    def on_notice(self, notice: messages.Notice) -> None:
        if isinstance(notice, messages.Report):
            self.reports.append(notice.report)
        elif isinstance(notice, messages.Event):
            self.events.append(notice)
        elif isinstance(notice, messages.Facts):
            self.learnt[notice.part] = notice.facts

    @property
    def part_pids(self) -> list[int]:
        return [*self.facts["gateway"]["pids"], self.facts["broker"]["pid"]]

    async def until(self, condition: Callable[[], object], timeout_s: float = 8.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f"not reached; events: {self.events}, reports: {self.reports[-1:]}"
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def stand(log_dir: Path, **settings: Any) -> AsyncIterator[Scene]:
    scene = Scene()
    scene.child = await start_child(
        "loadtest.runner.stand", name="stand", log_file=log_dir / "stand.log", on_notice=scene.on_notice
    )
    try:
        wanted = {"epoch_ns": monotonic_ns(), "log_dir": str(log_dir), "broker": BROKER} | settings
        scene.facts = (await scene.child.configure(wanted, 20)).facts
        yield scene
    finally:
        await scene.child.stop()


def alive(pids: list[int]) -> list[int]:
    found = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
    return found
