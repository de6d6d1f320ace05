"""What Locust's process tells is what the process that started it understands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.errors import UsageError
from loadtest.locust_plugin.telling import tell_error
from loadtest.runner.locust_process import refusal_in

if TYPE_CHECKING:
    import pytest


def test_faults_come_back_with_what_they_quote(capsys: pytest.CaptureFixture[str]) -> None:
    faults = ["nats exited\n[FTL] no such file\nbye", "no gateway"]
    tell_error(UsageError(faults, hint="start it"))
    assert refusal_in(capsys.readouterr().err) == (faults, "start it")
