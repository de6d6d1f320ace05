"""The gateway between a broker and connections in memory: who gets what, silence, back-pressure, takeover."""

from __future__ import annotations

import asyncio

import pytest
from gateway_in_memory import ACCEPTED, HEARTBEAT, REQUEST, Bench, FakeTransport, text

from loadtest.transport import websocket_frames as ws


def test_subscription_comes_before_the_first_frame_and_ends_with_the_connection() -> None:
    bench = Bench()
    connection, _ = bench.connect(b"a%20b")
    connection.data_received(text(HEARTBEAT))
    connection.connection_lost(None)
    assert bench.broker.log == [
        ("subscribe", (b"ocpp/cs/a b", 1)),
        ("publish", b"ocpp/cp/a b", b'{"MessageTypeId":2,"UniqueId":"7","Action":"Heartbeat","Payload":{}}', 1),
        ("unsubscribe", b"ocpp/cs/a b"),
    ]
    assert bench.gateway.connected == 0


def test_replies_go_to_the_reply_topic_and_kinds_are_counted() -> None:
    bench = Bench(qos=2)
    connection, _ = bench.connect()
    connection.data_received(
        text(b'[3,"1",{}]') + text(b'[4,"2","NotSupported","",{}]') + text(b"nonsense") + text(b"")
    )
    assert [entry[1] for entry in bench.broker.log[1:]] == [b"ocpp/cp/A/Reply"] * 2
    assert {entry[3] for entry in bench.broker.log[1:]} == {2}
    totals = bench.gateway.counters.report()
    assert totals["gateway.upstream_results"] == totals["gateway.upstream_errors"] == 1
    assert totals["gateway.upstream_dropped_not_json"] == 1
    assert totals["gateway.published"] == 2
    assert connection.is_open


def test_downstream_reaches_its_charge_point_only() -> None:
    bench = Bench()
    _, a = bench.connect(b"A")
    _, b = bench.connect(b"B")
    bench.gateway.downstream(b"ocpp/cs/B", ACCEPTED % 5)
    bench.gateway.downstream(b"ocpp/cs/B", b"junk")
    bench.gateway.downstream(b"ocpp/cs/C", ACCEPTED % 5)
    bench.gateway.downstream(b"ocpp/cs/C", b'{"MessageTypeId":2,"UniqueId":"r","Action":"Reset","Payload":{}}')
    assert len(a.written) == 1, "the 101 alone"
    assert b.written[1:] == [ws.server_frame(ws.TEXT, b'[3,"b",{"status":"Accepted","interval":5}]')]
    totals = bench.gateway.counters.report()
    assert totals["gateway.downstream_results"] == 1
    assert totals["gateway.downstream_dropped_not_json"] == totals["gateway.downstream_dropped_offline"] == 1
    assert totals["gateway.downstream_dropped_call_offline"] == 1


def test_the_newcomer_wins_and_keeps_the_subscription() -> None:
    bench = Bench()
    old, old_transport = bench.connect()
    new, _ = bench.connect()
    assert old_transport.cut
    assert old_transport.written[1:] == [], "no Close frame, as observed"
    old.connection_lost(None)
    assert [entry[0] for entry in bench.broker.log] == ["subscribe"]
    assert new.is_open
    assert bench.gateway.counters.takeovers == 1
    assert bench.gateway.counters.closed["takeover"] == 1


@pytest.mark.parametrize(("difference_ns", "stays"), [(-1, True), (1, False)])
def test_a_claim_of_another_process_wins_only_when_newer(difference_ns: int, stays: bool) -> None:
    bench = Bench()
    connection, _ = bench.connect()
    bench.gateway.claimed(b"A", connection.opened_ns + difference_ns)
    bench.gateway.claimed(b"unknown", 1)
    assert connection.is_open is stays


def test_text_silence_ends_the_connection_after_two_heartbeat_intervals() -> None:
    """Pings are life for the idle timeout but not for this check."""
    bench = Bench(default_heartbeat_interval_s=5, idle_timeout_s=0)
    connection, transport = bench.connect()
    bench.pass_time(6)
    connection.data_received(text(HEARTBEAT))
    bench.pass_time(9.8)
    connection.data_received(ws.client_frame(ws.PING, b""))
    assert not transport.is_closing()
    bench.pass_time(1.3)
    assert transport.is_closing()
    connection.connection_lost(None)
    assert bench.gateway.counters.closed["keepalive"] == 1


def test_an_accepted_boot_changes_the_heartbeat_interval() -> None:
    bench = Bench(default_heartbeat_interval_s=600, idle_timeout_s=0)
    _, transport = bench.connect()
    bench.pass_time(30)
    bench.gateway.downstream(b"ocpp/cs/A", ACCEPTED % 2)
    bench.pass_time(3.8)
    assert not transport.is_closing()
    bench.pass_time(1.4)
    assert transport.is_closing()


