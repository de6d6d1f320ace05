"""What every broker is to the rest of the harness: facts for the run record, a sign of its death, a way to stop it."""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from loadtest.brokers.ports import hold
from loadtest.scenario.settings import masked

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from loadtest.brokers.kind import Features
    from loadtest.brokers.process import BrokerProcess


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerFacts:
    """A broker as the run record describes it.

    Attributes:
        kind: The name of its kind, or ``external``.
        version: As the broker states it; empty when it does not say.
        url: Where it listens, ``mqtt://host:port``.
        why: The reason this broker was taken.
        embedded: Started by the harness.
        settings: What was configured away from the broker's defaults.
        features: What it can do: known of our own kinds, tried with an external one.
        pid: Its process, when it is ours.
        log_file: Its log, when it is ours.
        config_files: Its configuration, when it is ours.
        qos: The quality of service it is used with.
        adaptations: What is otherwise than asked for because of it, in sentences.
    """

    kind: str
    version: str
    url: str
    why: str
    embedded: bool
    features: Features
    settings: Mapping[str, str] = field(default_factory=dict)
    pid: int | None = None
    log_file: str = ""
    config_files: Sequence[str] = ()
    qos: int = 1
    adaptations: Sequence[str] = ()

    def public(self) -> dict[str, Any]:
        """As a plain mapping for records, with no password in the URL."""
        return {
            "kind": self.kind,
            "version": self.version,
            "url": masked(self.url),
            "why": self.why,
            "embedded": self.embedded,
            "settings": dict(self.settings),
            "features": dataclasses.asdict(self.features),
            "pid": self.pid,
            "log_file": self.log_file,
            "config_files": list(self.config_files),
            "qos": self.qos,
        }


class Broker:
    """A broker that has answered an MQTT CONNECT.

    Args:
        facts: What it is.
        process: Its process when it is ours; an external broker has none.
        launch: Starts it again, as it was and where it was.
        data_dir: What it keeps, removed in the end.

    Attributes:
        pids: Its processes so far, one after the other; the last is the present one.
    """

    def __init__(
        self,
        facts: BrokerFacts,
        process: BrokerProcess | None = None,
        launch: Callable[[], Awaitable[BrokerProcess]] | None = None,
        data_dir: Path | None = None,
    ) -> None:
        self.facts = facts
        self.pids = [] if process is None else [process.pid]
        self._process = process
        self._launch = launch
        self._data_dir = data_dir
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._holder: socket.socket | None = None

    async def died(self) -> str:
        """Wait until the broker's process ends and say how. Never returns for an external broker."""
        if self._process is None:
            await asyncio.Event().wait()
            raise AssertionError  # the event is never set
        while True:
            how = await self._process.ended()
            if self._wanted.is_set():
                return f"broker {self.facts.kind} {how}"
            await self._wanted.wait()

    def pause(self) -> None:
        """Have it stand still."""
        self._ours.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Have it go on."""
        self._ours.send_signal(signal.SIGCONT)

    async def take_down(self, *, kill: bool) -> None:
        """End it on purpose; its port is kept for it.

        Args:
            kill: Without notice; else in good order.
        """
        self._wanted.clear()
        if kill:
            await self._ours.kill()
        else:
            await self._ours.stop()
        url = urlsplit(self.facts.url)
        self._holder = hold(url.hostname or "", url.port or 0)

    async def bring_back(self) -> None:
        """Start it again and wait until it answers.

        Raises:
            EnvironmentNotReady: It does not start.
        """
        assert self._launch is not None
        try:
            self._process = await self._launch()
        finally:
            self._release()
        self.pids.append(self._process.pid)
        self._wanted.set()

    @property
    def _ours(self) -> BrokerProcess:
        assert self._process is not None
        return self._process

    def _release(self) -> None:
        if self._holder is not None:
            self._holder.close()
            self._holder = None

    async def stop(self) -> None:
        """Stop it if it is ours; safe to call twice."""
        self._release()
        if self._process is not None:
            await self._process.stop()
        if self._data_dir is not None:
            shutil.rmtree(self._data_dir, ignore_errors=True)
