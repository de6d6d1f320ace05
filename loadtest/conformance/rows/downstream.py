"""What a backend publishes, as it reaches the charge point or does not (contract 2.2 and 2.3)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from loadtest.conformance import json_value
from loadtest.conformance.bench import fresh_message_id
from loadtest.conformance.findings import Finding, Nonconformity, deviating, passed
from loadtest.conformance.row import Theme
from loadtest.conformance.rows.upstream import VALUES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.conformance.bench import Bench, Line

theme = Theme("downstream")

PIGGYBACK = "EMQX's option piggyback=single, its default, puts several messages into one frame"
RESET = {"type": "Soft"}
SETTLED_S = 0.25
"""For a gateway to have given up the subscription of a charge point that has left."""

SEQUENTIAL, BURST, NEWCOMERS = 20, 200, 5


def _call(message_id: str, action: str = "Reset", payload: Any = None) -> dict[str, Any]:
    return {"MessageTypeId": 2, "UniqueId": message_id, "Action": action, "Payload": payload or RESET}


async def _arrive(line: Line, message_ids: Sequence[str]) -> None:
    for message_id in message_ids:
        await line.expect_received([2, message_id, "Reset", RESET])


def _in_order(line: Line, observed: str) -> Finding:
    if line.charge_point.concatenated:
        return deviating(f"{observed}, several in one frame", PIGGYBACK)
    return passed(observed)


@theme.row("2.2")
async def call(bench: Bench) -> Finding:
    """A CALL arrives as [2, id, action, payload]; further keys are ignored."""
    line = await bench.line()
    await line.works()
    line.down(_call("d1") | {"ErrorCode": "x", "further": {"keys": 1}})
    await line.expect_received([2, "d1", "Reset", RESET])
    return passed("arrived")


@theme.row("2.2")
async def call_result(bench: Bench) -> Finding:
    """A CALLRESULT arrives as [3, id, payload], whether or not there was such a CALL; further keys are ignored."""
    line = await bench.line()
    await line.works()
    line.down({"MessageTypeId": 3, "UniqueId": "unknown", "Payload": {"a": 1}, "Action": "Heartbeat", "further": 1})
    await line.expect_received([3, "unknown", {"a": 1}])
    return passed("arrived")


@theme.row("2.2")
async def call_error(bench: Bench) -> Finding:
    """A CALLERROR arrives as [4, id, code, description, {}]; its details are emptied."""
    line = await bench.line()
    await line.works()
    line.down(
        {
            "MessageTypeId": 4,
            "UniqueId": "h1",
            "ErrorCode": "InternalError",
            "ErrorDescription": "boom",
            "ErrorDetails": {"why": "lost"},
        }
    )
    await line.expect_received([4, "h1", "InternalError", "boom", {}])
    return passed("arrived, details emptied")


@theme.row("2.2")
async def values(bench: Bench) -> Finding:
    """Payloads keep their JSON value: integers of any size, decimals, UTF-8, nesting."""
    line = await bench.line()
    await line.works()
    await line.result_down(fresh_message_id(), VALUES)
    return passed("the same by value")


@theme.row("2.3")
async def malformed(bench: Bench) -> Finding:
    """What is no envelope is dropped: nothing arrives, nothing is published, the connection stays."""
    line = await bench.line()
    await line.works()
    envelopes: tuple[Any, ...] = (
        "this is not JSON",
        "",
        b"\xff\xfe",
        [2, "d1", "Reset", RESET],
        "null",
        {"MessageTypeId": 5, "UniqueId": "d1", "Payload": {}},
        {"MessageTypeId": "3", "UniqueId": "d1", "Payload": {}},
        '{"MessageTypeId":3.0,"UniqueId":"d1","Payload":{}}',
        {"UniqueId": "d1", "Payload": {}},
        {"MessageTypeId": 3, "Payload": {}},
        {"MessageTypeId": 3, "UniqueId": "d1"},
        {"MessageTypeId": 2, "UniqueId": "d1", "Payload": {}},
        {"MessageTypeId": 2, "UniqueId": "d1", "Action": "Reset"},
        {"MessageTypeId": 4, "UniqueId": "d1", "ErrorCode": "InternalError"},
        {"MessageTypeId": 4, "UniqueId": "d1", "ErrorDescription": "boom"},
    )
    for envelope in envelopes:
        line.down(envelope)
        try:
            await line.works()
        except Nonconformity as fault:
            raise Nonconformity(f"after {json_value.shown(envelope)}: {fault.message}") from None
    return passed(f"{len(envelopes)} kinds dropped, the connection stays")


@theme.row("2.3")
async def uncorrelated(bench: Bench) -> Finding:
    """A CALL while another is outstanding and a second answer to the same CALL are forwarded at once."""
    line = await bench.line()
    message_id = await line.call_up()
    line.down(_call("d1"))
    line.down(_call("d2"))
    await _arrive(line, ["d1", "d2"])
    await line.result_down(message_id, {"n": 1})
    await line.result_down(message_id, {"n": 2})
    return passed("forwarded unchecked")


@theme.row("2.3")
async def pipelined(bench: Bench) -> Finding:
    """Two CALLs published without waiting both arrive, in order."""
    line = await bench.line()
    await line.works()
    line.down(_call("d1"))
    line.down(_call("d2"))
    await _arrive(line, ["d1", "d2"])
    return _in_order(line, "both in order")


@theme.row("2.3")
async def offline(bench: Bench) -> Finding:
    """What is sent to a charge point that is not there is lost, and not replayed when it comes back."""
    line = await bench.line()
    await line.works()
    await line.charge_point.close()
    await asyncio.sleep(SETTLED_S)
    for qos in (0, 1, 2):
        line.down(_call(f"gone-{qos}"), qos)
    await line.backend.taken()
    await asyncio.sleep(SETTLED_S)
    line.charge_point = await bench.charge_point(line.id)
    await line.works()
    return passed("lost, nothing replayed")


@theme.row("2.3")
async def subscription_live(bench: Bench) -> Finding:
    """Once a charge point's first message is seen, what is published for it reaches it."""
    lines = [await bench.line() for _ in range(NEWCOMERS)]

    async def answer_first(line: Line) -> None:
        message_id = await line.call_up()
        line.down({"MessageTypeId": 3, "UniqueId": message_id, "Payload": {}}, qos=0)
        await line.expect_received([3, message_id, {}])

    await asyncio.gather(*(answer_first(line) for line in lines))
    return passed(f"the first answer reached {NEWCOMERS} of {NEWCOMERS}")


