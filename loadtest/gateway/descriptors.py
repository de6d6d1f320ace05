"""Whether this process still has a file descriptor: the loop closes connections it has none for, and says nothing."""

from __future__ import annotations

import errno
import os
import resource


def none_left() -> bool:
    """Whether no further file can be opened, nor a connection be accepted."""
    try:
        os.close(os.dup(0))
    except OSError as error:
        return error.errno in {errno.EMFILE, errno.ENFILE}
    return False


def limit() -> int:
    """How many this process may have."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
