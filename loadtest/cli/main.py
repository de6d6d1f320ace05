"""``loadtest``: the group of commands, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from loadtest import __version__
from loadtest.cli.completion import completion
from loadtest.cli.conformance import conformance
from loadtest.cli.doctor import doctor
from loadtest.cli.examples import epilog
from loadtest.cli.list import list_runs
from loadtest.cli.messages import show_error, show_unexpected
from loadtest.cli.parts import broker, csms, gateway
from loadtest.cli.report import report
from loadtest.cli.run import run, web
from loadtest.cli.security import certificates, password
from loadtest.cli.show import show
from loadtest.errors import ExitCode, LoadTestError, UsageError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="loadtest")
def loadtest() -> None:
    """Load-test EV-charging networks: OCPP over WebSocket and MQTT, on Locust.

    \b
    loadtest run steady     2,000 charge points for half a minute, everything embedded
    loadtest show           its result once more
    loadtest doctor         whether this machine will do

    Exit codes: 0 passed, 1 failed, 2 usage or harness error, 3 regression, 4 void, 130 interrupted.
    """  # noqa: D301 - click wants the character itself


_COMMANDS = (
    *(run, web, list_runs, show, report),
    *(conformance, doctor, completion),
    *(gateway, csms, broker, password, certificates),
)
for _command in _COMMANDS:
    _command.epilog = epilog(_command.name or "")
    loadtest.add_command(_command)


def main() -> NoReturn:
    """Entry point of the ``loadtest`` command."""
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
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the top: nothing may end in a wall of traceback
        return show_unexpected(error)
    return ExitCode.USAGE


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"see {context.command_path} --help" if context is not None else "see loadtest --help"
