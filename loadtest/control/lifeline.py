"""Ties a child to the life of the process that started it, also one that knows nothing of us, such as Mosquitto.

What ends it is its parent, and nothing else: a terminal's Ctrl-C tells all processes.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
# Loaded here, in the parent: between fork and exec nothing may be imported or loaded.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def ignore_interrupts() -> None:
    """Have this process, and whatever it starts or becomes, ignore Ctrl-C; to be called before exec as well."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def goes_on_without_parent() -> None:
    """Have this process sent SIGCONT when its parent dies: standing still, it could not see that it is to end."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGCONT), 0, 0, 0)


def dies_with_parent(wanted: signal.Signals = signal.SIGKILL) -> Callable[[], None]:
    """What a child runs before exec so that it is sent ``wanted`` when its parent dies, even by SIGKILL.

    On Linux this is ``prctl(PR_SET_PDEATHSIG)``; elsewhere it does nothing and the orderly stop has to do. The
    kernel forgets the wish when the child changes its user, so a child must not drop privileges by itself.
    """
    parent = os.getpid()

    def before_exec() -> None:
        if _libc is None:
            return
        _libc.prctl(_PR_SET_PDEATHSIG, int(wanted), 0, 0, 0)
        if os.getppid() != parent:  # it died between fork and prctl
            os._exit(1)

    return before_exec
