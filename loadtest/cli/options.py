"""Command-line options made from the table of settings, in groups, and what is said of an option nobody knows."""

from __future__ import annotations

import difflib
import os
from typing import TYPE_CHECKING, Any, TypeVar

import click

from loadtest.errors import UsageError
from loadtest.scenario.secret_settings import SECRETS
from loadtest.scenario.settings_table import SETTINGS, SUBJECTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from loadtest.scenario.setting import Setting

_Command = TypeVar("_Command", bound="Callable[..., Any]")

_AS_IT_IS = "what follows after -- is passed on to Locust as it is"

PASS_ON = {"ignore_unknown_options": True, "allow_interspersed_args": True}
"""What we do not know is Locust's."""

_BESIDE = {
    "Load": ("repeat", "void_retries", "from_run"),
    "Search": ("axis", "objective", "lowest", "highest", "precision", "repeats", "most_runs"),
    "Verdict": ("baseline", "tolerance"),
    "Live": ("plain", "quiet", "web_host", "web_port"),
}
"""Options that are no settings of a run, by what they are about."""
_HEADINGS = ("Load", "Search", *(subject for subject in SUBJECTS if subject != "Load"))
"""Of the help, in this order; whatever is about none of it stands under ``Options`` at the end."""

_MEANINGLESS = {
    **dict.fromkeys(("--host", "-H"), "where charge points connect is said by --gateway, on the direct path --broker"),
    **dict.fromkeys(("--run-time", "-t"), "how long the steady phase lasts is said by --duration"),
    "--worker": "a worker is started with locust -f SCENARIO --worker --master-host HOST",
}
"""Options of Locust that its users think of first, and what is said instead."""

NEAR = 0.8
"""How alike two options must be for one to be taken for a slip of the other. None of Locust's is as near to ours."""


class SettingsCommand(click.Command):
    """A command that takes the settings of a run, and passes on to Locust what it does not know."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, but a slip of the pen in an option of ours is not Locust's."""
        ours = args[: args.index("--")] if "--" in args else list(args)
        rest = super().parse_args(ctx, args)
        if not ctx.resilient_parsing:
            passed_on = set(ctx.params.get("locust_arguments", ()))
            for_locust = [word for word in ours if word in passed_on]
            _refuse_meaningless(for_locust)
            refuse_misspelt(for_locust, _flags(self.get_params(ctx)))
        return rest

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options under headings, then the variables of the environment."""
        heading_of = {name: heading for heading, names in _BESIDE.items() for name in names}
        heading_of |= {setting.name: heading for heading, settings in SUBJECTS.items() for setting in settings}
        rows: dict[str, list[tuple[str, str]]] = {heading: [] for heading in (*_HEADINGS, "Options")}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                rows[heading_of.get(parameter.name or "", "Options")].append(record)
        for heading, records in rows.items():
            if not records:  # of another command
                continue
            with formatter.section(heading):
                formatter.write_dl(records)
        with formatter.section("Environment"):
            formatter.write_dl([("LOADTEST_<OPTION>", f"Default of any option above, such as {SETTINGS[0].variable}.")])
            formatter.write_dl([(secret.variable, _help(secret)) for secret in SECRETS])


def run_settings(command: _Command) -> _Command:
    """Give a command an option for each setting of a run.

    All are taken as text, and absent unless given: the table's own check reports every fault at once.
    """
    for setting in reversed(SETTINGS):
        if setting.kind == "flag":
            command = click.option(setting.flag, setting.name, is_flag=True, help=_help(setting))(command)
            continue
        command = click.option(
            setting.flag,
            setting.name,
            default=None,
            multiple=setting.repeatable,
            metavar=setting.metavar or _metavar(setting),
            help=f"{_help(setting)}  [default: {setting.default or 'none'}]",
        )(command)
    return command


def given(options: Mapping[str, Any]) -> dict[str, str]:
    """The settings among a command's options that were given.

    Raises:
        UsageError: One that may be given several times was given, but empty.
    """
    found: dict[str, str] = {}
    empty: list[str] = []
    for setting in SETTINGS:
        value = options.get(setting.name)
        if setting.repeatable:
            empty += [setting.flag for each in value or () if not each.strip()]
            value = "; ".join(value or ()) or None
        if value is not None and not (setting.kind == "flag" and not value):
            found[setting.name] = str(value)
    if empty:
        raise UsageError([f"{flag}: is empty; leave it out, or say what it is to be" for flag in empty])
    return found


def default_of(name: str) -> str:
    """A setting's default, from the environment if it is there."""
    (setting,) = (setting for setting in SETTINGS if setting.name == name)
    return os.environ.get(setting.variable, str(setting.default))


def refuse_misspelt(words: Iterable[str], flags: Iterable[str]) -> None:
    """Refuse what looks like a slip in one of our flags before Locust is started with it.

    Raises:
        UsageError: With a sentence for each, and the flags that were probably meant.
    """
    known = list(flags)
    meant: dict[str, str] = {}
    for word in words:
        flag = word.partition("=")[0]
        if not flag.startswith("--"):
            continue
        near = difflib.get_close_matches(flag, known, n=1, cutoff=NEAR)
        near += [each for each in known if each.startswith(flag)]  # an abbreviation
        if near:
            meant[flag] = near[0]
    if meant:
        faults = [f"{flag}: there is no such option; did you mean {near}?" for flag, near in meant.items()]
        raise UsageError(faults, hint=_AS_IT_IS)


def _refuse_meaningless(words: Iterable[str]) -> None:
    """Refuse options of Locust that would do nothing, or something else than they seem to.

    Raises:
        UsageError: With a sentence for each.
    """
    flags = [word.partition("=")[0] for word in words]
    faults = [f"{flag}: is Locust's; {_MEANINGLESS[flag]}" for flag in flags if flag in _MEANINGLESS]
    if faults:
        raise UsageError(faults, hint=_AS_IT_IS)


def _flags(parameters: Iterable[click.Parameter]) -> list[str]:
    return [flag for parameter in parameters for flag in parameter.opts if flag.startswith("--")]


def _metavar(setting: Setting) -> str:
    return "|".join(setting.choices) or "VALUE"


def _help(setting: Setting) -> str:
    text = setting.help.replace("%%", "%")
    return f"{text[0].upper()}{text[1:]}."
