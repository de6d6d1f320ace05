"""What a command says when it cannot go on: ``error:`` what happened, ``hint:`` what to do. On standard error."""

from __future__ import annotations

import os
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from loadtest.errors import ExitCode, ResultError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from loadtest.errors import LoadTestError

DEBUG_VARIABLE = "LOADTEST_DEBUG"
"""Set to anything: unexpected errors show their whole traceback."""


def talk() -> Console:
    """Where commands talk; results go to standard output instead."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def show_error(error: LoadTestError) -> None:
    """One ``error:`` for each fault, and the hint."""
    for fault in error.faults:
        first, *more = fault.splitlines() or [""]
        _say("error", first)
        for line in more:
            talk().print(f"  {line}", markup=False)
    if error.hint:
        _say("hint", error.hint)


def show_reports(write: Callable[[], Iterable[Path]]) -> None:
    """Write reports and say where they are; that they cannot be written changes nothing about the result."""
    try:
        for path in write():
            click.echo(f"report: {path}")
    except ResultError as error:
        talk().print(f"{error.message}; {error.hint}", style="yellow", markup=False)


def show_unexpected(error: Exception) -> int:
    """One line for a fault in the harness itself, its traceback in a file; returns the exit code."""
    if os.environ.get(DEBUG_VARIABLE):
        traceback.print_exception(error)
        return ExitCode.USAGE
    with tempfile.NamedTemporaryFile("w", prefix="loadtest-error-", suffix=".txt", delete=False) as file:
        traceback.print_exception(error, file=file)
    _say("error", f"unexpected {type(error).__name__}: {error}")
    _say("hint", f"this is a fault in loadtest; its traceback is in {Path(file.name)}")
    return ExitCode.USAGE


def _say(kind: str, text: str) -> None:
    style = "bold red" if kind == "error" else "bold cyan"
    console = talk()
    console.print(f"{kind}:", style=style, end=" ")
    console.print(text, markup=False)
