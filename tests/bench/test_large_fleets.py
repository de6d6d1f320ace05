"""What whole runs of large fleets are held against, from a small run that is made up."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from large_fleets import REPORTS, Case, figures, report_written_s
from process_tree import memory_bytes
from sample_run import SampleRun
from samples import Samples

from loadtest.errors import ResultError

if TYPE_CHECKING:
    from pathlib import Path

SMALL = Case("small", "resting_fleet.py", 40, 1, 3, 6, report_within_s=(10,))


def test_figures_and_budgets_are_of_the_same_names(tmp_path: Path) -> None:
    record = SampleRun(never_register=1).finished(tmp_path)
    assert record.ended_at is not None
    samples = Samples()
    figures(SMALL, record, record.ended_at.timestamp() + 2, samples)
    values = {sample.name.removeprefix("small: "): sample.median for sample in samples}
    assert values["registered"] == 39
    assert values["report ready after the drain"] == pytest.approx(2, abs=0.01)
    assert values["report ready after the load"] == pytest.approx(3, abs=0.01), "the drain took a second"
    assert values["released late, p99"] < 20
    unmet = {budget.name for budget in SMALL.budgets() if budget.name not in samples or not budget.met(samples)}
    from_outside = {"small: exit code", "small: memory of all processes"}
    assert unmet == {"small: registered"} | from_outside


def test_the_last_report_counts_and_none_may_be_missing(tmp_path: Path) -> None:
    for at_s, name in enumerate(REPORTS):
        with pytest.raises(ResultError, match=name):
            report_written_s(tmp_path)
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (at_s, at_s))
    assert report_written_s(tmp_path) == len(REPORTS) - 1


def test_the_memory_of_descendants_counts() -> None:
    before = memory_bytes(os.getpid())
    hold = "import sys; held = bytes(range(256)) * (1 << 18); sys.stdout.write('.'); sys.stdout.flush(); input()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.read(1)
        grown = memory_bytes(os.getpid()) - before
        child.communicate(b"\n")
    assert 64 << 20 < grown < 128 << 20
