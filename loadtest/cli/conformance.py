"""``loadtest conformance``: hold a gateway against the contract."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from loadtest.cli import conformance_report
from loadtest.cli.messages import talk
from loadtest.conformance import catalogue
from loadtest.conformance import run as rows_run
from loadtest.conformance.findings import Verdict
from loadtest.conformance.preflight import preflight
from loadtest.conformance.target import Credentials, Target, broker_url, gateway_address, topics
from loadtest.errors import EnvironmentNotReady, ExitCode, UsageError, join_hints
from loadtest.protocol.topics import MOUNTPOINT
from loadtest.runner.embedded_gateway import AS_EMQX, embedded_gateway
from loadtest.scenario.settings import AUTO
from loadtest.transport import tls
from loadtest.transport.loop import run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loadtest.conformance.row import Row
    from loadtest.conformance.run import Result

PASSWORD_VARIABLE = "LOADTEST_GATEWAY_PASSWORD"  # noqa: S105 - its name


@click.command(short_help="Hold a gateway against the contract.")
@click.option("--gateway", metavar="URL", help="ws:// or wss://, without a charge point's id. Without it: ours.")
@click.option("--broker", metavar="URL", help="The MQTT broker behind it. Without it and --gateway: one of ours.")
@click.option("--only", multiple=True, metavar="GLOB", help="Only rows whose id fits; may be given several times.")
@click.option("--slow", is_flag=True, help="Rows as well that take as long as the idle timeout.")
@click.option("--list", "listing", is_flag=True, help="Show the rows, run nothing.")
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the result there, too."
)
@click.option(
    "--mountpoint", default=MOUNTPOINT, show_default=True, metavar="TOPIC", help="What all topics begin with."
)
@click.option(
    "--call-topic", default="cp/${cid}", show_default=True, metavar="TOPIC", help="Where CALLs are published."
)
@click.option(
    "--reply-topic", default="cp/${cid}/Reply", show_default=True, metavar="TOPIC", help="Where CALLRESULTs are."
)
@click.option(
    "--error-topic", default="cp/${cid}/Reply", show_default=True, metavar="TOPIC", help="Where CALLERRORs are."
)
@click.option(
    "--downstream-topic", default="cs/${cid}", show_default=True, metavar="TOPIC", help="Where the gateway listens."
)
@click.option("--user", metavar="NAME", help=f"HTTP Basic; may contain ${{cid}}. The password: {PASSWORD_VARIABLE}.")
@click.option("--ca-file", metavar="FILE", help="Authorities trusted with wss://, PEM. Without it: the system's.")
@click.option("--client-certificate", metavar="FILE", help="A certificate to show, PEM.")
@click.option("--client-key", metavar="FILE", help="Its private key, where that is in another file.")
@click.option("--checking", is_flag=True, help="The gateway checks messages against the schemas.")
@click.option(
    "--idle-timeout",
    default=30.0,
    show_default=True,
    type=click.FloatRange(1),
    metavar="SECONDS",
    help="Seconds of silence after which the gateway is configured to cut a connection.",
)
@click.option(
    "--patience",
    default=5.0,
    show_default=True,
    type=click.FloatRange(0.1),
    metavar="SECONDS",
    help="Seconds to wait for what has to come.",
)
def conformance(
    gateway: str | None, broker: str | None, only: tuple[str, ...], json_file: Path | None, **options: Any
) -> int:
    """Hold a gateway, given by URL, against the contract of EMQX's OCPP gateway.

    Exit codes: 0 nothing failed, 1 a row failed, 2 the URLs are of no use.
    """
    rows = catalogue.select(only)
    if options["listing"]:
        conformance_report.print_rows(rows)
        return ExitCode.PASSED
    if json_file is not None and not json_file.parent.is_dir():
        raise UsageError(f"--json: there is no folder {str(json_file.parent)!r}", hint="make it first")
    target = _target(gateway, broker, options)
    _refuse_nothing(rows, target, only)
    switches = None if gateway is not None else _switches(options)
    results = run(_hold(target, rows, switches, embed_broker=broker is None))
    conformance_report.print_results(results)
    if json_file is not None:
        try:
            conformance_report.write_json(json_file, target, results, embedded=gateway is None)
        except OSError as error:
            raise EnvironmentNotReady(f"--json: {json_file} cannot be written: {error.strerror}") from None
    failed = any(result.finding.verdict is Verdict.FAILED for result in results)
    return ExitCode.FAILED if failed else ExitCode.PASSED


def _target(gateway: str | None, broker: str | None, options: dict[str, Any]) -> Target:
    """Check everything given; what is to be embedded has no address yet.

    Raises:
        UsageError: With a sentence for each fault.
    """
    faults: list[str] = []
    hints: dict[str, None] = {}

    def checked(check: Callable[[], Any], otherwise: Any) -> Any:
        try:
            return check()
        except UsageError as error:
            faults.extend(error.faults)
            hints[error.hint] = None
            return otherwise

    address, credentials = checked(lambda: gateway_address(gateway or "ws://127.0.0.1"), (None, None))
    if broker is None and gateway is not None:
        faults.append("--broker: is missing; a gateway's URL does not tell its broker")
    if options["user"] is not None:
        password = os.environ.get(PASSWORD_VARIABLE)
        if password is None:
            faults.append(f"--user: its password is missing; put it into {PASSWORD_VARIABLE}")
        credentials = Credentials(options["user"], password or "")
    if credentials is not None and gateway is None:
        faults.append("--user: means nothing without --gateway: ours asks for no credentials here")
    url = checked(lambda: broker_url(broker or "mqtt://127.0.0.1"), "")
    templates = checked(
        lambda: topics(
            options["mountpoint"],
            call=options["call_topic"],
            reply=options["reply_topic"],
            error=options["error_topic"],
            downstream=options["downstream_topic"],
        ),
        None,
    )
    context = checked(
        lambda: tls.client_context(*(options[name] or "" for name in ("ca_file", "client_certificate", "client_key"))),
        None,
    )
    if faults:
        raise UsageError(faults, hint=join_hints(hints))
    return Target(
        gateway=address,
        broker=url,
        topics=templates,
        credentials=credentials,
        tls=context,
        checking=options["checking"],
        idle_timeout_s=options["idle_timeout"],
        patience_s=options["patience"],
        slow=options["slow"],
    )


def _refuse_nothing(rows: Sequence[Row], target: Target, only: Sequence[str]) -> None:
    """A run in which nothing can fail passes nothing either.

    Raises:
        UsageError: Not one of the rows applies.
    """
    if not any(row.condition.holds(target) for row in rows):
        why = dict.fromkeys(row.condition.otherwise for row in rows)
        raise UsageError(f"--only: none of {' '.join(only)} would run", hint=join_hints(why))


def _switches(options: dict[str, Any]) -> dict[str, Any]:
    """What is said of a gateway's configuration, as ours is to be configured."""
    return {
        "mountpoint": options["mountpoint"],
        "upstream_topic": options["call_topic"],
        "upstream_reply_topic": options["reply_topic"],
        "upstream_error_topic": options["error_topic"],
        "dnstream_topic": options["downstream_topic"],
        "message_format_checking": "upstream_only" if options["checking"] else "disable",
        "idle_timeout_s": options["idle_timeout"],
    }


async def _hold(
    target: Target, rows: Sequence[Row], switches: dict[str, Any] | None, *, embed_broker: bool
) -> list[Result]:
    """Run the rows, against a gateway of ours with these switches when there are any."""
    async with contextlib.AsyncExitStack() as parts:
        if switches is not None:
            broker = AUTO if embed_broker else target.broker
            request = dataclasses.replace(AS_EMQX, switches=switches)
            ends = await parts.enter_async_context(embedded_gateway(broker=broker, request=request))
            target = dataclasses.replace(target, gateway=gateway_address(ends.gateway)[0], broker=ends.broker)
        talk().print(f"gateway {target.gateway}", style="dim")
        await preflight(target)
        with conformance_report.progress(len(rows)) as on_result:
            return await rows_run.run(target, rows, on_result=on_result)
