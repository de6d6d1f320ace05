"""Whether a broker is there: it has answered an MQTT CONNECT, which an open port alone does not tell."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING

from loadtest.errors import EnvironmentNotReady
from loadtest.transport import mqtt_client, mqtt_url

if TYPE_CHECKING:
    from loadtest.brokers.process import BrokerProcess

PROBE_TIMEOUT_S = 5.0
_RETRY_S = 0.02


def probe_client_id() -> str:
    """A client id no one else has: a broker throws out the earlier owner of an id."""
    return f"loadtest-probe-{secrets.token_hex(4)}"


def ignore_message(_topic: bytes, _payload: bytes) -> None:
    """For a client that subscribes to nothing."""


async def answers_connect(url: str, timeout_s: float = PROBE_TIMEOUT_S) -> None:
    """Connect, be accepted, leave.

    Raises:
        UsageError: ``url`` is not a broker URL.
        EnvironmentNotReady: Nothing is there, it refused, or it kept silent; says which.
    """
    try:
        async with asyncio.timeout(timeout_s):
            client = await mqtt_client.connect(url, client_id=probe_client_id(), on_message=ignore_message)
            await client.close()
    except TimeoutError:
        raise EnvironmentNotReady(
            f"MQTT broker {mqtt_url.parse(url)} did not answer within {timeout_s:g} s",
            hint="is it an MQTT broker, and this its plain TCP port?",
        ) from None


async def until_ready(url: str, process: BrokerProcess, timeout_s: float) -> None:
    """Wait until a broker just started answers.

    Raises:
        EnvironmentNotReady: Its process ended first, or the time is up; with the end of its log.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return await answers_connect(url, timeout_s=1.0)
        except EnvironmentNotReady as error:
            if not process.running:
                reason = f"{process.name} {await process.ended()} instead of serving {mqtt_url.parse(url)}"
            elif time.monotonic() > deadline:
                reason = f"{process.name} was not ready after {timeout_s:g} s: {error.message}"
            else:
                await asyncio.sleep(_RETRY_S)
                continue
            said = process.last_words()
            raise EnvironmentNotReady(
                f"{reason}\n{said}" if said else reason, hint=f"its log: {process.log_file}"
            ) from error
