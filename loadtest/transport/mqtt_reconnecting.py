"""Reconnecting: an MQTT connection that is lost is tried for again, with growing waits, until it stands."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from loadtest.errors import EnvironmentNotReady

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

FIRST_BACK_OFF_S = 0.05
LONGEST_BACK_OFF_S = 1.0
"""Short on purpose: the recovery time measured after a broker's restart must be the broker's, not ours."""


class Reconnecting:
    """The attempts of one client.

    Args:
        attempt: Connects once, or raises :class:`~loadtest.errors.EnvironmentNotReady`.

    Attributes:
        begun: There has ever been need for it, so that what is established now is no first connection.
    """

    def __init__(self, attempt: Callable[[], Awaitable[None]]) -> None:
        self.begun = False
        self._attempt = attempt
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Try until a connection stands, or until :meth:`cancel`."""
        self.begun = True
        self._task = asyncio.get_running_loop().create_task(self._reconnect(), name="mqtt-reconnect")

    def cancel(self) -> None:
        """Try no more."""
        if self._task is not None:
            self._task.cancel()

    async def stop(self) -> None:
        """Try no more, and wait until the attempt under way is given up."""
        self.cancel()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _reconnect(self) -> None:
        back_off_s = FIRST_BACK_OFF_S
        while True:
            await asyncio.sleep(back_off_s * random.uniform(0.75, 1.25))
            back_off_s = min(2 * back_off_s, LONGEST_BACK_OFF_S)
            try:
                await self._attempt()
            except EnvironmentNotReady:
                continue
            return
