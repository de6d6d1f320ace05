"""Which plans there are: TOML files beside the scenarios, called by their name."""

from __future__ import annotations

from pathlib import Path

from loadtest.errors import UsageError
from loadtest.runner import scenarios
from loadtest.scenario.suggestions import did_you_mean


def known() -> dict[str, Path]:
    """Every plan that can be called by name."""
    found: dict[str, Path] = {}
    for folder in scenarios.folders():
        for path in sorted(folder.glob("*.toml")):
            found.setdefault(path.stem, path)
    return found


def find(name_or_path: str) -> Path:
    """The file of a plan given by its name or its path.

    Raises:
        UsageError: There is none; lists those there are.
    """
    by_name = known()
    if name_or_path in by_name:
        return by_name[name_or_path]
    path = Path(name_or_path)
    if path.suffix == ".toml" and path.is_file():
        return path
    raise UsageError(
        f"there is no plan {name_or_path!r}{did_you_mean(name_or_path, by_name)}",
        hint=f"known plans: {', '.join(sorted(by_name)) or 'none'}; or give the path of a .toml file",
    )
