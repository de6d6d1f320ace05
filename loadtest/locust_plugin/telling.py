"""What the user is told on standard error, in lines that ``loadtest run`` and ``loadtest web`` pass on."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.errors import LoadTestError
    from loadtest.measure.run_outcome import Verdict


def tell_error(error: LoadTestError) -> None:
    """Why there is no run, or no more of it. What a fault quotes, such as a broker's log, is set in by two spaces."""
    lines = [line for fault in error.faults for line in fault.replace("\n", "\n  ").splitlines()]
    _say(*(f"error: {line}" for line in lines), *([f"hint: {error.hint}"] if error.hint else []))


def tell_note(text: str) -> None:
    """Something to know while the run goes on."""
    _say(f"note: {text}")


def tell_verdict(verdict: Verdict, run_dir: Path | None) -> None:
    """How a run has ended, and where to look."""
    _say(f"verdict: {verdict.result}", *(f"reason: {reason.text}" for reason in verdict.reasons), f"results: {run_dir}")


def _say(*lines: str) -> None:
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    sys.stderr.flush()
