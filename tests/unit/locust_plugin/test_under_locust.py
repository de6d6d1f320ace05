"""Tests that need Locust run in a process of their own: importing it replaces half of the standard library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

IN_LOCUST = Path(__file__).parent / "in_locust"
FILES = sorted(path.name for path in IN_LOCUST.glob("check_*.py"))


def test_the_other_tests_are_not_touched_by_it() -> None:
    assert "gevent" not in sys.modules
    assert len(FILES) == 15


@pytest.fixture(scope="module")
def outcome() -> subprocess.CompletedProcess[str]:
    """All files in one go: most of the time goes into the import."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-rA",
        *(str(IN_LOCUST / name) for name in FILES),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)


@pytest.mark.parametrize("name", FILES)
def test_in_locust(outcome: subprocess.CompletedProcess[str], name: str) -> None:
    results = [line for line in outcome.stdout.splitlines() if name in line]
    passed = [line for line in results if line.startswith("PASSED")]
    wrong = [line for line in results if line.startswith(("FAILED", "ERROR"))]
    assert passed, outcome.stdout + outcome.stderr
    assert not wrong, outcome.stdout
