"""``loadtest password`` and ``loadtest certificates``: what OCPP's security profiles need."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

import click

from loadtest.cli.messages import talk
from loadtest.engine.credentials import password_bytes
from loadtest.errors import ExitCode, UsageError
from loadtest.gateway import passwords
from loadtest.runner import certificates as authority
from loadtest.runner.embedded_security import KEY_BYTES
from loadtest.scenario.profile import ChargePointProfile


@click.command(short_help="Make a line of a gateway's password file.")
@click.argument("charge_point_id", metavar="ID")
@click.option("--generate", is_flag=True, help="Make a random password, shown on standard error.")
def password(charge_point_id: str, generate: bool) -> int:  # noqa: FBT001 - click's
    """Print the line that lets charge point ID into a gateway with --password-file.

    The password is asked for, or read as one line from standard input: at least 16 bytes, as text or as hex:00ff….
    """
    if generate:
        text = f"hex:{secrets.token_hex(KEY_BYTES)}"
        talk().print(f"password: {text}", markup=False)
    elif sys.stdin.isatty():
        text = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        text = sys.stdin.readline().rstrip("\r\n")
    click.echo(passwords.entry(charge_point_id, password_bytes(text)))
    return ExitCode.PASSED


@click.command(short_help="Make an authority and certificates for tests.")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--charge-points",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    metavar="N",
    help="So many get one of their own.",
)
@click.option(
    "--prefix",
    default="cp-",
    show_default=True,
    metavar="TEXT",
    help="Their ids are the prefix and a number of six digits.",
)
@click.option("--id", "ids", multiple=True, metavar="ID", help="A charge point by its id; may be given several times.")
@click.option(
    "--host",
    "hosts",
    multiple=True,
    default=authority.LOOPBACK_HOSTS,
    show_default=True,
    metavar="HOST",
    help="Name or address of the gateway; may be given several times.",
)
def certificates(folder: Path, charge_points: int, prefix: str, ids: tuple[str, ...], hosts: tuple[str, ...]) -> int:
    """Make a certificate authority for tests in DIR, with certificates for a gateway and for charge points.

    For tests only: whoever reads DIR can be the gateway, and any of the charge points.
    """
    profile = ChargePointProfile(id_prefix=prefix)
    try:
        profile.check()
    except UsageError as error:
        raise UsageError(f"--prefix: {error.message}") from None
    names = (*ids, *(profile.charge_point_id(number) for number in range(charge_points)))
    authority.make_certificates(folder, hosts, names)
    click.echo(f"gateway:        --tls-certificate {folder / authority.SERVER_FILE}")
    click.echo(f"                --tls-client-ca {folder / authority.CA_FILE}")
    click.echo(f"charge points:  --ca-file {folder / authority.CA_FILE}")
    own = "${cid}.pem" if names else authority.SHARED_CLIENT_FILE
    click.echo(f"                --client-certificate '{folder / own}'")
    return ExitCode.PASSED
