"""The logs of a worker's children: in the run's folder, or sent there from a host that does not see it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

MOST_SENT_BYTES = 256 * 1024
"""Of the end of each log: there is hardly ever anything in it, but a fault told over and over must not flood a run."""


class ChildLogs:
    """Where children write.

    Args:
        log_dir: The run's folder for logs, as the master knows it; empty: there is no run.
    """

    def __init__(self, log_dir: str = "") -> None:
        self._own = bool(log_dir) and not Path(log_dir).is_dir()
        self._folder = Path(tempfile.mkdtemp(prefix="loadtest-") if self._own else log_dir)

    def file(self, source: str) -> Path:
        """The log of the child ``worker-0/engine-0``."""
        return self._folder / log_name(source)

    def to_send(self, source: str) -> str:
        """What a child has written that the master cannot see."""
        if not self._own:
            return ""
        try:
            return self.file(source).read_bytes()[-MOST_SENT_BYTES:].decode(errors="replace")
        except OSError:
            return ""

    def remove(self) -> None:
        """Remove what was only written to be sent."""
        if self._own:
            shutil.rmtree(self._folder, ignore_errors=True)


def log_name(source: str) -> str:
    """The file name of a child's log."""
    return f"{source.replace('/', '-')}.log"
