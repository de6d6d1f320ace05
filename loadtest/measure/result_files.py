"""Result files that survive a full disk: whole lines, whole documents, and room kept for the last word.

A line of an :class:`AppendFile` is in the file whole or not at all: after a failed write the file is cut back to
its last whole line, the text is kept in memory, within a bound, and tried again with the next one. The run goes on;
what could not be written by its end is on record. :class:`DiskReserve` keeps room for that record.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MAX_PENDING_BYTES = 64 * 1024 * 1024
RESERVE_BYTES = 1024 * 1024


class AppendFile:
    """A file that only grows, by whole pieces of text.

    Args:
        path: The file; created anew.

    Attributes:
        error: Why the last write failed; ``None`` when it did not.
        dropped: Pieces given up because more than :data:`MAX_PENDING_BYTES` were waiting.

    Raises:
        OSError: The file cannot be created. Later failures are kept in ``error`` and never raised.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.error: OSError | None = None
        self.dropped = 0
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        self._size = 0
        self._pending: list[bytes] = []
        self._pending_bytes = 0

    def append(self, text: str) -> None:
        """Write a piece, and whatever still waits before it."""
        piece = text.encode()
        if self._pending_bytes + len(piece) > MAX_PENDING_BYTES:
            self.dropped += 1
        else:
            self._pending.append(piece)
            self._pending_bytes += len(piece)
        self.flush()

    def flush(self) -> None:
        """Try again what failed before."""
        if not self._pending:
            return
        waiting = b"".join(self._pending)
        written = 0
        try:
            while written < len(waiting):
                written += os.write(self._descriptor, waiting[written:])
        except OSError as error:
            self.error = error
            whole = waiting.rfind(b"\n", 0, written) + 1
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._size + whole)
                os.lseek(self._descriptor, self._size + whole, os.SEEK_SET)
            waiting, written = waiting[whole:], whole
        else:
            self.error = None
            waiting = b""
        self._size += written
        self._pending = [waiting] if waiting else []
        self._pending_bytes = len(waiting)

    @property
    def complete(self) -> bool:
        """Whether everything given is in the file."""
        return not self._pending and not self.dropped

    def close(self) -> None:
        """Try once more, then let go of the file; harmless when repeated."""
        if self._descriptor >= 0:
            self.flush()
            os.close(self._descriptor)
            self._descriptor = -1


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file by another in one step; readers see the old or the new one, never a part.

    Raises:
        OSError: It could not be written; the old file is still there.
    """
    draft = path.with_name(f".{path.name}.draft")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


class DiskReserve:
    """Disk space held back while a run goes on, so that its record still fits when everything else is full.

    Args:
        path: A file to hold it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with contextlib.suppress(OSError):
            # Real bytes: a file system may promise a sparse file more than it has.
            path.write_bytes(os.urandom(4096) * (RESERVE_BYTES // 4096))

    def release(self) -> None:
        """Give the space back; harmless when repeated."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
