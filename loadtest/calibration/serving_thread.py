"""A server in a thread with an event loop of its own, while a ``with`` block lasts."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

from loadtest.errors import HarnessError
from loadtest.transport import loop as event_loop

if TYPE_CHECKING:
    from types import TracebackType

START_TIMEOUT_S = 10.0


class ServingThread(ABC):
    """Subclass it and serve.

    Args:
        name: Of the thread, and for messages.

    Attributes:
        url: Where clients connect; known once the block has begun.
    """

    def __init__(self, name: str) -> None:
        self.url = ""
        self._name = name
        self._thread = threading.Thread(target=self._serve_in_thread, name=name, daemon=True)
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event

    @abstractmethod
    async def begin(self) -> str:
        """Start serving; returns the URL."""

    @abstractmethod
    async def end(self) -> None:
        """Stop serving."""

    def __enter__(self) -> Self:
        """Start serving.

        Raises:
            HarnessError: It did not start.
        """
        self._thread.start()
        if not self._started.wait(START_TIMEOUT_S) or self._failure is not None:
            raise HarnessError(f"the {self._name} did not start") from self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop serving."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_TIMEOUT_S)

    def _serve_in_thread(self) -> None:
        try:
            event_loop.run(self._serve())
        except BaseException as failure:  # noqa: BLE001 - handed to the thread that waits in __enter__
            self._failure = failure
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self.url = await self.begin()
        self._started.set()
        await self._stop.wait()
        await self.end()
