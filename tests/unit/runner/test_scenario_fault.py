"""A scenario that cannot be imported: file, line and cause, out of real tracebacks of Locust's own loader."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from loadtest.runner.scenario_fault import scenario_fault

if TYPE_CHECKING:
    from pathlib import Path

LOADER = """
import importlib.util, sys, traceback
def load_locustfile(path):
    spec = importlib.util.spec_from_file_location("scenario", path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
for path in sys.argv[1:]:
    try:
        load_locustfile(path)
    except Exception:
        traceback.print_exc(file=sys.stdout)
    print("=" * 20)
"""

SOURCES = {
    "field": "from loadtest.scenario.profile import ChargePointProfile\n\n\nclass Kerb:\n"
    "    profile = ChargePointProfile(\n        connectors=2,\n        conectors=3,\n    )\n",
    "name": "from loadtest.scenario.links import LinkModl\n",
    "deep": "import json\n\njson.loads('{')\n",
    "ours": "from loadtest.units import seconds\n\nseconds('soon')\n",
    "module": "import no_such_module_anywhere\n",
    "helper": "import sys\n\nsys.path.insert(0, __file__.rpartition('/')[0])\nimport half_written\n",
    "lines": "raise ValueError('first\\nsecond')\n",
    "bare": "assert 1 + 1 == 3\n",
    "chained": "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise RuntimeError('no') from error\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scenarios")


@pytest.fixture(scope="module")
def logs(folder: Path) -> dict[str, str]:
    """What is printed for each, from one process."""
    (folder / "half_written.py").write_text("x = 1\ndef broken(:\n")
    for name, source in SOURCES.items():
        (folder / f"{name}.py").write_text(source)
    command = [sys.executable, "-c", LOADER, *(str(folder / f"{name}.py") for name in SOURCES)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    return dict(zip(SOURCES, re.split("^={20}\n", printed, flags=re.MULTILINE), strict=False))


@pytest.mark.parametrize(
    ("name", "place", "cause"),
    [
        ("field", "field.py, line 5", "TypeError: Unexpected keyword argument 'conectors'"),
        ("name", "name.py, line 1", "ImportError: cannot import name 'LinkModl'"),
        ("deep", "deep.py, line 3", "JSONDecodeError: Expecting property name"),
        ("ours", "ours.py, line 3", "ValueError: "),
        ("module", "module.py, line 1", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
        ("helper", "half_written.py, line 2", "SyntaxError: invalid syntax"),
        ("lines", "lines.py, line 1", "ValueError: first; second"),
        ("bare", "bare.py, line 1", "AssertionError"),
        ("chained", "chained.py, line 4", "RuntimeError: no"),
    ],
)
def test_file_line_and_cause_are_told(logs: dict[str, str], folder: Path, name: str, place: str, cause: str) -> None:
    fault = scenario_fault("INFO: Starting\n" + logs[name])
    assert fault is not None, logs[name]
    assert fault.message.startswith(f"the scenario cannot be imported: {folder}/{place}: {cause}")
    assert "\n" not in fault.message
    assert ("is it misspelt?" in fault.hint) is (name == "field")


@pytest.mark.parametrize(
    "log",
    [
        "",
        "INFO: all is well\n",
        'Traceback (most recent call last):\n  File "x.py", line 1, in run\n    go()\nValueError: no\n',
        'Traceback (most recent call last):\n  File "x.py", line 1, in load_locustfile\n',
    ],
)
def test_nothing_else_is_taken_for_a_fault_of_the_scenario(log: str) -> None:
    assert scenario_fault(log) is None
