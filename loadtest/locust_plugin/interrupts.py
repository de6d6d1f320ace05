"""Ctrl-C and SIGTERM once Locust is up: see :mod:`loadtest.locust_plugin.early_interrupts` for those before."""

from __future__ import annotations

import signal
from functools import partial
from typing import TYPE_CHECKING

import gevent

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.locust_plugin.node import Node


def call_on(which: signal.Signals, call: Callable[[], None]) -> None:
    """Have a signal call something from gevent's hub, in between what greenlets do.

    Raised in the handler itself, an exception would end whatever greenlet is at work, and Locust swallows it in some.
    """
    loop = gevent.get_hub().loop
    signal.signal(which, lambda _signal, _frame: loop.run_callback_threadsafe(call))


def interrupt_main() -> None:
    """Have the main greenlet, in which Locust waits for the end, go on as after Ctrl-C. To be called in the hub."""
    gevent.get_hub().parent.throw(KeyboardInterrupt)


def interrupts_of_worker(node: Node, *, forked: bool) -> None:
    """Have Ctrl-C end a worker. It reaches forked ones as well: while one has charge points, its master decides."""
    call_on(signal.SIGINT, partial(_interrupt_worker, node, forked=forked))


def _interrupt_worker(node: Node, *, forked: bool) -> None:
    if not (forked and node.active):
        interrupt_main()
