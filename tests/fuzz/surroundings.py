"""What connections need around them when a test feeds them bytes: a loop that stands still, a transport in memory."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class StillLoop:
    """The few methods of an event loop that connections use; callbacks wait for :meth:`turn`, timers for ever."""

    def __init__(self) -> None:
        self._ready: list[tuple[Callable[..., object], tuple[object, ...]]] = []

    def turn(self) -> None:
        """Let happen what is due, and what follows from it."""
        for _ in range(1000):
            if not self._ready:
                return
            ready, self._ready = self._ready, []
            for callback, args in ready:
                callback(*args)
        raise AssertionError("callbacks ask for callbacks without end")

    def call_soon(self, callback: Callable[..., object], *args: object, context: object = None) -> None:
        self._ready.append((callback, args))

    def call_later(self, delay: float, callback: Callable[..., object], *args: object) -> Any:
        return asyncio.TimerHandle(delay, callback, args, self)  # type: ignore[arg-type]

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)  # type: ignore[arg-type]

    def create_task(self, coroutine: Any, *, name: str = "") -> asyncio.Future[Any]:
        coroutine.close()
        return self.create_future()

    def get_debug(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """A future whose exception nobody has asked for."""

    def _timer_handle_cancelled(self, handle: object) -> None:
        pass


@contextlib.contextmanager
def still_loop() -> Iterator[StillLoop]:
    """A loop that counts as running."""
    loop = StillLoop()
    before = asyncio._get_running_loop()
    asyncio._set_running_loop(loop)  # type: ignore[arg-type]
    try:
        yield loop
    finally:
        asyncio._set_running_loop(before)


class MemoryTransport(asyncio.Transport):
    """Keeps what is written. ``ended`` once it is closed or cut."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.ended = False
        self.reading = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        class Socket:
            def setsockopt(self, *_: object) -> None:
                pass

        return Socket() if name == "socket" else default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def abort(self) -> None:
        self.ended = True

    close = abort

    def is_closing(self) -> bool:
        return self.ended

    def is_reading(self) -> bool:
        return self.reading

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


def in_pieces(data: bytes) -> tuple[bytes, list[bytes]]:
    """The stream an input stands for, whole and as cut by its first two bytes: those decide where, the rest is it."""
    seed, stream = int.from_bytes(data[:2], "big"), data[2:]
    if seed % 4 == 0:
        return stream, [stream]
    if seed % 4 == 1 and len(stream) <= 500:
        return stream, [stream[at : at + 1] for at in range(len(stream))]
    draw = random.Random(seed)
    cuts = sorted(draw.randrange(len(stream) + 1) for _ in range(seed % 16))
    return stream, [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
