"""Which scenarios there are: Locust files in a folder, called by their name."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from loadtest.errors import UsageError
from loadtest.scenario.suggestions import did_you_mean

FOLDER = "scenarios"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario found.

    Attributes:
        name: The file's name without ``.py``.
        path: The Locust file.
    """

    name: str
    path: Path


def folders() -> list[Path]:
    """Where scenarios are looked for: here first, then beside the package."""
    beside_package = Path(__file__).resolve().parents[2] / FOLDER
    return list(dict.fromkeys((Path.cwd() / FOLDER, beside_package)))


def known() -> dict[str, Scenario]:
    """Every scenario that can be called by name."""
    found: dict[str, Scenario] = {}
    for folder in folders():
        for path in sorted(folder.glob("*.py")):
            if not path.name.startswith("_"):
                found.setdefault(path.stem, Scenario(path.stem, path))
    return found


def find(name_or_path: str) -> Scenario:
    """The scenario of a name, or in a file.

    Raises:
        UsageError: There is none; lists those there are.
    """
    if name_or_path.endswith(".py"):
        path = Path(name_or_path)
        if not path.is_file():
            raise UsageError(f"there is no scenario file {name_or_path}")
        return _checked(Scenario(path.stem, path))
    by_name = known()
    if name_or_path not in by_name:
        raise UsageError(
            f"there is no scenario {name_or_path!r}{did_you_mean(name_or_path, by_name)}",
            hint=f"known scenarios: {', '.join(sorted(by_name)) or 'none'}; or give the path of a .py file",
        )
    return _checked(by_name[name_or_path])


def _checked(scenario: Scenario) -> Scenario:
    """The scenario, if it is Python and has classes: what Locust says of others is hard to understand.

    Raises:
        UsageError: It is not, or has none; names the file.
    """
    try:
        tree = ast.parse(scenario.path.read_bytes(), str(scenario.path))
    except (SyntaxError, ValueError) as error:
        place = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise UsageError(f"the scenario {scenario.path} is not Python{place}: {error.args[0]}") from error
    except OSError as error:
        raise UsageError(f"cannot read the scenario {scenario.path}: {error.strerror}") from error
    if not any(isinstance(node, (ast.ClassDef, ast.ImportFrom)) for node in tree.body):
        raise no_charge_points(f"the scenario {scenario.path}")
    return scenario


def no_charge_points(scenario: str) -> UsageError:
    """What is wrong with a Locust file that has nothing of ours in it."""
    return UsageError(
        f"{scenario} has no charge points in it",
        hint="it needs a subclass of ChargePointFleet and one of CsmsSubscriber; see scenarios/steady.py",
    )
