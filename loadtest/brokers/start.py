"""Getting the broker asked for: started on loopback, or reached by its URL."""

from __future__ import annotations

import contextlib
import functools
import re
import shutil
from typing import TYPE_CHECKING
from urllib.parse import unquote

from loadtest.brokers import external
from loadtest.brokers.adaptations import for_features, for_login
from loadtest.brokers.broker import Broker, BrokerFacts
from loadtest.brokers.choose import choose
from loadtest.brokers.kind import Site
from loadtest.brokers.kind_settings import ORDINARY, in_force
from loadtest.brokers.kinds import KINDS
from loadtest.brokers.ports import LOOPBACK, free_port, refuse_taken
from loadtest.brokers.process import spawn
from loadtest.brokers.readiness import until_ready
from loadtest.errors import EnvironmentNotReady, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from loadtest.brokers.kind import BrokerKind, Demand, Features, Launch
    from loadtest.brokers.process import BrokerProcess

_PORT_ATTEMPTS = 3
_PORT_TAKEN = re.compile("address already in use|eaddrinuse", re.IGNORECASE)


async def start(
    wanted: str,
    log_dir: Path,
    *,
    port: int | None = None,
    demand: Demand = ORDINARY,
    settings: Mapping[str, str] | None = None,
    address: str = LOOPBACK,
) -> Broker:
    """Start the broker asked for, or reach it when it is external; returns once it has answered a CONNECT.

    Args:
        wanted: ``auto``, the name of a kind, or an ``mqtt://`` URL.
        log_dir: An existing folder for an embedded broker's log and configuration.
        port: The port to listen on, a free one when left out; means nothing for an external broker.
        demand: What is going to be asked of it; an external broker does what it does.
        settings: Outdo those its kind is started with.
        address: IPv4 address to listen on, and by which it will be reached.

    Raises:
        UsageError: See :func:`choose`; or settings it does not have, or that it cannot be persistent,
            or ids it does not carry.
        EnvironmentNotReady: It cannot be started or reached; says why.
    """
    choice = choose(wanted)
    if choice.kind == external.KIND:
        if settings:
            raise UsageError(
                f"--broker-setting {next(iter(settings))}: is for a broker that the harness starts, not for a URL",
                hint="configure that broker where it runs",
            )
        return await external.reach(choice.url, why=choice.why, demand=demand)
    kind = KINDS[choice.kind]
    if demand.persistent and not kind.features().persistent:
        able = [other.name for other in KINDS.values() if other.features().persistent]
        raise UsageError(
            f"--persistent: {kind.title} keeps nothing over a restart", hint=f"take --broker {' or '.join(able)}"
        )
    _refuse_unfit(kind, demand.id_prefixes)
    chosen = in_force(kind, settings or {}, demand)
    with _blaming(settings or {}):
        return await _start_somewhere(kind, choice.why, log_dir, chosen, demand, address=address, port=port)


@contextlib.contextmanager
def _blaming(settings: Mapping[str, str]) -> Iterator[None]:
    """Name the user's settings before why a broker does not start: it says itself what it does not like of which."""
    try:
        yield
    except EnvironmentNotReady as error:
        if not settings:
            raise
        raise EnvironmentNotReady(
            f"--broker-setting {', '.join(settings)}: {error.message}", hint=error.hint
        ) from error


async def _start_somewhere(
    kind: BrokerKind,
    why: str,
    log_dir: Path,
    settings: Mapping[str, str],
    demand: Demand,
    *,
    address: str,
    port: int | None,
) -> Broker:
    """Start it on the port wanted, or on a free one that nobody takes first."""
    start_on = functools.partial(_start_on, kind, why, log_dir, settings, demand, address=address)
    if port is not None:
        refuse_taken(port, host=address)
        return await start_on(port=port)
    for _ in range(_PORT_ATTEMPTS - 1):
        with contextlib.suppress(_PortLost):
            return await start_on(port=free_port(address))
    return await start_on(port=free_port(address))


def _refuse_unfit(kind: BrokerKind, id_prefixes: Iterable[str]) -> None:
    faults = [
        f"profile.id_prefix: {prefix!r} has {' and '.join(map(repr, unfit))}, which {kind.title} does not carry"
        for prefix in id_prefixes
        if (unfit := sorted(set(prefix) & set(kind.unfit_in_topics)))
    ]
    if faults:
        raise UsageError(faults, hint="choose other ids, or another broker with --broker")


class _PortLost(EnvironmentNotReady):
    """Another process took the free port before the broker could bind it."""


async def _start_on(
    kind: BrokerKind,
    why: str,
    log_dir: Path,
    settings: Mapping[str, str],
    demand: Demand,
    *,
    address: str,
    port: int,
) -> Broker:
    data_dir = log_dir / f"{kind.name}-data"
    data_dir.mkdir(mode=0o700)
    try:
        site = Site(
            address=address,
            port=port,
            log_dir=log_dir,
            data_dir=data_dir,
            settings=settings,
            persistent=demand.persistent,
        )
        prepared = kind.prepare(site)
        login = f"{kind.credentials}@" if kind.credentials else ""
        url = f"mqtt://{login}{address}:{port}"
        launch = functools.partial(_launch, kind, prepared, url, log_dir)
        process = await launch()
        features = kind.features()
        facts = BrokerFacts(
            kind=kind.name,
            version=kind.version(),
            url=url,
            why=why,
            embedded=True,
            settings=settings,
            features=features,
            pid=process.pid,
            log_file=str(process.log_file),
            config_files=[str(file) for file in prepared.config_files],
            qos=min(demand.qos, features.highest_qos),
            adaptations=list(_adaptations(kind, settings, features, demand)),
        )
        return Broker(facts, process, launch, data_dir)
    except BaseException:
        shutil.rmtree(data_dir, ignore_errors=True)
        raise


def _adaptations(kind: BrokerKind, settings: Mapping[str, str], features: Features, demand: Demand) -> Iterator[str]:
    """What has to be otherwise with this kind, in sentences."""
    fitted, sentences = kind.fitted(demand)
    if fitted.items() <= settings.items():  # else the user knows better
        yield from sentences
    yield from for_features(f"{kind.title} {kind.version()}", features, demand)
    if kind.credentials:
        yield for_login(kind.title, unquote(kind.credentials.partition(":")[0]))


async def _launch(kind: BrokerKind, prepared: Launch, url: str, log_dir: Path) -> BrokerProcess:
    """Start the process and wait until it answers."""
    process = await spawn(
        kind.name,
        prepared.argv,
        log_dir / f"{kind.name}.log",
        environment=prepared.environment,
        stops_within_s=kind.stops_within_s,
        telling=kind.telling,
    )
    try:
        await until_ready(url, process, kind.ready_within_s)
    except BaseException as error:
        await process.stop()
        if isinstance(error, EnvironmentNotReady) and _PORT_TAKEN.search(process.last_words()):
            raise _PortLost(error.message, hint=error.hint) from error
        raise
    return process
