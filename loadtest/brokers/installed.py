"""Programs of other people: where they are, which version they say they have, what installs them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SERVER_FOLDERS = (
    *("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/sbin", "/opt/homebrew/bin"),
    str(Path(sys.executable).parent),
)
"""Where servers are, and a user's PATH may not lead: Debian puts most into ``/usr/sbin``, pip beside its Python."""

_COMMANDS = {
    "apt-get": "apt-get install",
    "dnf": "dnf install",
    "apk": "apk add",
    "pacman": "pacman -S",
    "brew": "brew install",
    "npm": "npm install",
    "pip": "pip install",
}
_FOR_EVERYBODY = ("apt-get", "dnf", "apk", "pacman")
"""They install for the whole machine, which root may do."""


def find(program: str) -> str | None:
    """The path of a program, or ``None``."""
    return shutil.which(program) or shutil.which(program, path=os.pathsep.join(_SERVER_FOLDERS))


def install_command(packages: Mapping[str, str], home: str) -> str:
    """What installs a package with a package manager that is there, or the page that tells how.

    Args:
        packages: By package manager, the preferred one first.
        home: That page.
    """
    for tool, package in packages.items():
        if shutil.which(tool):
            sudo = "sudo " if tool in _FOR_EVERYBODY and os.geteuid() != 0 else ""
            return f"{sudo}{_COMMANDS[tool]} {package}"
    return f"see {home}"


def stated_version(argv: Sequence[str | None], pattern: str) -> str:
    """The version in what a command writes; empty when it cannot be run or states none.

    Args:
        argv: The command; ``None`` in it means that it is not installed.
        pattern: A regular expression whose first group is the version.
    """
    command = [word for word in argv if word is not None]
    if len(command) < len(argv):
        return ""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):  # it does not run; starting it will say why
        return ""
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found else ""
