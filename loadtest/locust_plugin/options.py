"""Our settings as options of Locust: on its command line, in its configuration files, and in its web form."""

from __future__ import annotations

import os
from argparse import SUPPRESS
from typing import TYPE_CHECKING, Any

from loadtest.locust_plugin.rehearsal import DEPTHS, OPTION
from loadtest.scenario.resolve import resolve
from loadtest.scenario.settings import RunSettings, masked
from loadtest.scenario.settings_table import SETTINGS

if TYPE_CHECKING:
    from argparse import Namespace

    from locust.argument_parser import LocustArgumentParser
    from locust.event import Events

REHEARSAL = "loadtest_rehearsal"
"""The parsed option that has a run rehearsed, not made."""
_URLS = ("gateway", "broker")
_IN_WEB_FORM = ("charge_points", "duration", "ramp", "seed", "path", *_URLS)
"""What a start form asks for."""


def add_options(parser: LocustArgumentParser) -> None:
    """Add every setting to Locust's parser, as text: checking them is ours, all faults at once.

    Abbreviations are refused: what ``--ch`` stands for today may be two options tomorrow.
    """
    parser.allow_abbrev = False
    parser.add_argument(OPTION, dest=REHEARSAL, choices=DEPTHS, help=SUPPRESS, include_in_web_ui=False)
    for setting in SETTINGS:
        if setting.kind == "flag":
            parser.add_argument(
                setting.flag,
                dest=setting.name,
                action="store_true",
                default=os.environ.get(setting.variable, setting.default),
                help=setting.help,
                include_in_web_ui=False,
            )
            continue
        parser.add_argument(
            setting.flag,
            dest=setting.name,
            action="append" if setting.repeatable else "store",
            default=None if setting.repeatable else os.environ.get(setting.variable, str(setting.default)),
            metavar=setting.metavar or "VALUE",
            help=f"{setting.help} (default: {setting.default or 'none'})",
            include_in_web_ui=setting.name in _IN_WEB_FORM,
        )


def leave_passwords_out_of_form(options: Namespace, events: Events) -> None:
    """Keep a URL with a password out of the start form, where Locust would write it in clear.

    Locust makes up its form from a parser that it builds anew each time, and from where the value was written.

    Args:
        options: As parsed, whatever they come from.
        events: Locust's.
    """
    private = {name for name in _URLS if masked(str(getattr(options, name))) != getattr(options, name)}

    def leave_out(parser: LocustArgumentParser) -> None:
        for name, action in parser.args_included_in_web_ui.items():
            if name in private:
                action.include_in_web_ui = False

    if private:
        events.init_command_line_parser.add_listener(leave_out)


def settings_of(options: Namespace) -> RunSettings:
    """Resolve the settings from Locust's parsed options.

    Raises:
        UsageError: With every fault found.
    """
    plain: dict[str, Any] = vars(options)
    values = {setting.name: plain[setting.name] for setting in SETTINGS if setting.name in plain}
    for setting in SETTINGS:
        if setting.repeatable:  # what is given replaces the environment's; argparse would add to a default
            values[setting.name] = "; ".join(plain.get(setting.name) or [os.environ.get(setting.variable, "")])
    unchanged = {setting.name for setting in SETTINGS if os.environ.get(setting.variable) == values.get(setting.name)}
    return resolve(values, from_environment=unchanged)