@pytest.mark.parametrize(("initial_s", "boot_s"), [(1, 0), (0, 1)])
def test_no_heartbeat_interval_means_no_check(initial_s: int, boot_s: int) -> None:
    bench = Bench(default_heartbeat_interval_s=initial_s, idle_timeout_s=0)
    _, transport = bench.connect()
    bench.gateway.downstream(b"ocpp/cs/A", ACCEPTED % boot_s)
    bench.pass_time(10)
    assert not transport.is_closing()


def test_idle_timeout_counts_any_data_as_life() -> None:
    bench = Bench(default_heartbeat_interval_s=0, idle_timeout_s=3)
    connection, transport = bench.connect()
    for _ in range(4):
        bench.pass_time(2)
        connection.data_received(ws.client_frame(ws.PING, b""))
    bench.pass_time(2.8)
    assert not transport.is_closing()
    bench.pass_time(1.4)
    assert transport.is_closing()
    connection.connection_lost(None)
    assert bench.gateway.counters.closed["idle"] == 1


def test_a_client_that_sends_no_request_is_cut() -> None:
    bench = Bench(handshake_timeout_s=2)
    silent, transport = bench.gateway.connection(), FakeTransport()
    silent.connection_made(transport)
    _, good = bench.connect()
    bench.pass_time(1.9)
    assert not transport.is_closing()
    bench.pass_time(0.3)
    assert transport.is_closing()
    assert not good.cut
    silent.connection_lost(None)
    assert bench.gateway.counters.handshake_timeouts == 1
    assert sum(bench.gateway.counters.closed.values()) == 0, "it was never open"


def test_whoever_delivers_to_a_congested_broker_is_held_until_it_drains() -> None:
    bench = Bench(idle_timeout_s=5)
    (sender, sending), (_, quiet) = bench.connect(b"A"), bench.connect(b"B")
    bench.broker.congested = True
    sender.data_received(text(HEARTBEAT) * 3)
    assert len(bench.broker.log) == 2 + 3, "what was read is not lost"
    assert not sending.is_reading()
    assert quiet.is_reading()
    bench.pass_time(60)
    assert quiet.cut
    assert not sending.cut, "held connections are not silent"
    bench.broker.congested = False
    bench.gateway.drained()
    assert sending.is_reading()
    bench.pass_time(4)
    assert not sending.cut, "its silence starts now"
    assert bench.gateway.counters.paused == 1


def test_a_lost_broker_holds_senders_until_it_is_back_and_drained() -> None:
    bench = Bench()
    connection, transport = bench.connect()
    bench.gateway.broker_lost()
    connection.data_received(text(HEARTBEAT))
    assert not transport.is_reading()
    bench.gateway.drained()
    assert not transport.is_reading()
    bench.broker.congested = True
    bench.gateway.broker_restored()
    assert not transport.is_reading()
    bench.broker.congested = False
    bench.gateway.drained()
    assert transport.is_reading()


def test_endings_are_told_apart() -> None:
    async def body() -> None:
        bench = Bench()
        connections = {
            name: bench.connect(name.encode())[0] for name in ("binary", "slow_reader", "violation", "by_peer", "lost")
        }
        connections["binary"].data_received(ws.client_frame(ws.BINARY, b"x"))
        connections["slow_reader"].pause_writing()
        connections["violation"].data_received(b"\xff\xff\xff\xff\xff\xff")
        connections["by_peer"].data_received(ws.client_frame(ws.CLOSE, ws.close_payload(1000)))
        for connection in connections.values():
            connection.connection_lost(None)
        expected = dict.fromkeys(connections, 1)
        assert {cause: count for cause, count in bench.gateway.counters.closed.items() if count} == expected
        assert bench.gateway.connected == 0

    asyncio.run(body())


def test_refusals_are_counted_by_our_own_words_only() -> None:
    bench = Bench()
    for request in (REQUEST.replace(b"ocpp1.6", b"ocpp2.0.1") % b"A", b"BREW /pot HTCPCP/1.0\r\n\r\n"):
        connection = bench.gateway.connection()
        connection.connection_made(FakeTransport())
        connection.data_received(request)
        connection.connection_lost(None)
    assert bench.gateway.counters.refused == {"no_supported_subprotocol": 1, "http_400": 1}
    assert bench.broker.log == []


def test_stop_closes_with_1000_and_waits_for_the_echo() -> None:
    async def body() -> None:
        bench = Bench()
        connection, transport = bench.connect()
        stopping = asyncio.ensure_future(bench.gateway.stop())
        await asyncio.sleep(0)
        assert transport.written[-1] == ws.server_frame(ws.CLOSE, ws.close_payload(1000))
        connection.data_received(ws.client_frame(ws.CLOSE, ws.close_payload(1000)))
        connection.connection_lost(None)
        await stopping
        assert bench.gateway.counters.closed["stop"] == 1

    asyncio.run(body())
