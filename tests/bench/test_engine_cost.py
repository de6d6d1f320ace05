"""What the bench holds engines against works itself."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest
from engine_cost import UNRECORDED
from fleet import Fleet
from reference import Reference

pytestmark = pytest.mark.integration


@pytest.mark.skipif(not (shutil.which("gcc") or shutil.which("cc")), reason="needs a C compiler")
def test_an_engine_without_records_does_the_work_and_records_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = str(Path(__file__).parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH")))))
    with (
        Reference(tmp_path).responder(boot_interval_s=0) as responder,
        Fleet(responder.url, 20, ramp_s=0, heartbeat_s=0.1, module=UNRECORDED) as fleet,
    ):
        assert fleet.register() > 0
        windows = []
        for _ in range(3):
            windows.append(fleet.window(1))
            os.kill(fleet.pid, signal.SIGUSR1)
    recorded, unrecorded, again = windows
    assert min(window.round_trips for window in windows) > 0
    assert recorded.service_us > (0, 0)
    assert unrecorded.service_us == (0, 0)
    assert again.service_us > (0, 0)
    assert responder.result.malformed == 0
