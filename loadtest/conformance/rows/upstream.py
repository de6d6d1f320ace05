"""What a charge point says, as it is published (contract 1.4, 2.1, 2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadtest.conformance import json_value
from loadtest.conformance.bench import fresh_message_id
from loadtest.conformance.findings import Finding, Nonconformity, deviating, passed
from loadtest.conformance.row import UNCHECKED, Theme
from loadtest.errors import EnvironmentNotReady

if TYPE_CHECKING:
    from loadtest.conformance.bench import Bench

theme = Theme("upstream")

BOOT = {"chargePointVendor": "VendorX", "chargePointModel": "SingleSocketCharger"}
VALUES: dict[str, Any] = {
    "integers": [0, -1, 2**31, 2**53 + 1, 123456789012345678901234567890],
    "decimals": [1.10, 0.1, -2.5e-7, 1e21],
    "text": 'äöü ß € 漢字 \U0001f50c \\ " / \n\t\u0001',
    "empty": [{}, [], ""],
    "other": [True, False, None],
    "nested": {"a": [{"b": [[{"c": None}]]}]},
}
"""What survives being decoded and encoded again."""

QOS_1 = "publishes with QoS 1; EMQX does with QoS 2"
PIPELINED = 20


@theme.row("2.2")
async def call(bench: Bench) -> Finding:
    """A CALL is published with exactly MessageTypeId, UniqueId, Action and Payload."""
    line = await bench.line()
    await line.call_up("BootNotification", BOOT)
    return passed(f"published on {line.topic(2, action='BootNotification')}")


@theme.row("2.2")
async def call_result(bench: Bench) -> Finding:
    """A CALLRESULT is published with exactly MessageTypeId, UniqueId and Payload, whether or not a CALL was sent."""
    line = await bench.line()
    message_id = fresh_message_id()
    await line.charge_point.send([3, message_id, {"status": "Accepted"}])
    envelope = {"MessageTypeId": 3, "UniqueId": message_id, "Payload": {"status": "Accepted"}}
    publication = await line.expect_published(line.topic(3, message_id=message_id), envelope)
    return passed(f"published on {publication.topic}")


@theme.row("2.2")
async def call_error(bench: Bench) -> Finding:
    """A CALLERROR is published with exactly MessageTypeId, UniqueId, ErrorCode and ErrorDescription."""
    line = await bench.line()
    message_id = fresh_message_id()
    await line.charge_point.send([4, message_id, "NotSupported", "no, ä", {"details": "are lost"}])
    envelope = {
        "MessageTypeId": 4,
        "UniqueId": message_id,
        "ErrorCode": "NotSupported",
        "ErrorDescription": "no, ä",
    }
    publication = await line.expect_published(line.topic(4, message_id=message_id), envelope)
    return passed(f"published on {publication.topic}, without details")


@theme.row("2.2")
async def values(bench: Bench) -> Finding:
    """Payloads keep their JSON value: integers of any size, decimals, UTF-8, nesting."""
    line = await bench.line()
    message_id = fresh_message_id()
    await line.charge_point.send([3, message_id, VALUES])
    envelope = {"MessageTypeId": 3, "UniqueId": message_id, "Payload": VALUES}
    await line.expect_published(line.topic(3, message_id=message_id), envelope)
    return passed("the same by value")


@theme.row("1.4")
async def long_unique_id(bench: Bench) -> Finding:
    """A UniqueId of 200 characters passes."""
    line = await bench.line()
    await line.call_up(message_id=fresh_message_id().ljust(200, "x"))
    return passed("published")


@theme.row("1.4", UNCHECKED)
async def untyped(bench: Bench) -> Finding:
    """UniqueId, action and payload pass whatever their type."""
    line = await bench.line()
    for unique_id, action, payload in ((17, "Heartbeat", []), (None, "Heartbeat", None), ("", "Heartbeat", 0)):
        await line.charge_point.send([2, unique_id, action, payload])
        publication = await line.published()
        envelope: Any = {"MessageTypeId": 2, "UniqueId": unique_id, "Action": action, "Payload": payload}
        if not json_value.same(publication.envelope, envelope):
            raise Nonconformity(f"published {json_value.shown(publication.payload)}")
    return passed("published as they are")


@theme.row("5", UNCHECKED)
async def unknown_action(bench: Bench) -> Finding:
    """An action no one knows passes while messages are not checked."""
    line = await bench.line()
    await line.call_up("NeverHeardOf", {"a": 1})
    return passed("published")


@theme.row("5", UNCHECKED)
async def security_action(bench: Bench) -> Finding:
    """An action of the security extension passes while messages are not checked."""
    line = await bench.line()
    await line.call_up("SecurityEventNotification", {"type": "SettingSystemTime", "timestamp": "2026-01-31T12:00:00Z"})
    return passed("published")


@theme.row("1.4")
async def pipelined(bench: Bench) -> Finding:
    """CALLs sent without waiting for answers are published in their order."""
    line = await bench.line()
    message_ids = [fresh_message_id() for _ in range(PIPELINED)]
    for message_id in message_ids:
        await line.charge_point.send([2, message_id, "Heartbeat", {}])
    for message_id in message_ids:
        envelope = {"MessageTypeId": 2, "UniqueId": message_id, "Action": "Heartbeat", "Payload": {}}
        await line.expect_published(line.topic(2, action="Heartbeat", message_id=message_id), envelope)
    return passed(f"{PIPELINED} in order")


@theme.row("2.1")
async def qos(bench: Bench) -> Finding:
    """Messages are published with QoS 2: a subscriber sees the QoS it has subscribed with."""
    line = await bench.line()
    backends = [await bench.backend(line.id, qos) for qos in (0, 1, 2)]
    granted = [each.granted_qos for each in backends]
    await line.charge_point.send([2, fresh_message_id(), "Heartbeat", {}])
    publications = [await each.next(bench.target.patience_s) for each in backends]
    seen = [publication.delivery.qos for publication in publications]
    observed = f"subscribers granted QoS {_listed(granted)} saw QoS {_listed(seen)}"
    if seen == granted:
        return passed(observed)
    if seen == [min(1, qos) for qos in granted]:
        return deviating(observed, QOS_1)
    raise Nonconformity(observed)


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))


@theme.row("2.1")
async def not_retained(bench: Bench) -> Finding:
    """Messages are not retained: who subscribes later does not see them."""
    line = await bench.line()
    message_id = await line.call_up()
    late = await bench.backend(line.id)
    # What is retained is delivered upon subscribing, so ahead of what is published afterwards.
    await line.call_up()
    first = await late.next(bench.target.patience_s)
    if first.delivery.retained or message_id.encode() in first.payload:
        raise Nonconformity("a later subscriber is sent the message")
    return passed("a later subscriber does not see them")


@theme.row("2.1")
async def no_properties(bench: Bench) -> Finding:
    """An MQTT 5 subscriber sees no properties."""
    line = await bench.line()
    try:
        modern = await bench.backend(line.id, mqtt5=True)
    except EnvironmentNotReady as error:
        return deviating(f"not to be seen: {error.message}", "the broker does not speak MQTT 5")
    await line.call_up()
    properties = (await modern.next(bench.target.patience_s)).delivery.properties
    if properties:
        raise Nonconformity(f"properties: {json_value.shown(str(properties))}")
    return passed("none")
