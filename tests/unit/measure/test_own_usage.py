"""What the master uses: told of the time in which it was used, however seconds become complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.own_usage import OwnUsage
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    import pytest


def test_seconds_that_become_complete_at_once_are_no_burst_of_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """It uses a tenth of a core all the time; one process was behind, and reports of five seconds came together."""
    now_s = 0.0
    monkeypatch.setattr("loadtest.measure.own_usage.time.process_time_ns", lambda: int(now_s * NS_PER_S / 10))
    usage = OwnUsage()
    for second, now_s in ((0, 1.1), (1, 2.0), (2, 6.98), (3, 6.98), (4, 6.99), (5, 7.0), (6, 8.1)):
        usage.look(second, now_s, steady=second > 0)
    assert (usage.health.cpu_percent, usage.health.cpu_percent_max) == (10.0, 10.0)
