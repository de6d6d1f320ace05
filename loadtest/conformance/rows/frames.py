"""WebSocket frames, and texts that are no OCPP-J message (contract 1.3 and 1.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadtest.conformance import json_value
from loadtest.conformance.bench import fresh_message_id
from loadtest.conformance.findings import Finding, Nonconformity, deviating, passed
from loadtest.conformance.row import Theme

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loadtest.conformance.bench import Bench

theme = Theme("frames")

UNWRAPPED = "EMQX takes a JSON string for the message within it"
NO_CLOSE_FRAME = "ends the connection without the Close frame that RFC 6455 section 7.1.7 recommends"
WITHOUT_EFFECT = "no reply, nothing published, the connection stays"


async def _dropped(bench: Bench, texts: Iterable[str]) -> Finding:
    """Each text must be without any effect."""
    line = await bench.line()
    await line.works()
    for text in texts:
        await line.charge_point.send(text)
        try:
            await line.works()
        except Nonconformity as fault:
            raise Nonconformity(f"after {json_value.shown(text)!r}: {fault.message}") from None
    return passed(WITHOUT_EFFECT)


def _heartbeat(message_id: str) -> dict[str, Any]:
    """The envelope of a Heartbeat."""
    return {"MessageTypeId": 2, "UniqueId": message_id, "Action": "Heartbeat", "Payload": {}}


@theme.row("1.4")
async def bad_json(bench: Bench) -> Finding:
    """Text that is not JSON is dropped: no reply, nothing published, the connection stays."""
    return await _dropped(bench, ("{", '[2,"1","Heartbeat",{}', "nonsense", '[2,"1","Heartbeat",{}]]'))


@theme.row("1.4")
async def wrong_arity(bench: Bench) -> Finding:
    """An array with too few or too many elements is dropped in silence."""
    texts = ("[]", "[2]", '[2,"1","Heartbeat"]', '[2,"1","Heartbeat",{},{}]', '[3,"1"]', '[3,"1",{},{}]')
    return await _dropped(bench, texts)


@theme.row("1.4")
async def call_error_without_details(bench: Bench) -> Finding:
    """A CALLERROR of four elements is dropped in silence."""
    return await _dropped(bench, ('[4,"1","NotSupported","no details"]',))


@theme.row("1.4")
async def unknown_type(bench: Bench) -> Finding:
    """A message type id other than the integers 2, 3 and 4 is dropped in silence."""
    return await _dropped(
        bench, ('[5,"1","Heartbeat",{}]', '["2","1","Heartbeat",{}]', '[2.0,"1","Heartbeat",{}]', '[null,"1",{}]')
    )


@theme.row("1.4")
async def no_array(bench: Bench) -> Finding:
    """A JSON object, number, boolean or null is dropped in silence."""
    return await _dropped(bench, ('{"MessageTypeId":2}', "2", "true", "null", '"text"'))


@theme.row("1.4")
async def array_in_string(bench: Bench) -> Finding:
    """A JSON string that contains a message is dropped in silence."""
    line = await bench.line()
    wrapped, plain = fresh_message_id(), fresh_message_id()
    await line.charge_point.send(json_value.encode(json_value.encode([2, wrapped, "Heartbeat", {}])))
    await line.charge_point.send([2, plain, "Heartbeat", {}])
    first = await line.published()
    unwrapped = json_value.same(first.envelope, _heartbeat(wrapped))
    published = await line.published() if unwrapped else first
    if not json_value.same(published.envelope, _heartbeat(plain)):
        raise Nonconformity(f"published {json_value.shown(published.payload)}")
    await line.works()
    return deviating("unwrapped and published", UNWRAPPED) if unwrapped else passed(WITHOUT_EFFECT)


@theme.row("1.3")
async def empty_text(bench: Bench) -> Finding:
    """An empty text frame is ignored."""
    return await _dropped(bench, ("",))


@theme.row("1.3")
async def binary(bench: Bench) -> Finding:
    """A binary frame ends the connection, with code 1000 or without a Close frame."""
    line = await bench.line()
    await line.works()
    await line.charge_point.send(b'[2,"1","Heartbeat",{}]')
    ending = await line.charge_point.ended(bench.target.patience_s)
    if ending is None:
        raise Nonconformity("the connection stays")
    if ending.code not in (None, 1000):
        raise Nonconformity(f"the connection {ending}")
    return passed(f"the connection {ending}")


@theme.row("1.3")
async def ping(bench: Bench) -> Finding:
    """A ping is answered with its payload."""
    line = await bench.line()
    await line.charge_point.ping(bench.target.patience_s)
    return passed("answered")


@theme.row("1.3")
async def fragmented(bench: Bench) -> Finding:
    """A text message in several frames is one message, also with a ping between them."""
    line = await bench.line()
    message_id = fresh_message_id()
    text = json_value.encode([2, message_id, "Heartbeat", {}])
    await line.charge_point.send_fragments((text[:5], text[5:6], text[6:]))
    await line.expect_published(line.topic(2, action="Heartbeat", message_id=message_id), _heartbeat(message_id))
    return passed("three frames published as one message")


@theme.row("1.3")
async def large(bench: Bench) -> Finding:
    """A message of 256 KiB passes in both directions."""
    line = await bench.line()
    text = "x" * (256 * 1024)
    await line.call_up("DataTransfer", {"vendorId": "V", "data": text})
    await line.result_down(fresh_message_id(), {"status": "Accepted", "data": text})
    return passed("passes in both directions")


async def _fails_with(bench: Bench, frame: bytes, code: int) -> Finding:
    """The frame, as it is on the wire, must end the connection with this code."""
    line = await bench.line()
    await line.works()
    line.charge_point.send_raw(frame)
    ending = await line.charge_point.ended(bench.target.patience_s)
    if ending is None:
        raise Nonconformity("the connection stays")
    if ending.code is None:
        return deviating(f"the connection {ending}", NO_CLOSE_FRAME)
    if ending.code != code:
        raise Nonconformity(f"the connection {ending} instead of {code}")
    return passed(f"the connection {ending}")


@theme.row("1.3")
async def unmasked(bench: Bench) -> Finding:
    """A frame that is not masked closes the connection with 1002."""
    return await _fails_with(bench, b"\x81\x02[]", 1002)


@theme.row("1.3")
async def reserved_bit(bench: Bench) -> Finding:
    """A frame with a reserved bit set closes the connection with 1002."""
    return await _fails_with(bench, b"\xa1\x82\0\0\0\0[]", 1002)


@theme.row("1.3")
async def invalid_utf8(bench: Bench) -> Finding:
    """Text that is not UTF-8 closes the connection with 1007."""
    return await _fails_with(bench, b'\x81\x84\0\0\0\0"\xc3\x28"', 1007)


@theme.row("1.3")
async def close_echoed(bench: Bench) -> Finding:
    """A client's Close frame is answered with its code."""
    line = await bench.line()
    await line.works()
    ending = await line.charge_point.close(1001)
    if ending.code != 1001:
        raise Nonconformity(f"the connection {ending} instead of 1001")
    return passed("1001 was answered with 1001")
