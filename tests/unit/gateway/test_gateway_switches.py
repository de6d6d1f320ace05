"""What the gateway does when told to: checks, answers of its own, strict mode, other topics, limits, fair turns."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from gateway_in_memory import HEARTBEAT, REQUEST, Bench, FakeTransport, text

from loadtest.gateway.charge_point_connection import TURN_BYTES
from loadtest.transport import websocket_frames as ws

VALID = b'[2,"1","Authorize",{"idTag":"TAG"}]'
INVALID = b'[2,"2","Authorize",{"tag":1}]'
UNKNOWN = b'[2,"3","FlyAway",{}]'
WHITEPAPER = b'[2,"4","SecurityEventNotification",{"type":"x","timestamp":"2026-01-01T00:00:00Z"}]'
ENVELOPE = b'{"MessageTypeId":2,"UniqueId":"%b","Action":"%b","Payload":%b}'


def published(bench: Bench) -> list[tuple[bytes, Any]]:
    return [(entry[1], json.loads(entry[2])) for entry in bench.broker.log if entry[0] == "publish"]  # type: ignore[misc, arg-type]


def received(transport: FakeTransport) -> list[bytes]:
    """Text messages sent to a charge point."""
    messages = ws.FrameReader(expect_masked=False, max_message_bytes=1 << 24).feed(b"".join(transport.written[1:]))
    return [payload for opcode, payload in messages if opcode == ws.TEXT]


@pytest.mark.parametrize("mode", ["upstream_only", "all"])
def test_invalid_calls_and_actions_without_schema_are_dropped_in_silence(mode: str) -> None:
    bench = Bench(message_format_checking=mode)
    connection, transport = bench.connect()
    connection.data_received(b"".join(map(text, (VALID, INVALID, UNKNOWN, WHITEPAPER, b'[3,"9",{"what":"ever"}]'))))
    assert [envelope["UniqueId"] for _, envelope in published(bench)] == ["1", "9"]
    assert bench.gateway.counters.upstream_dropped["schema"] == 3
    assert received(transport) == []
    bench.gateway.downstream(b"ocpp/cs/A", ENVELOPE % (b"d", b"Reset", b'{"type":"Sideways"}'))
    assert received(transport) == [b'[2,"d","Reset",{"type":"Sideways"}]'], "EMQX does not check downstream"


@pytest.mark.parametrize("mode", ["disable", "dnstream_only"])
def test_without_upstream_checking_everything_passes(mode: str) -> None:
    bench = Bench(message_format_checking=mode)
    connection, _ = bench.connect()
    connection.data_received(text(INVALID) + text(UNKNOWN))
    assert len(published(bench)) == 2


def test_downstream_is_checked_only_as_an_extension() -> None:
    bench = Bench(check_downstream=True)
    _, transport = bench.connect()
    bench.gateway.downstream(b"ocpp/cs/A", ENVELOPE % (b"d", b"Reset", b'{"type":"Sideways"}'))
    bench.gateway.downstream(b"ocpp/cs/A", ENVELOPE % (b"e", b"Reset", b'{"type":"Soft"}'))
    assert received(transport) == [b'[2,"e","Reset",{"type":"Soft"}]']
    assert bench.gateway.counters.downstream_dropped["schema"] == 1


def test_call_errors_for_what_is_malformed_or_not_valid() -> None:
    bench = Bench(message_format_checking="all", call_error_on_invalid=True)
    connection, transport = bench.connect()
    for frame in (INVALID, UNKNOWN, b'[2,"5","Heartbeat"]', b'[2,"6"', b"[2", b'[3,"7"]', b'[9,"8","A",{}]', b"junk"):
        connection.data_received(text(frame))
    answers = [json.loads(answer) for answer in received(transport)]
    assert [(answer[0], answer[1], answer[2]) for answer in answers] == [
        (4, message_id, "FormationViolation") for message_id in ("2", "3", "5", "6", "-1")
    ]
    assert bench.gateway.counters.call_errors_sent == 5
    assert bench.gateway.counters.upstream_dropped.total() == 8
    assert connection.is_open


def test_invalid_json_closes_only_when_asked_to() -> None:
    async def body() -> None:
        bench = Bench(close_on_invalid_json=True)
        connection, transport = bench.connect()
        connection.data_received(text(b'[2,"wrong arity"]'))
        assert connection.is_open
        connection.data_received(text(b"{") + text(HEARTBEAT))
        assert transport.written[-1] == ws.server_frame(ws.CLOSE, ws.close_payload(1007))
        connection.connection_lost(None)
        assert bench.gateway.counters.closed["invalid_json"] == 1
        assert published(bench) == []

    asyncio.run(body())


def test_strict_mode_upstream_and_downstream() -> None:
    bench = Bench(strict=True, strict_retry_interval_s=2, strict_max_retries=1, downstream_queue=1, idle_timeout_s=0)
    connection, transport = bench.connect()
    connection.data_received(text(VALID) + text(HEARTBEAT) + text(VALID))
    assert [envelope["UniqueId"] for _, envelope in published(bench)] == ["1", "1"]
    assert json.loads(received(transport)[0])[:3] == [4, "7", "SecurityError"]
    bench.gateway.downstream(b"ocpp/cs/A", b'{"MessageTypeId":3,"UniqueId":"1","Payload":{}}')
    connection.data_received(text(HEARTBEAT))
    assert len(published(bench)) == 3
    transport.written[1:] = []
    for message_id in (b"d1", b"d2", b"d3"):
        bench.gateway.downstream(b"ocpp/cs/A", ENVELOPE % (message_id, b"Reset", b"{}"))
    bench.pass_time(2.2)
    connection.data_received(text(b'[3,"d1",{}]'))
    bench.pass_time(4.4)
    assert [json.loads(frame)[1] for frame in received(transport)] == ["d1", "d1", "d2", "d2"]
    totals = bench.gateway.counters
    assert (totals.downstream_calls, totals.strict_queued, totals.strict_repeated, totals.strict_given_up) == (
        2,
        1,
        2,
        1,
    )
    assert totals.downstream_dropped["queue_full"] == totals.upstream_dropped["outstanding"] == 1


def test_what_waits_in_strict_mode_is_dropped_with_its_connection() -> None:
    bench = Bench(strict=True)
    connection, _ = bench.connect()
    for message_id in (b"d1", b"d2", b"d3"):
        bench.gateway.downstream(b"ocpp/cs/A", ENVELOPE % (message_id, b"Reset", b"{}"))
    connection.connection_lost(None)
    bench.pass_time(100)
    assert bench.gateway.counters.downstream_dropped["call_offline"] == 2


def test_single_puts_what_leaves_in_one_turn_into_one_frame() -> None:
    async def body() -> None:
        bench = Bench(piggyback="single")
        _, transport = bench.connect(b"A")
        _, other = bench.connect(b"B")
        for topic, message_id in ((b"ocpp/cs/A", b"1"), (b"ocpp/cs/B", b"2"), (b"ocpp/cs/A", b"3")):
            bench.gateway.downstream(topic, ENVELOPE % (message_id, b"Reset", b"{}"))
        await asyncio.sleep(0)
        bench.gateway.downstream(b"ocpp/cs/A", ENVELOPE % (b"4", b"Reset", b"{}"))
        await asyncio.sleep(0)
        assert received(transport) == [b'[2,"1","Reset",{}][2,"3","Reset",{}]', b'[2,"4","Reset",{}]']
        assert received(other) == [b'[2,"2","Reset",{}]']

    asyncio.run(body())


def test_topics_are_made_from_templates() -> None:
    bench = Bench(
        mountpoint="m/${cid}/",
        upstream_topic="up/${action}/${id}",
        upstream_reply_topic="result",
        upstream_error_topic="error/${type}/${action}",
        topic_override_mapping={"Heartbeat": "pulse"},
        dnstream_topic="down",
        qos=1,
        upstream_qos=2,
    )
    connection, transport = bench.connect(b"A")
    connection.data_received(b"".join(map(text, (VALID, HEARTBEAT, b'[3,"1",{}]', b'[4,"1","InternalError","",{}]'))))
    assert bench.broker.log[0] == ("subscribe", (b"m/A/down", 1))
    assert [topic for topic, _ in published(bench)] == [
        b"m/A/up/Authorize/1",
        b"m/A/pulse",
        b"m/A/result",
        b"m/A/error/4/undefined",
    ]
    assert {entry[3] for entry in bench.broker.log[1:]} == {2}
    bench.gateway.downstream(b"m/A/down", ENVELOPE % (b"d", b"Reset", b"{}"))
    assert received(transport) == [b'[2,"d","Reset",{}]']


@pytest.mark.parametrize(
    "frame",
    [
        b'[2,"1","a/b",{}]',
        b'[2,"1","#",{}]',
        b'[2,"1","",{}]',
        rb'[2,"1","\u0000",{}]',
        b'[2,"1","' + b"x" * 300 + b'",{}]',
        b'[2,"B","cs",{}]',  # would be what the central system sends to another charge point
    ],
)
def test_a_charge_point_cannot_choose_a_topic_it_should_not(frame: bytes) -> None:
    bench = Bench(upstream_topic="${action}/${id}")
    connection, _ = bench.connect()
    connection.data_received(text(frame))
    assert published(bench) == []
    assert bench.gateway.counters.upstream_dropped["topic"] == 1


def test_limits_on_connections_and_frames() -> None:
    async def body() -> None:
        bench = Bench(max_connections=1, max_frame_bytes=100)
        _, transport = bench.connect(b"A")
        _, refused = bench.connect(b"B")
        assert refused.written[0].startswith(b"HTTP/1.1 503 ")
        assert refused.written[0].endswith(b"max_connections")
        newcomer, replacing = bench.connect(b"A")
        assert not replacing.cut, "a charge point that comes again takes no further place"
        assert transport.cut
        newcomer.data_received(text(b"x" * 101))
        assert replacing.written[-1] == ws.server_frame(ws.CLOSE, ws.close_payload(1009))
        assert bench.gateway.counters.refused["max_connections"] == 1

    asyncio.run(body())


def test_handshakes_are_turned_down_on_purpose_in_the_share_asked_for() -> None:
    async def body() -> None:
        bench = Bench()
        bench.connect(b"before")
        bench.gateway.refuse_handshakes(429, 0.4)
        answers = [bench.connect(b"%d" % number)[1].written[0] for number in range(10)]
        assert [answer[9:12] for answer in answers] == [b"101", b"101", b"429", b"101", b"429"] * 2
        bench.gateway.refuse_handshakes(429, 0)
        assert bench.connect(b"after")[1].written[0].startswith(b"HTTP/1.1 101 ")
        assert bench.gateway.connected == 8
        assert bench.gateway.counters.refused["http_429"] == 4

    asyncio.run(body())


def test_no_more_than_so_many_handshakes_at_once() -> None:
    bench = Bench(max_handshakes=2)
    waiting = []
    for _ in range(3):
        connection, transport = bench.gateway.connection(), FakeTransport()
        connection.connection_made(transport)
        waiting.append((connection, transport))
    assert [transport.cut for _, transport in waiting] == [False, False, True]
    waiting[2][0].connection_lost(None)
    waiting[0][0].data_received(REQUEST % b"A")
    _, late = bench.connect(b"B")
    assert not late.cut
    assert bench.gateway.connected == 2
    assert bench.gateway.counters.refused["max_handshakes"] == 1


def test_heartbeat_backoff_and_subprotocol_and_origin_switches() -> None:
    bench = Bench(default_heartbeat_interval_s=5, idle_timeout_s=0, heartbeat_checking_times_backoff=3)
    _, transport = bench.connect()
    bench.pass_time(19.5)
    assert not transport.is_closing()
    bench.pass_time(1.8)
    assert transport.is_closing()
    bench = Bench(fail_if_no_subprotocol=False, check_origins=["https://console.example"])
    answers = []
    for header in (b"", b"Origin: https://console.example\r\n", b"Origin: https://evil.example\r\n"):
        connection, transport = bench.gateway.connection(), FakeTransport()
        connection.connection_made(transport)
        request = (REQUEST % b"A").replace(b"Sec-WebSocket-Protocol: ocpp1.6\r\n", header)
        connection.data_received(request)
        answers.append(transport.written[0])
    assert [answer[9:12] for answer in answers] == [b"101", b"101", b"403"]
    assert b"Sec-WebSocket-Protocol: ocpp1.6" in answers[0]


def test_a_flood_is_dealt_with_in_turns_and_in_order() -> None:
    async def body() -> None:
        bench = Bench()
        flooding, transport = bench.connect(b"A")
        count = 4 * TURN_BYTES // len(text(HEARTBEAT))
        frames = [b'[2,"%d","Heartbeat",{}]' % number for number in range(count)]
        flooding.data_received(b"".join(map(text, frames)))
        first_turn = len(published(bench))
        assert 0 < first_turn < count / 2
        assert not transport.is_reading()
        bench.gateway.broker_lost()
        bench.gateway.broker_restored()
        assert not transport.is_reading(), "it still has its rest to be dealt with"
        for _ in range(10):
            await asyncio.sleep(0)
        assert transport.is_reading()
        assert [envelope["UniqueId"] for _, envelope in published(bench)] == [str(number) for number in range(count)]
        assert bench.gateway.counters.received_bytes > 3 * TURN_BYTES

    asyncio.run(body())


def test_a_flood_into_a_congested_broker_stays_held() -> None:
    async def body() -> None:
        bench = Bench()
        flooding, transport = bench.connect(b"A")
        bench.broker.congested = True
        flooding.data_received(text(HEARTBEAT) * 2000)
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(published(bench)) == 2000
        assert not transport.is_reading()
        bench.broker.congested = False
        bench.gateway.drained()
        assert transport.is_reading()

    asyncio.run(body())


def test_a_flood_that_ends_in_a_cut_is_forgotten() -> None:
    async def body() -> None:
        bench = Bench()
        flooding, _ = bench.connect(b"A")
        flooding.data_received(text(HEARTBEAT) * 2000)
        before = len(published(bench))
        flooding.connection_lost(ConnectionResetError())
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(published(bench)) == before
        assert bench.gateway.connected == 0

    asyncio.run(body())


def test_bytes_and_pings_are_counted() -> None:
    bench = Bench()
    connection, _ = bench.connect()
    before = bench.gateway.counters.received_bytes
    ping = ws.client_frame(ws.PING, b"x")
    connection.data_received(ping)
    bench.gateway.downstream(b"ocpp/cs/A", ENVELOPE % (b"d", b"Reset", b"{}"))
    totals = bench.gateway.counters
    assert totals.pings == 1
    assert totals.received_bytes - before == len(ping)
    assert totals.sent_bytes == len(b'[2,"d","Reset",{}]')


def test_who_breaks_the_rules_and_does_not_read_is_cut_in_the_end() -> None:
    class Unread(FakeTransport):
        def close(self) -> None:
            """What was written is never taken."""

    bench = Bench(idle_timeout_s=0, default_heartbeat_interval_s=0)
    connection, transport = bench.gateway.connection(), Unread()
    connection.connection_made(transport)
    connection.data_received(REQUEST % b"A")
    connection.data_received(b"\xff" * 6)
    bench.pass_time(9)
    assert not transport.is_closing()
    bench.pass_time(3)
    assert transport.is_closing()
