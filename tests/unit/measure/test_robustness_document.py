"""The table of what may fail names reasons there are, each with the exit code it leads to."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from loadtest.errors import ExitCode
from loadtest.measure import command_reasons, instrument_reasons, reasons, system_reasons
from loadtest.measure.verdict import VOID_CODES

ROOT = Path(__file__).parents[3]


def test_reasons_and_exit_codes_of_the_table_are_those_of_the_verdict() -> None:
    text = (ROOT / "docs" / "robustness.md").read_text()
    rows = re.findall(r"^\| .* \| .* \| (.*) \| (\d+) \|$", text, re.MULTILINE)
    assert len(rows) > 10
    modules = (reasons, instrument_reasons, system_reasons, command_reasons)
    source = "".join(map(inspect.getsource, modules))
    for cell, code in rows:
        for reason in re.findall(r"`(\w+)`", cell):
            assert f'"{reason}"' in source or reason in VOID_CODES
            assert ExitCode(int(code)) == (ExitCode.VOID if reason in VOID_CODES else ExitCode.FAILED), reason
