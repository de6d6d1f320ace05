"""Which broker a run gets, and why; and getting it."""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadtest.brokers import amqtt, external, mosquitto
from loadtest.brokers.broker import Broker, BrokerFacts
from loadtest.brokers.ports import LOOPBACK, free_port, refuse_taken
from loadtest.brokers.readiness import until_ready
from loadtest.errors import EnvironmentNotReady, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.brokers.process import BrokerProcess

AUTO = "auto"
KINDS = (AUTO, mosquitto.KIND, amqtt.KIND)
READY_TIMEOUT_S = 10.0
_PORT_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Choice:
    """A broker chosen but not yet started.

    Attributes:
        kind: ``mosquitto``, ``amqtt`` or ``external``.
        why: The reason, as a clause for people and for the run record.
        url: The URL given, for ``external``.
    """

    kind: str
    why: str
    url: str = ""


def choose(wanted: str) -> Choice:
    """Settle what ``auto``, a kind or a URL means on this machine.

    Raises:
        UsageError: Neither a known kind nor an ``mqtt://`` URL.
        EnvironmentNotReady: Mosquitto was asked for and is not installed.
    """
    installed = mosquitto.executable()
    if wanted == AUTO:
        if installed:
            return Choice(mosquitto.KIND, "Mosquitto is installed")
        return Choice(
            amqtt.KIND,
            "Mosquitto is not installed, so amqtt stands in, with about a tenth of its capacity; "
            f"to install Mosquitto: {mosquitto.install_command()}",
        )
    if wanted == mosquitto.KIND:
        if not installed:
            raise mosquitto.not_installed()
        return Choice(mosquitto.KIND, "asked for by name")
    if wanted == amqtt.KIND:
        return Choice(amqtt.KIND, "asked for by name")
    if "://" in wanted:
        external.check_url(wanted)
        return Choice(external.KIND, "asked for by URL", wanted)
    raise UsageError(
        f"there is no broker {wanted!r}", hint=f"one of {', '.join(KINDS)}, or a URL like mqtt://127.0.0.1:1883"
    )


async def start(wanted: str, log_dir: Path, *, port: int | None = None, persistent: bool = False) -> Broker:
    """Start the broker asked for, or reach it when it is external; returns once it has answered a CONNECT.

    Args:
        wanted: ``auto``, ``mosquitto``, ``amqtt`` or an ``mqtt://`` URL.
        log_dir: An existing folder for an embedded broker's log and configuration.
        port: The loopback port to listen on, a free one when left out; means nothing for an external broker.
        persistent: Sessions and queued messages outlive a restart; an external broker does what it does.

    Raises:
        UsageError: See :func:`choose`.
        EnvironmentNotReady: It cannot be started or reached; says why.
    """
    choice = choose(wanted)
    if choice.kind == external.KIND:
        return await external.reach(choice.url, why=choice.why)
    if persistent and choice.kind == amqtt.KIND:
        raise UsageError(
            "--persistent: amqtt keeps nothing on disk", hint=f"take Mosquitto: {mosquitto.install_command()}"
        )
    if port is not None:
        refuse_taken(port)
        return await _start_on(choice, port, log_dir, persistent=persistent)
    for _ in range(_PORT_ATTEMPTS - 1):
        with contextlib.suppress(_PortLost):
            return await _start_on(choice, free_port(), log_dir, persistent=persistent)
    return await _start_on(choice, free_port(), log_dir, persistent=persistent)


class _PortLost(EnvironmentNotReady):
    """Another process took the free port before the broker could bind it."""


async def _start_on(choice: Choice, port: int, log_dir: Path, *, persistent: bool) -> Broker:
    launch = functools.partial(_launch, choice, port, log_dir, persistent=persistent)
    process = await launch()
    kind = mosquitto if choice.kind == mosquitto.KIND else amqtt
    facts = BrokerFacts(
        kind=choice.kind,
        version=kind.version(),
        url=_url(port),
        why=choice.why,
        embedded=True,
        settings=kind.SETTINGS | (mosquitto.PERSISTENT if persistent else {}),
        pid=process.pid,
        log_file=str(process.log_file),
    )
    return Broker(facts, process, launch)


async def _launch(choice: Choice, port: int, log_dir: Path, *, persistent: bool) -> BrokerProcess:
    """Start the process and wait until it answers."""
    if choice.kind == mosquitto.KIND:
        process = await mosquitto.start(port, log_dir, persistent=persistent)
    else:
        process = await amqtt.start(port, log_dir)
    try:
        await until_ready(_url(port), process, READY_TIMEOUT_S)
    except BaseException as error:
        await process.stop()
        if isinstance(error, EnvironmentNotReady) and "ddress already in use" in process.last_words():
            raise _PortLost(error.message, hint=error.hint) from error
        raise
    return process


def _url(port: int) -> str:
    return f"mqtt://{LOOPBACK}:{port}"
