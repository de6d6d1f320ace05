"""The connection of a charge point over its link: between its WebSocket and the real socket.

Each way has a delay line that keeps the order. A silent connection passes nothing either way, and what the charge
point does with it then, the gateway never hears of: the real socket outlives the charge point's as a *ghost*, until
the gateway gives it up or the charge point is retired.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from loadtest.clock import monotonic_ns
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.engine.link import Link

_HELD_BYTES = 64 * 1024
"""With more than this on the way to the charge point its socket is not read: slow links push back."""


class DelayLine:
    """Lets pieces of data arrive later, in their order.

    Args:
        at: The pacer's; its grid of 1 ms is that of delays.
        bandwidth_bit_s: Bits per second; 0: not limited.

    Attributes:
        held_bytes: On their way now.
    """

    __slots__ = ("_at", "_bandwidth_bit_s", "_free_ns", "_last_ns", "_waiting", "held_bytes")

    def __init__(self, at: Callable[[int, Callable[[int], None]], int], bandwidth_bit_s: float) -> None:
        self._at = at
        self._bandwidth_bit_s = bandwidth_bit_s
        self._free_ns = self._last_ns = 0
        self._waiting: deque[tuple[int, int, int, Callable[[], object]]] = deque()
        self.held_bytes = 0

    @property
    def oldest_ns(self) -> int | None:
        """When what has been on its way for longest was sent; None: nothing is on its way."""
        return self._waiting[0][1] if self._waiting else None

    def put(self, arrive: Callable[[], object], size_bytes: int, delay_ns: int) -> None:
        """A piece of data is sent now: have ``arrive`` called when it is there."""
        now_ns = monotonic_ns()
        self._free_ns = max(self._free_ns, now_ns)
        if self._bandwidth_bit_s:
            self._free_ns += int(size_bytes * 8 / self._bandwidth_bit_s * NS_PER_S)
        self._last_ns = self._at(max(self._last_ns, self._free_ns + delay_ns), self._release)
        self._waiting.append((self._last_ns, now_ns, size_bytes, arrive))
        self.held_bytes += size_bytes

    def _release(self, due_ns: int) -> None:
        while self._waiting and self._waiting[0][0] <= due_ns:
            _, _, size_bytes, arrive = self._waiting.popleft()
            self.held_bytes -= size_bytes
            arrive()

    def flush(self) -> None:
        """Let everything arrive now."""
        self._release(self._last_ns)

    def clear(self) -> None:
        """Lose what is on its way."""
        self._waiting.clear()
        self.held_bytes = 0


class LinkTransport(asyncio.Transport, asyncio.Protocol):
    """One connection over a link: a transport for the charge point, a protocol for the loop.

    Args:
        link: Whose it is.

    Attributes:
        below: The real transport; None before there is one and once it has ended.
        silent: Nothing passes any more.
    """

    __slots__ = ("_inward", "_link", "_lost", "_outward", "_paused", "below", "silent")

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link
        self.below: asyncio.Transport | None = None
        self.silent = False
        self._lost = False  # the charge point has been told that it is over, or is about to be
        self._paused = False
        self._outward = self._inward = None
        if link.model.delays:
            self._outward = DelayLine(link.fleet.at, link.model.bandwidth_bit_s)
            self._inward = DelayLine(link.fleet.at, link.model.bandwidth_bit_s)

    @property
    def held_since_ns(self) -> int | None:
        """When the first was sent of what has not reached the real socket; None: everything has."""
        return None if self._outward is None else self._outward.oldest_ns

    # What the link does ------------------------------------------------------------------------------------------

    def silence(self) -> None:
        """From now on nothing passes; what is on its way is lost."""
        self.silent = True
        self._clear()
        self._read_on()

    def hurry(self) -> None:
        """Delay nothing any more: the charge point is about to leave for good."""
        for line in (self._inward, self._outward):  # what arrives may make the charge point send something
            if line is not None:
                line.flush()
        self._outward = self._inward = None

    def _clear(self) -> None:
        for line in (self._outward, self._inward):
            if line is not None:
                line.clear()

    # What the charge point does ----------------------------------------------------------------------------------

    def write(self, data: Any) -> None:
        """Send data; a silent connection swallows them."""
        if self.silent or self._lost or self.below is None:
            return
        if self._outward is None:
            self.below.write(data)
        else:
            self._outward.put(partial(self.below.write, data), len(data), self._link.delay_ns())

    def close(self) -> None:
        """End TCP behind what has been written."""
        if self.silent:
            self._forsake()
        elif self.below is not None:
            if self._outward is None:
                self.below.close()
            else:
                self._outward.put(self.below.close, 0, 0)

    def abort(self) -> None:
        """End TCP at once."""
        if self.silent:
            self._forsake()
        elif self.below is not None:
            self._clear()
            self.below.abort()

    def is_closing(self) -> bool:
        """Nothing more can be sent."""
        return self._lost or self.below is None or self.below.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Facts about the real transport."""
        return default if self.below is None else self.below.get_extra_info(name, default)

    def _forsake(self) -> None:
        """The charge point gives up a connection that is silent. The gateway is not told."""
        if not self._lost:
            self._lost = True
            self._link.forsaken(self)
            # As every loop does: tell it later, not from within its own call.
            self._link.fleet.at(monotonic_ns(), lambda _: self._link.charge_point.connection_lost(None))

    # What the loop calls -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TCP, and TLS if there is any, is connected."""
        self.below = cast("asyncio.Transport", transport)  # uvloop's class is no subclass of it
        self._link.connected(self)
        self._link.charge_point.connection_made(self)

    def data_received(self, data: bytes) -> None:
        """The gateway has sent something; a silent connection swallows it."""
        if self.silent or self._lost:
            return
        if self._inward is None:
            self._link.charge_point.data_received(data)
            return
        self._inward.put(partial(self._arrive, data), len(data), self._link.delay_ns())
        if self._inward.held_bytes > _HELD_BYTES and self.below is not None and not self._paused:
            self._paused = True
            self.below.pause_reading()

    def _arrive(self, data: bytes) -> None:
        if self._inward is not None and self._inward.held_bytes <= _HELD_BYTES:
            self._read_on()
        self._link.charge_point.data_received(data)

    def _read_on(self) -> None:
        if self._paused and self.below is not None:
            self.below.resume_reading()
        self._paused = False

    def eof_received(self) -> None:
        """The gateway sends no more; the loop closes the connection after this."""
        if self.silent or self._lost:
            return
        if self._inward is None:
            self._link.charge_point.eof_received()
        else:
            self._inward.put(self._link.charge_point.eof_received, 0, 0)

    def connection_lost(self, exc: Exception | None) -> None:
        """The real connection has ended; of a silent one the charge point does not get to know."""
        if self.below is not None:
            self._link.charge_point.books.wire_bytes.add(self.below)
        self.below = None
        if self._outward is not None:
            self._outward.clear()  # there is no socket any more for what is on its way
        if self.silent or self._lost:
            self._link.ghost_gone(self)
        elif self._inward is None or not self._inward.held_bytes:
            self._tell_lost(exc)
        else:
            self._inward.put(partial(self._tell_lost, exc), 0, 0)

    def _tell_lost(self, exc: Exception | None) -> None:
        if not self._lost:
            self._lost = True
            self._link.disconnected(self)
            self._link.charge_point.connection_lost(exc)
