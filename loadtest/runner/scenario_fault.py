"""What went wrong in a scenario while Locust imported it, read from the traceback that Locust left."""

from __future__ import annotations

import re
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from loadtest.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_TRACEBACK = "Traceback (most recent call last):"
_IMPORTING = re.compile(r'^  File ".*", line \d+, in load_locustfile$')
_PLACE = re.compile(r'^  File "(?P<file>.+)", line (?P<line>\d+)(?:, in .*)?$')
_NOT_OF_THE_USER = (Path(__file__).resolve().parents[1], Path(sysconfig.get_path("stdlib")))


def scenario_fault(log: str) -> UsageError | None:
    """The fault of a scenario that Locust could not import; ``None`` when its log tells of none.

    It is placed at the last line of the user's own: in the scenario, or in a module of theirs that it imports.
    """
    block = log[log.rfind(_TRACEBACK) :].splitlines() if _TRACEBACK in log else []
    importing = next((number for number, line in enumerate(block) if _IMPORTING.match(line)), None)
    if importing is None:
        return None
    frames = block[importing + 1 :]
    end = next((number for number, line in enumerate(frames) if line and not line.startswith(" ")), len(frames))
    places = [match for line in frames[:end] if (match := _PLACE.match(line)) and _is_users(match["file"])]
    said = [line for line in frames[end:] if line.strip()]
    if not places or not said:
        return None
    where = f"{places[-1]['file']}, line {places[-1]['line']}"
    return UsageError(f"the scenario cannot be imported: {where}: {_cause(said)}", hint=_hint(said))


def _is_users(file: str) -> bool:
    """Neither an installed package nor the interpreter's own, nor part of the harness."""
    path = Path(file)
    foreign = "site-packages" in path.parts or file.startswith("<")
    return not foreign and not any(path.is_relative_to(folder) for folder in _NOT_OF_THE_USER)


def _cause(said: Sequence[str]) -> str:
    """The exception in words: its kind without its module, and all it said in one line."""
    kind, _, text = said[0].partition(": ")
    return ": ".join(part for part in (kind.rpartition(".")[2], "; ".join([text, *said[1:]]).strip("; ")) if part)


def _hint(said: Sequence[str]) -> str:
    if said[0].startswith("TypeError: Unexpected keyword argument"):  # what msgspec says of a field it does not know
        return "is it misspelt? the fields are in docs/profiles.md, docs/links.md, docs/commands.md and docs/faults.md"
    return ""
