"""Fixtures for tests of whole runs."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from typing import TYPE_CHECKING

import pytest
from locust_process import LocustRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def free_tcp_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., LocustRun]]:
    runs: list[LocustRun] = []
    # Where SIGINT is ignored, as in a shell's background job, children would inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def start_one(*options: str, **scenario: Path) -> LocustRun:
        runs.append(LocustRun(tmp_path / "results", *options, **scenario))
        return runs[-1]

    yield start_one
    for run in runs:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.process.pid, signal.SIGKILL)
        run.process.wait(10)
    signal.signal(signal.SIGINT, before)
