"""Releases what is due, on time: the timer wheel driven by a kernel timer of nanosecond resolution.

The loop's own timers move in steps of 1 ms and may fire early. A ``timerfd`` on CLOCK_MONOTONIC wakes the loop
some 30 µs after the instant asked for, and only when something is due. Linux only, like the harness.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
from typing import TYPE_CHECKING

from loadtest.clock import monotonic_ns
from loadtest.errors import HarnessError
from loadtest.pacing.wheel import TimerWheel
from loadtest.units import NS_PER_S, NS_PER_US

if TYPE_CHECKING:
    from collections.abc import Callable

_CLOCK_MONOTONIC = 1
_TFD_TIMER_ABSTIME = 1


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
        self._spec = (ctypes.c_long * 4)()  # struct itimerspec: interval and value, each in s and ns
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
        """Set the timer to the next instant. It has not fired then any more, so nothing needs to be read from it."""
        if self._turning:
            return
        due_ns = self._wheel.next_due_ns
        # An instant in the past fires at once; zero disarms the timer.
        self._spec[2], self._spec[3] = (0, 0) if due_ns is None else divmod(max(due_ns, 1), NS_PER_S)
        self._set_timer(self._timer, _TFD_TIMER_ABSTIME, self._spec, None)

    def _turn(self) -> None:
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
