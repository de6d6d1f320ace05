"""What to type to run a run again: its scenario, its seed, and every option that is not as it is by itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadtest.scenario.settings import masked
from loadtest.scenario.settings_table import SETTINGS
from loadtest.units import seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.scenario.settings import RunSettings

_CHOSEN_ANEW = frozenset({"run_id"})
_ALWAYS_TOLD = frozenset({"seed"})
_OURS = frozenset(
    {setting.flag for setting in SETTINGS if setting.kind != "flag"} | {"-f", "--locustfile", "-u", "--users"}
)
"""Options with a value that are told in another way."""
_OF_THE_WEB_UI = frozenset({"--web-host", "--web-port", "-P"})
_OF_FORKED_WORKERS = frozenset({"--master-bind-host", "--master-bind-port", "--master-port"})
"""Where they meet their master: free ports, which are others next time."""
_ALONE = frozenset(
    {setting.flag for setting in SETTINGS if setting.kind == "flag"} | {"--headless", "--only-summary", "--autostart"}
)
"""The same for those without a value."""


def repeat_command(
    settings: RunSettings, locustfile: str, *, users: int | None = None, argv: Sequence[str] = ()
) -> list[str]:
    """The words of the command, without passwords.

    Args:
        settings: As resolved, wherever each came from.
        locustfile: The scenario's file.
        users: How many of Locust's there were; ``None`` when that follows from the settings.
        argv: Locust's command line, for options of its own.
    """
    command = ["loadtest", "run", _scenario(Path(locustfile))]
    plain: dict[str, Any] = settings.public()
    for setting in SETTINGS:
        if setting.kind == "flag":
            command += [setting.flag] if plain[setting.name] else []
            continue
        if setting.kind == "duration":
            value = plain[f"{setting.name}_s"]
            text, differs = f"{value:.15g}s", value != seconds(str(setting.default))
        else:
            text = str(plain[setting.name])
            differs = text != str(setting.default)
        if setting.name in _ALWAYS_TOLD or (differs and setting.name not in _CHOSEN_ANEW):
            command += [setting.flag, text]
    of_locust = [] if users is None else ["--users", str(users)]
    of_locust += _of_locust(argv)
    return [*command, "--", *of_locust] if of_locust else command


def _scenario(path: Path) -> str:
    """By its name where that leads to it, else its path."""
    path = path.resolve()
    beside_package = Path(__file__).resolve().parents[2] / "scenarios"
    if path.parent == Path.cwd() / "scenarios":
        return path.stem
    if path.parent == beside_package and not (Path.cwd() / "scenarios" / path.name).exists():
        return path.stem
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _of_locust(argv: Sequence[str]) -> list[str]:
    """The options that are Locust's own, as they were written."""
    told_otherwise = _OURS | _OF_THE_WEB_UI
    if any(word.partition("=")[0] == "--processes" for word in argv):
        told_otherwise |= _OF_FORKED_WORKERS
    kept: list[str] = []
    words = iter(argv[1:])
    for word in words:
        name, has_value, _ = word.partition("=")
        if name in told_otherwise:
            if not has_value:
                next(words, None)
        elif word not in _ALONE:
            kept.append(masked(word))
    return kept
