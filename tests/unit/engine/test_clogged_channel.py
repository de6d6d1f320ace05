"""A parent that does not read: reports are put off, nothing of them is lost, and the record is told."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from test_engine_settings import GOOD

from loadtest.clock import monotonic_ns
from loadtest.control import messages
from loadtest.engine.process import EngineProcess
from loadtest.measure.histogram import Histogram
from loadtest.measure.tags import CONNECT, SERVICE, Tag

if TYPE_CHECKING:
    from loadtest.measure.interval import IntervalReport


class SlowParent:
    """A channel whose other end reads only when told to."""

    backlog_bytes = 0

    def __init__(self) -> None:
        self.clogged = False
        self.reports: list[IntervalReport] = []

    def send(self, notice: messages.Notice) -> None:
        if isinstance(notice, messages.Report):
            self.reports.append(notice.report)


def test_reports_wait_while_the_parent_does_not_read() -> None:
    parent = SlowParent()

    async def scene() -> None:
        engine = EngineProcess()
        engine._life = SimpleNamespace(channel=parent)  # type: ignore[assignment]
        settings: dict[str, Any] = GOOD | {"epoch_ns": monotonic_ns(), "gateway_url": "ws://127.0.0.1:1/ocpp"}
        engine._on_command(messages.Configure(settings))
        samples = engine._recorder.handle(Tag("steady", CONNECT, "WebSocket", SERVICE))
        for clogged in (False, True, True, False):
            parent.clogged = clogged
            samples.append(7)
            engine._report(monotonic_ns())
        engine._pacer.close()
        engine._health.close()

    asyncio.run(scene())
    assert [report.health.coalesced_intervals for report in parent.reports] == [0, 2]
    counts = []
    for report in parent.reports:
        connects = Histogram()
        for series in report.series:
            if ".connect." in series.tag:
                connects.add_series(series)
        counts.append(connects.total)
    assert counts == [1, 3]
