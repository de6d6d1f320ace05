"""One part of the system under test by itself, for use with anything else, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from loadtest.brokers.process import ending
from loadtest.brokers.readiness import answers_connect
from loadtest.brokers.start import start as start_broker
from loadtest.clock import monotonic_ns
from loadtest.errors import HarnessError, LoadTestError
from loadtest.runner.child_process import start_child
from loadtest.runner.descriptors import raise_limit
from loadtest.runner.gateway_processes import start_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping

    from loadtest.control import messages
    from loadtest.runner.gateway_processes import GatewayRequest

_T = TypeVar("_T")

CSMS_MODULE = "loadtest.csms"
CSMS_READY_S = 20.0


async def gateway(request: GatewayRequest, announce: Callable[[str], None]) -> None:
    """Serve the gateway until SIGINT or SIGTERM; ``announce`` is called with its URL.

    Raises:
        EnvironmentNotReady: The broker does not answer, the port is taken.
        HarnessError: A process of it ended by itself.
    """
    told = _told()
    raise_limit()
    with _log_dir() as log_dir:
        running = await start_gateway(request, log_dir, _ignore)
        deaths: asyncio.Queue[str] = asyncio.Queue()
        try:
            announce(running.url)
            async with _task(running.watch(deaths.put_nowait)):
                await _serve(told, deaths.get())
        finally:
            await running.stop()


async def csms(settings: dict[str, object], announce: Callable[[str], None]) -> None:
    """Serve the central system until SIGINT or SIGTERM; ``announce`` is called with the broker's URL.

    Raises:
        EnvironmentNotReady: The broker does not answer.
        HarnessError: Its process ended by itself.
    """
    told = _told()
    url = str(settings["broker_url"])
    await answers_connect(url)
    with _log_dir() as log_dir:
        child = await start_child(CSMS_MODULE, name="csms", log_file=log_dir / "csms.log", on_notice=_ignore)
        try:
            await child.configure(settings | {"epoch_ns": monotonic_ns()}, CSMS_READY_S)
            announce(url)

            async def death() -> str:
                return f"csms {ending(await child.ended())}"

            await _serve(told, death())
        finally:
            await child.stop()


async def broker(
    wanted: str, port: int | None, settings: Mapping[str, str], announce: Callable[[str, str], None]
) -> None:
    """Serve a broker until SIGINT or SIGTERM; ``announce`` is called with its URL and what it is.

    Raises:
        UsageError: There is no such broker, or it does not have such settings.
        EnvironmentNotReady: It is not installed, does not start, or the port is taken.
        HarnessError: It ended by itself.
    """
    told = _told()
    raise_limit()
    with _log_dir() as log_dir:
        running = await start_broker(wanted, log_dir, port=port, settings=settings)
        try:
            announce(running.facts.url, f"{running.facts.kind} {running.facts.version}, {running.facts.why}")
            await _serve(told, running.died())
        finally:
            await running.stop()


def _told() -> asyncio.Event:
    """Set by SIGINT or SIGTERM from now on; what is being started then is finished, and stopped."""
    told = asyncio.Event()
    for which in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(which, told.set)
    return told


async def _serve(told: asyncio.Event, death: Coroutine[None, None, str]) -> None:
    """Wait until told to stop.

    Raises:
        HarnessError: ``death`` came first.
    """
    async with _task(death) as dying, _task(told.wait()) as telling:
        await asyncio.wait({dying, telling}, return_when=asyncio.FIRST_COMPLETED)
        if dying.done() and not told.is_set():
            raise HarnessError(dying.result())


@contextlib.asynccontextmanager
async def _task(work: Coroutine[None, None, _T]) -> AsyncIterator[asyncio.Task[_T]]:
    """A task that lives no longer than the block."""
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.contextmanager
def _log_dir() -> Iterator[Path]:
    """A folder for logs, removed at the end; kept when a process of ours failed, or an error's hint names it."""
    folder = tempfile.mkdtemp(prefix="loadtest-")
    keep = False
    try:
        yield Path(folder)
    except LoadTestError as error:
        keep = isinstance(error, HarnessError) or folder in error.hint
        raise
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _ignore(_notice: messages.Notice) -> None:
    """Reports have no reader here."""
