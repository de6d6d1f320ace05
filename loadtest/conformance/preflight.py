"""Whether there is anything to hold against the contract: both ends answer, and messages pass.

Without that every row would fail, and none would say why.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from loadtest.clock import rfc3339, utc_now
from loadtest.conformance.backend import backend
from loadtest.conformance.bench import Bench, fresh_message_id
from loadtest.conformance.charge_point import charge_point
from loadtest.conformance.findings import Nonconformity
from loadtest.errors import EnvironmentNotReady, Faults, UsageError
from loadtest.transport import mqtt_url

if TYPE_CHECKING:
    from loadtest.conformance.bench import Line
    from loadtest.conformance.target import Target

BOOT = {"chargePointVendor": "VendorX", "chargePointModel": "SingleSocketCharger"}


async def preflight(target: Target) -> None:
    """Connect to both ends, send a message up and one down, and leave.

    Raises:
        UsageError: With a sentence for each end that is unusable, or for the way between them.
    """
    found = Faults()
    for check in (_gateway, _broker):
        with found.gathered():
            await check(target)
    found.refuse()
    async with Bench(target, "preflight") as bench:
        await _passes(bench)


async def _gateway(target: Target) -> None:
    async with Bench(target, "preflight") as bench:
        try:
            async with charge_point(target, bench.new_id()):
                return
        except Nonconformity as fault:
            raise EnvironmentNotReady(
                f"gateway {target.gateway}: {fault.message}",
                hint="a charge point asks for <url>/<its id> with the subprotocol ocpp1.6; is the path right?",
            ) from None


async def _broker(target: Target) -> None:
    try:
        async with asyncio.timeout(target.patience_s), backend(target.broker):
            return
    except TimeoutError:
        raise EnvironmentNotReady(
            f"MQTT broker {mqtt_url.parse(target.broker)} did not answer within {target.patience_s:g} s",
            hint="is it an MQTT broker, and this its plain TCP port?",
        ) from None


async def _passes(bench: Bench) -> None:
    """A CALL goes up and its answer down, whatever becomes of them on the way.

    Raises:
        UsageError: Nothing arrives; names the likely cause.
    """
    target = bench.target
    line = await bench.line()
    message_id = fresh_message_id()
    await line.charge_point.send([2, message_id, "BootNotification", BOOT])
    expected = line.topic(2, action="BootNotification", message_id=message_id)
    try:
        await line.backend.next(target.patience_s)
    except Nonconformity:
        elsewhere = await _published_elsewhere(line, target)
        if elsewhere:
            raise UsageError(
                f"the gateway publishes what charge points send on {elsewhere!r}, not on {expected!r}",
                hint="say its topics with --mountpoint, --call-topic, --reply-topic, --error-topic, --downstream-topic",
            ) from None
        raise UsageError(
            f"nothing that a charge point sends to gateway {target.gateway} arrives at broker "
            f"{mqtt_url.parse(target.broker)}, where {expected!r} was waited for over {target.patience_s:g} s",
            hint="is --broker the one that gateway is connected to? if so, are its topics others (--mountpoint, …)?",
        ) from None
    answer = {"status": "Accepted", "interval": 300, "currentTime": rfc3339(utc_now())}
    line.down({"MessageTypeId": 3, "UniqueId": message_id, "Payload": answer})
    try:
        await line.charge_point.receive(target.patience_s)
    except Nonconformity as fault:
        raise UsageError(
            f"an answer published on {line.downstream_topic!r} does not reach the charge point: {fault.message}",
            hint="does the gateway listen to another topic? say it with --mountpoint, --downstream-topic",
        ) from None


async def _published_elsewhere(line: Line, target: Target) -> str:
    """On which topic the broker sees one more CALL; empty: on none, or it lets nobody see all topics."""
    message_id = fresh_message_id()
    try:
        async with backend(target.broker, ["#"], 0) as everything, asyncio.timeout(target.patience_s):
            await line.charge_point.send([2, message_id, "Heartbeat", {}])
            while True:
                publication = await everything.next(target.patience_s)
                if line.id in publication.topic or message_id.encode() in publication.payload:
                    return publication.topic
    except (Nonconformity, TimeoutError):
        return ""
