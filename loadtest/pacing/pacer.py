"""Releases what is due, on time: the timer wheel driven by a kernel timer of nanosecond resolution.

The loop's own timers move in steps of 1 ms and may fire early. A ``timerfd`` on CLOCK_MONOTONIC wakes the loop
some 30 µs after the instant asked for. From there on it ticks by itself, on the grid of the wheel, as long as the next
instant is near: to set it anew for each is not cheap, on a virtual machine above all, where the hypervisor has to be
asked. Linux only, like the harness.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
from typing import TYPE_CHECKING

from loadtest.clock import monotonic_ns
from loadtest.errors import HarnessError
from loadtest.pacing.wheel import TICK_NS, TimerWheel
from loadtest.units import NS_PER_S, NS_PER_US

if TYPE_CHECKING:
    from collections.abc import Callable

_CLOCK_MONOTONIC = 1
_TFD_TIMER_ABSTIME = 1
_NEAR_NS = 2 * TICK_NS
"""Nothing is set anew for an instant so near: a tick for nothing costs as much."""


class Pacer:
    """A timer wheel that turns by itself on the running event loop.

    Args:
        on_late: Called once for each slot with its lateness in µs when its last action has been released: the
            generator's own lateness, the worst of the slot.

    Attributes:
        at: Has an action called with its due instant, see :meth:`TimerWheel.at`.
    """

    def __init__(self, on_late: Callable[[int], None]) -> None:
        self._wheel = TimerWheel(self._arm)
        self.at = self._wheel.at
        self._on_late = on_late
        self._turning = False
        libc = ctypes.CDLL(None, use_errno=True)
        self._set_timer = libc.timerfd_settime
        self._spec = (ctypes.c_long * 4)(0, TICK_NS)  # struct itimerspec: interval and value, each in s and ns
        self._ticks_from_ns: int | None = None  # and at each instant of the grid from there on
        self._timer: int = libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._timer < 0:
            raise HarnessError(f"timerfd_create: {os.strerror(ctypes.get_errno())}")
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._timer, self._turn)

    def close(self) -> None:
        """Release nothing any more."""
        self._loop.remove_reader(self._timer)
        os.close(self._timer)

    def _arm(self) -> None:
        """See to it that the timer fires at the next instant."""
        if self._turning:
            return
        due_ns = self._wheel.next_due_ns
        if due_ns is None:
            self._set(None)
        elif self._ticks_from_ns is None or due_ns < self._ticks_from_ns:
            self._set(due_ns)
        else:  # it ticks; but not for nothing, and what is past is not to wait for a tick
            now_ns = monotonic_ns()
            if not now_ns < due_ns <= now_ns + _NEAR_NS:
                self._set(due_ns)

    def _set(self, due_ns: int | None) -> None:
        """Have the timer tick from an instant on, at once if it is past. It has not fired then any more."""
        self._ticks_from_ns = due_ns
        self._spec[2], self._spec[3] = (0, 0) if due_ns is None else divmod(max(due_ns, 1), NS_PER_S)  # zero disarms it
        self._set_timer(self._timer, _TFD_TIMER_ABSTIME, self._spec, None)

    def _turn(self) -> None:
        try:
            os.read(self._timer, 8)  # before the look at the clock: a tick from here on is another turn's
        except BlockingIOError:  # it was set anew after it had fired
            return
        self._turning = True
        # Only what is due now: what is planned meanwhile waits for the next turn, so that answers get read.
        now_ns = monotonic_ns()
        slots = []
        while (slot := self._wheel.take_due(now_ns)) is not None:
            slots.append(slot)
        try:
            for due_ns, actions in slots:
                for action in actions:
                    try:
                        action(due_ns)
                    except Exception as error:  # noqa: BLE001 - told to the loop; the others are still to be released
                        self._loop.call_exception_handler({"message": "a paced callback failed", "exception": error})
                self._on_late((monotonic_ns() - due_ns) // NS_PER_US)
        finally:
            self._turning = False
            self._arm()
