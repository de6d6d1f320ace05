"""What every broker is to the rest of the harness: facts for the run record, a sign of its death, a way to stop it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from loadtest.scenario.settings import masked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtest.brokers.process import BrokerProcess


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerFacts:
    """A broker as the run record describes it.

    Attributes:
        kind: ``mosquitto``, ``amqtt`` or ``external``.
        version: As the broker states it; empty when it does not say.
        url: Where it listens, ``mqtt://host:port``.
        why: The reason this broker was taken.
        embedded: Started by the harness.
        settings: What was configured away from the broker's defaults.
        pid: Its process, when it is ours.
        log_file: Its log, when it is ours.
    """

    kind: str
    version: str
    url: str
    why: str
    embedded: bool
    settings: Mapping[str, str] = field(default_factory=dict)
    pid: int | None = None
    log_file: str = ""

    def public(self) -> dict[str, Any]:
        """As a plain mapping for records, with no password in the URL."""
        return {
            "kind": self.kind,
            "version": self.version,
            "url": masked(self.url),
            "why": self.why,
            "embedded": self.embedded,
            "settings": dict(self.settings),
            "pid": self.pid,
            "log_file": self.log_file,
        }


class Broker:
    """A broker that has answered an MQTT CONNECT.

    Args:
        facts: What it is.
        process: Its process when it is ours; an external broker has none.
    """

    def __init__(self, facts: BrokerFacts, process: BrokerProcess | None = None) -> None:
        self.facts = facts
        self._process = process

    async def died(self) -> str:
        """Wait until the broker's process ends and say how. Never returns for an external broker."""
        if self._process is None:
            await asyncio.Event().wait()
            raise AssertionError  # the event is never set
        return f"broker {self.facts.kind} {await self._process.ended()}"

    async def stop(self) -> None:
        """Stop it if it is ours; safe to call twice."""
        if self._process is not None:
            await self._process.stop()