@theme.row("2.1")
async def any_qos(bench: Bench) -> Finding:
    """A message published with QoS 0, 1 or 2 arrives once."""
    line = await bench.line()
    await line.works()
    for qos in (0, 1, 2):
        line.down(_call(f"d{qos}"), qos)
        await _arrive(line, [f"d{qos}"])
    await line.works()
    return passed("each once")


@theme.row("2.1")
async def only_addressee(bench: Bench) -> Finding:
    """A message reaches the charge point in its topic and no other."""
    addressee, neighbour = await bench.line(), await bench.line()
    await addressee.works()
    await neighbour.works()
    addressee.down(_call("d1"))
    await _arrive(addressee, ["d1"])
    await neighbour.works()
    return passed("the neighbour received nothing")


@theme.row("2.3")
async def sequential(bench: Bench) -> Finding:
    """Twenty messages, each published when the one before has arrived, all arrive on one connection."""
    line = await bench.line()
    await line.works()
    for number in range(SEQUENTIAL):
        line.down(_call(f"d{number}"))
        await _arrive(line, [f"d{number}"])
    return passed(f"{SEQUENTIAL} arrived")


@theme.row("2.3")
async def burst(bench: Bench) -> Finding:
    """Two hundred messages published at once all arrive, in order."""
    line = await bench.line()
    await line.works()
    message_ids = [f"d{number}" for number in range(BURST)]
    for message_id in message_ids:
        line.down(_call(message_id))
    await _arrive(line, message_ids)
    await line.works()
    return _in_order(line, f"{BURST} in order")
