"""Pages in a real Chromium."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def dump(page: Path, scratch: Path) -> tuple[str, list[str]]:
    """The document after its scripts have run, and what they complained about."""
    assert BROWSER is not None
    done = subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            f"--user-data-dir={scratch / 'profile'}",
            "--virtual-time-budget=20000",
            "--enable-logging=stderr",
            "--v=0",
            "--dump-dom",
            f"file://{page}",
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=90,
    )
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]
