from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from loadtest.measure import result_files
from loadtest.measure.result_files import RESERVE_BYTES, AppendFile, DiskReserve, write_whole

if TYPE_CHECKING:
    from pathlib import Path


class FullDisk:
    """Stands in for ``os.write`` on a disk with so many bytes free."""

    def __init__(self, free_bytes: int) -> None:
        self.free_bytes = free_bytes
        self._write = os.write

    def __call__(self, descriptor: int, data: bytes) -> int:
        if not self.free_bytes:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self._write(descriptor, data[: self.free_bytes])
        self.free_bytes -= written
        return written


def test_each_piece_is_in_the_file_at_once(tmp_path: Path) -> None:
    file = AppendFile(tmp_path / "log")
    file.append("a\n")
    file.append("b\n")
    assert (tmp_path / "log").read_text() == "a\nb\n"
    assert file.complete
    file.close()
    file.close()


def test_a_full_disk_leaves_whole_lines_and_the_rest_follows_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FullDisk(free_bytes=10)
    monkeypatch.setattr(os, "write", disk)
    file = AppendFile(tmp_path / "log")
    file.append("first\n")
    file.append("second\nthird\n")
    file.append("fourth\n")
    assert (tmp_path / "log").read_text() == "first\n"
    assert (str(file.error), file.complete) == ("[Errno 28] No space left on device", False)
    disk.free_bytes = 1_000
    file.append("fifth\n")
    assert (tmp_path / "log").read_text() == "first\nsecond\nthird\nfourth\nfifth\n"
    assert (file.error, file.complete) == (None, True)
    file.close()


def test_what_waits_is_bounded_and_its_loss_on_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = FullDisk(free_bytes=0)
    monkeypatch.setattr(os, "write", disk)
    monkeypatch.setattr(result_files, "MAX_PENDING_BYTES", 8)
    file = AppendFile(tmp_path / "log")
    file.append("1234567\n")
    file.append("x\n")
    disk.free_bytes = 100
    file.close()
    assert (tmp_path / "log").read_text() == "1234567\n"
    assert file.dropped == 1
    assert not file.complete


def test_a_real_full_device_does_not_raise(tmp_path: Path) -> None:
    file = AppendFile(tmp_path / "log")
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, file._descriptor)
    os.close(full)
    file.append("lost\n")
    assert file.error is not None
    assert file.error.errno == errno.ENOSPC
    file.close()
    assert not file.complete


def test_a_document_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.json"
    write_whole(path, b"old")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"

    def fail(_path: Path, _content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(type(path), "write_bytes", fail)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"newest")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_the_reserve_takes_space_until_released(tmp_path: Path) -> None:
    reserve = DiskReserve(tmp_path / ".reserve")
    assert (tmp_path / ".reserve").stat().st_size == RESERVE_BYTES
    reserve.release()
    reserve.release()
    assert list(tmp_path.iterdir()) == []
