"""A child process, seen from gevent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gevent.event import AsyncResult

from loadtest.locust_plugin.child import Child

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_terminal_s_ctrl_c_ends_no_child_not_even_one_that_is_just_being_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "just_loading.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    monkeypatch.chdir(tmp_path)
    status: AsyncResult[int] = AsyncResult()
    child = Child("just_loading", "child", tmp_path / "log", lambda *_: None, lambda _child, how: status.set(how))
    assert status.get(timeout=30) == 0, (tmp_path / "log").read_text()
    child.stop()
