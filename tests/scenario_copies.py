"""Copies of scenarios for tests: faster than life, and judged neither by percentiles nor by whether this
machine had time enough."""

from __future__ import annotations

from pathlib import Path

SCENARIOS = Path(__file__).parents[1] / "scenarios"

_COPY = """
import runpy
from msgspec.structs import replace

globals().update({{name: made for name, made in runpy.run_path({path!r}).items() if not name.startswith("__")}})
CentralSystem.limits = replace(
    CentralSystem.limits,
    pacer_p99_us=None,
    generator_cpu_percent=None,
    coalesced_intervals=None,
    standstill_us=None,
)
CentralSystem.thresholds = ()
{changes}
"""


def unhurried(folder: Path, scenario: str, changes: str = "") -> Path:
    """Write a copy of a scenario of the library into a folder.

    Args:
        folder: Where to.
        scenario: Its name.
        changes: Statements that change its classes; ``replace`` is msgspec's.
    """
    copy = folder / f"{scenario}.py"
    copy.write_text(_COPY.format(path=str(SCENARIOS / f"{scenario}.py"), changes=changes))
    return copy
