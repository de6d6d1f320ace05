"""``loadtest``: the group of commands, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import signal
import sys
from importlib import import_module
from typing import NoReturn

import click

from loadtest import __version__
from loadtest.cli.examples import epilog
from loadtest.cli.messages import show_error, show_unexpected, talk
from loadtest.errors import ExitCode, LoadTestError, UsageError
from loadtest.runner import scenarios
from loadtest.scenario.suggestions import did_you_mean

_COMMANDS = {
    "run": ("run", "run"),
    "web": ("run", "web"),
    "list": ("list", "list_runs"),
    "show": ("show", "show"),
    "report": ("report", "report"),
    "baseline": ("baseline", "baseline"),
    "matrix": ("matrix", "matrix"),
    "capacity": ("capacity", "capacity"),
    "compare": ("compare", "compare"),
    "conformance": ("conformance", "conformance"),
    "calibrate": ("calibrate", "calibrate"),
    "doctor": ("doctor", "doctor"),
    "completion": ("completion", "completion"),
    "gateway": ("parts", "gateway"),
    "csms": ("parts", "csms"),
    "broker": ("parts", "broker"),
    "emqx": ("emqx", "emqx"),
    "password": ("security", "password"),
    "certificates": ("security", "certificates"),
}
"""Where each command is: the module in this folder, and its name there."""


class Commands(click.Group):
    """Commands that are imported when they are asked for: what one needs, the others do not wait for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names in the order of the alphabet."""
        return sorted(_COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does; of a name that is none of ours it is said what may have been meant.

        Raises:
            UsageError: There is no such command.
        """
        name = args[0]
        if name in _COMMANDS or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        if name in scenarios.known():
            raise UsageError(f"{name!r} is a scenario, and no command", hint=f"to run it: loadtest run {name}")
        raise UsageError(f"there is no command {name!r}{did_you_mean(name, _COMMANDS)}", hint="see loadtest --help")

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, with its examples."""
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"loadtest.cli.{module}"), name)
        command.epilog = epilog(cmd_name)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="loadtest")
def loadtest() -> None:
    """Load-test EV-charging networks: OCPP over WebSocket and MQTT, on Locust.

    \b
    loadtest run steady     2,000 charge points for half a minute, everything embedded
    loadtest show           its result once more
    loadtest doctor         whether this machine will do

    Exit codes: 0 passed, 1 failed, 2 usage or harness error, 3 regression, 4 void, 130 interrupted.
    """  # noqa: D301 - click wants the character itself


def main() -> NoReturn:
    """Run the command that was asked for. SIGTERM ends it as Ctrl-C does, unless it has handlers of its own."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(_run())


def _run() -> int:
    try:
        return int(loadtest.main(standalone_mode=False) or ExitCode.PASSED)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
    except click.ClickException as error:
        show_error(UsageError(error.format_message(), hint=_usage(error)))
    except LoadTestError as error:
        show_error(error)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        talk().print("interrupted", style="yellow")
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the top: nothing may end in a wall of traceback
        return show_unexpected(error)
    return ExitCode.USAGE


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"see {context.command_path} --help" if context is not None else "see loadtest --help"
