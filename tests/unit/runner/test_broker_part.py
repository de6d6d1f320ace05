"""A broker's own figures are worth having, and not worth a run: who does not say them in time has none."""

from __future__ import annotations

import asyncio
from typing import Any

from loadtest.runner.broker_part import BrokerPart


class Silent:
    """Stands for the figures of a broker that has accepted a connection, and says nothing more."""

    async def open(self) -> None:
        await asyncio.Event().wait()

    async def close(self) -> dict[str, int]:
        return {}


class NotOurs:
    pids: tuple[int, ...] = ()

    async def stop(self) -> None:
        return


def test_figures_that_do_not_come_are_not_waited_for_beyond_the_end() -> None:
    silent: Any = Silent()
    not_ours: Any = NotOurs()

    async def scene() -> None:
        part = BrokerPart(not_ours, silent)
        part.listen()
        async with asyncio.timeout(30):
            assert await part.sys_figures(0.01) == {}
        await part.stop()

    asyncio.run(scene())
