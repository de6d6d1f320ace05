"""``loadtest emqx``: the OCPP gateway of a running EMQX, set up, looked at and removed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

import click

from loadtest.brokers.emqx import provisioning, wanted
from loadtest.brokers.emqx.api import DEFAULT_PORT, Api
from loadtest.cli.messages import talk
from loadtest.errors import EnvironmentNotReady, ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_VARIABLE = "LOADTEST_EMQX_KEY"
SECRET_VARIABLE = "LOADTEST_EMQX_SECRET"  # noqa: S105 - the variable's name

_Function = TypeVar("_Function", bound="Callable[..., int]")


def _api_options(function: _Function) -> _Function:
    """The options every request needs."""
    function = click.option("--ca-file", default="", metavar="FILE", help="PEM file of whom to trust, for https://.")(
        function
    )
    return click.option(
        "--api",
        default=f"http://127.0.0.1:{DEFAULT_PORT}",
        show_default=True,
        metavar="URL",
        help="Of EMQX's dashboard.",
    )(function)


@click.group(short_help="Set up the OCPP gateway of an EMQX.")
def emqx() -> None:
    """Set up the OCPP gateway of a running EMQX, see how it stands, remove it.

    Key and secret of an API key are taken from the environment: LOADTEST_EMQX_KEY and LOADTEST_EMQX_SECRET.
    """


@emqx.command("setup", short_help="Have it run as a run needs it.")
@_api_options
@click.option(
    "--listen-port",
    default=wanted.DEFAULT_PORT,
    show_default=True,
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help="Where charge points connect.",
)
def set_up(api: str, ca_file: str, listen_port: int) -> int:
    """Have the OCPP gateway run as a run needs it; what is right already stays as it is."""
    standing = provisioning.set_up(_api(api, ca_file), listen_port, _tell)
    if not standing.broker_url:
        raise EnvironmentNotReady(
            "the gateway runs, but EMQX has no MQTT listener that does",
            hint="add one in its dashboard under Management, MQTT listeners",
        )
    _show_urls(standing)
    return ExitCode.PASSED


@emqx.command(short_help="Show how it stands.")
@_api_options
def status(api: str, ca_file: str) -> int:
    """Show how the OCPP gateway stands; ends with 1 unless a run could begin."""
    standing = provisioning.standing(_api(api, ca_file))
    click.echo(f"emqx: {standing.version or 'of unknown version'}")
    click.echo(f"gateway: {standing.gateway}")
    where = f"{standing.gateway_url or 'there is none'}"
    running = f", {standing.connections:,} charge points" if standing.listener else ", does not run"
    click.echo(f"listener: {where}{running if standing.gateway_url else ''}")
    click.echo(f"mqtt: {standing.broker_url or 'no listener runs'}")
    for each in standing.differences:
        click.echo(f"otherwise than wanted: {each}")
    if not standing.ready:
        talk().print("hint: loadtest emqx setup", markup=False)
        return ExitCode.FAILED
    _show_urls(standing)
    return ExitCode.PASSED


@emqx.command(short_help="Remove it.")
@_api_options
def remove(api: str, ca_file: str) -> int:
    """Remove the listener that setup made, and disable the gateway unless it has others."""
    provisioning.remove(_api(api, ca_file), _tell)
    return ExitCode.PASSED


def _api(url: str, ca_file: str) -> Api:
    given = {name: os.environ.get(name, "") for name in (KEY_VARIABLE, SECRET_VARIABLE)}
    if missing := [f"{name} is not set" for name, value in given.items() if not value]:
        raise UsageError(missing, hint="key and secret come from EMQX's dashboard: System, API Keys, Create")
    return Api(url, given[KEY_VARIABLE], given[SECRET_VARIABLE], ca_file)


def _tell(line: str) -> None:
    talk().print(line, markup=False)


def _show_urls(standing: provisioning.Standing) -> None:
    click.echo(f"loadtest run steady --gateway {standing.gateway_url} --broker {standing.broker_url}")
