"""Command-line options made from the table of settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from loadtest.scenario.settings import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from loadtest.scenario.settings import Setting

_Command = TypeVar("_Command", bound="Callable[..., Any]")

PASS_ON = {"ignore_unknown_options": True, "allow_interspersed_args": True}
"""What we do not know is Locust's."""


def run_settings(command: _Command) -> _Command:
    """Give a command an option for each setting of a run.

    All are taken as text, and absent unless given: the table's own check reports every fault at once.
    """
    for setting in reversed(SETTINGS):
        command = click.option(
            setting.flag, setting.name, default=None, metavar=setting.metavar or _metavar(setting), help=_help(setting)
        )(command)
    return command


def given(options: Mapping[str, Any]) -> dict[str, str]:
    """The settings among a command's options that were given."""
    names = {setting.name for setting in SETTINGS}
    return {name: str(value) for name, value in options.items() if name in names and value is not None}


def _metavar(setting: Setting) -> str:
    return "|".join(setting.choices) or "VALUE"


def _help(setting: Setting) -> str:
    return f"{setting.help[0].upper()}{setting.help[1:]}.  [default: {setting.default or 'none'}]"
