"""The last figures of a run's gateway: without them nothing is called final."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from loadtest.clock import monotonic_ns
from loadtest.control import messages
from loadtest.runner.process_usage import Usage
from loadtest.runner.stand_settings import StandSettings
from loadtest.runner.system_under_test import SystemUnderTest
from loadtest.units import NS_PER_S


def test_a_stand_whose_gateway_does_not_answer_has_no_final_report() -> None:
    async def scene() -> None:
        told: list[messages.Notice] = []
        system = SystemUnderTest(StandSettings(epoch_ns=monotonic_ns(), log_dir="."), told.append)
        drained = asyncio.Event()
        gateway: Any = SimpleNamespace(send=lambda _: None, drained=drained, usage=Usage, counters=dict, gauges=dict)
        system._gateway = gateway
        await system.drain(monotonic_ns())
        assert told == []
        drained.set()
        await system.drain(monotonic_ns() + 30 * NS_PER_S)
        (report,) = told
        assert isinstance(report, messages.Report)
        assert report.report.final
        system._health.close()

    asyncio.run(scene())
