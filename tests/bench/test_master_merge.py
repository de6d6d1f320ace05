"""The simulation of a master's work, in a process of its own because it loads Locust."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def test_a_small_run_is_merged_and_every_figure_is_told() -> None:
    script = Path(__file__).with_name("master_merge.py")
    size = ("--engines", "4", "--subscribers", "2", "--charge-points", "400", "--per-second", "400", "--seconds", "10")
    ran = subprocess.run(
        [sys.executable, str(script), *size], cwd=script.parent, capture_output=True, text=True, timeout=60, check=True
    )
    assert "4 engines, 400 charge points, 400/s" in ran.stdout
    assert float(re.search(r"second, mean +([\d.]+) %", ran.stdout)[1]) > 0  # type: ignore[index]
    figures = [re.split(r"  +", line.strip()) for line in ran.stdout.splitlines()[1:]]
    assert len(figures) == 8
    assert all(re.match(r"[\d.]+ (?:% of a core|MB|MB/s|s)$", figure) for _, figure in figures)
