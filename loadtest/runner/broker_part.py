"""The broker of a run: started or reached as the run demands, what it uses, what it has counted itself."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from loadtest.brokers.kind import Demand
from loadtest.brokers.start import start
from loadtest.brokers.sys_topics import SysTopics, figures_now
from loadtest.runner.process_usage import ProcessTreeUsage, Usage, total
from loadtest.scenario.settings import MQTT_5

if TYPE_CHECKING:
    from loadtest.brokers.broker import Broker
    from loadtest.runner.stand_settings import StandSettings


class BrokerPart:
    """A broker that has answered. Made by :func:`start_broker`.

    Args:
        broker: It.
        sys_topics: Where it says what it has counted, not opened yet.
    """

    def __init__(self, broker: Broker, sys_topics: SysTopics) -> None:
        self.broker = broker
        self._sys_topics = sys_topics
        self._listening: asyncio.Task[None] | None = None
        self._usages: dict[int, ProcessTreeUsage] = {}

    def usage(self) -> Usage | None:
        """What its processes have used until now, those before a restart as well; ``None`` when they are not ours."""
        if not self.broker.pids:
            return None
        return total([self._usages.setdefault(pid, ProcessTreeUsage(pid)).read() for pid in self.broker.pids])

    def listen(self) -> None:
        """Begin to take what it says it has counted."""
        self._listening = asyncio.get_running_loop().create_task(self._sys_topics.open(), name="sys-topics")

    async def sys_figures(self, patience_s: float) -> dict[str, int]:
        """What it has counted over the run, as :meth:`listen` took it; empty when it does not say, or began anew."""
        if self._listening is None:
            return {}
        await asyncio.wait([self._listening], timeout=patience_s)
        figures = await self._sys_topics.close()
        return figures if len(self.broker.pids) <= 1 else {}

    async def stop(self) -> None:
        """Stop it if it is ours."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        await self.broker.stop()


async def start_broker(settings: StandSettings) -> BrokerPart:
    """Start or reach it.

    Raises:
        UsageError: There is no such broker, or it cannot do what is asked for.
        EnvironmentNotReady: It cannot be started or reached.
    """
    broker = await start(
        settings.broker,
        Path(settings.log_dir),
        demand=Demand(
            qos=settings.qos,
            highest_qos=settings.highest_qos,
            charge_points=settings.charge_points - settings.direct,
            mqtt5=MQTT_5 in (settings.csms_mqtt_version, settings.mqtt_version if settings.direct else ""),
            persistent=settings.persistent,
            subscribers=settings.subscribers,
            id_prefixes=settings.id_prefixes,
        ),
        settings=settings.broker_settings,
        address=settings.address,
    )
    url = broker.facts.url
    return BrokerPart(broker, SysTopics(url, {} if broker.facts.embedded else await figures_now(url)))
