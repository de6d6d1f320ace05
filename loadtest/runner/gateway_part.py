"""One process of the embedded gateway: what it counted, also before it was started anew, and how to break it."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from typing import TYPE_CHECKING

from loadtest.brokers.process import ending
from loadtest.control import messages
from loadtest.runner.child_process import start_child
from loadtest.runner.process_usage import ProcessUsage, Usage, total

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from loadtest.measure.interval import IntervalReport
    from loadtest.runner.child_process import ControlChild

MODULE = "loadtest.gateway"
READY_TIMEOUT_S = 20.0


class GatewayPart:
    """A gateway process and its successors.

    Args:
        name: For messages.
        log_file: Takes the output of all of them.
        on_notice: Called with this part and what the process reports.

    Attributes:
        report: What the present process last reported.
        gone: There is no process now, for whatever reason.
    """

    def __init__(self, name: str, log_file: Path, on_notice: Callable[[GatewayPart, messages.Notice], None]) -> None:
        self.name = name
        self.report: IntervalReport | None = None
        self.gone = False
        self.child: ControlChild
        self._log_file = log_file
        self._on_notice = on_notice
        self._settings: Mapping[str, object] = {}
        self._earlier: Counter[str] = Counter()
        self._usages: list[ProcessUsage] = []
        self._wanted = asyncio.Event()
        self._wanted.set()

    async def launch(self) -> None:
        """Start the process; it does nothing until it is configured."""
        self.child = await start_child(
            MODULE, name=self.name, log_file=self._log_file, on_notice=lambda notice: self._on_notice(self, notice)
        )
        self._usages.append(ProcessUsage(self.child.pid))

    async def configure(self, settings: Mapping[str, object]) -> None:
        """Have it work; returns when it takes connections."""
        self._settings = settings
        await self.child.configure(settings, READY_TIMEOUT_S)

    @property
    def down(self) -> bool:
        """It was taken down on purpose and is not back yet."""
        return not self._wanted.is_set()

    @property
    def finished(self) -> bool:
        """Nothing more will be heard from it."""
        return self.gone or (self.report is not None and self.report.final)

    def counters(self) -> dict[str, int]:
        """Running totals. Of a process that was killed, what it counted after its last report is missing."""
        totals = Counter(self._earlier)
        if self.report is not None:
            totals.update(self.report.counters)
        return dict(totals)

    def usage(self) -> Usage:
        """CPU and memory."""
        return total([usage.read() for usage in self._usages])

    async def died(self) -> str:
        """Wait until the process ends without having been told to, and say how."""
        while True:
            how = ending(await self.child.ended())
            if not self.down:
                self.gone = True
                return f"{self.name} {how}"
            await self._wanted.wait()

    def pause(self) -> None:
        """Have it stand still."""
        self.child.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Have it go on."""
        self.child.send_signal(signal.SIGCONT)

    def refuse(self, status: int, share: float) -> None:
        """Have it turn down a share of all handshakes; with share 0 no more."""
        self.child.send(messages.RefuseHandshakes(status, share))

    async def take_down(self, *, kill: bool) -> None:
        """End it on purpose.

        Args:
            kill: Without notice; else in good order.
        """
        self._wanted.clear()
        if kill:
            self.child.send_signal(signal.SIGKILL)
            await self.child.ended()
        await self.child.stop()
        self.gone = True

    async def bring_back(self) -> None:
        """Start it again as it was; returns when it takes connections.

        Raises:
            LoadTestError: It does not start.
        """
        self._earlier, self.report = Counter(self.counters()), None
        await self.launch()
        self.gone = False
        self._wanted.set()
        await self.configure(self._settings)
