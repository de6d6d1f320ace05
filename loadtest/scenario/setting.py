"""One setting: what it is called, what it takes, and where it is written."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["int", "float", "duration", "text", "choice", "flag"]


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting. A ``duration`` is written as text (``30s``) and resolved to seconds.

    A ``flag`` is an option without a value. One that is ``repeatable`` may be given several times; its value is then
    all of them, joined by semicolons.
    """

    name: str
    kind: Kind
    default: int | float | str
    help: str
    metavar: str = ""
    repeatable: bool = False
    choices: tuple[str, ...] = ()
    low: float = 0
    high: float = float("inf")

    @property
    def flag(self) -> str:
        """The command-line flag."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable that gives its default, for what should not stand on a command line."""
        return f"LOADTEST_{self.name.upper()}"
