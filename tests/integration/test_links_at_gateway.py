"""What the embedded gateway sees of links: a reset, a close and a silence are three different things, over TLS too."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from loadtest.clock import monotonic_ns
from loadtest.engine.fleet import Fleet
from loadtest.engine.settings import EngineSettings
from loadtest.gateway import counters
from loadtest.gateway.gateway import Gateway
from loadtest.gateway.settings import gateway_settings
from loadtest.measure.recorder import Recorder
from loadtest.pacing.pacer import Pacer
from loadtest.protocol.phases import RAMP
from loadtest.runner.certificates import make_certificates
from loadtest.scenario.credentials import CredentialFiles
from loadtest.scenario.links import CLOSE, HALF_OPEN, RESET, LinkModel
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.reconnect import fixed
from loadtest.transport.loop import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loadtest.scenario.links import Ending

pytestmark = pytest.mark.integration

COUNT = 5


class AnsweringBroker:
    """A broker with a central system behind it that accepts every BootNotification, and everything else too."""

    congested = False
    gateway: Gateway

    def publish(self, topic: bytes, payload: bytes, qos: int) -> None:
        identity = topic.rsplit(b"/", 1)[1]
        message_id = payload.split(b'"UniqueId":"', 1)[1][:36]
        answer = b'{"MessageTypeId":3,"UniqueId":"%b","Payload":{"status":"Accepted","currentTime":"","interval":1}}'
        self.gateway.downstream(b"ocpp/cs/" + identity, answer % message_id)

    def subscribe(self, filters: list[tuple[bytes, int]]) -> None: ...

    def unsubscribe(self, filters: list[bytes]) -> None: ...


async def until(condition: Callable[[], bool], timeout_s: float = 15.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - what it waits for are plain counters
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("encrypted", [False, True], ids=["ws", "wss"])
def test_the_gateway_tells_reset_close_and_silence_apart(tmp_path: Path, *, encrypted: bool) -> None:
    make_certificates(tmp_path)
    certificate = {"tls_certificate": str(tmp_path / "gateway.pem")} if encrypted else {}

    async def scene() -> None:
        async with AsyncExitStack() as stack:
            await play(stack)

    async def play(stack: AsyncExitStack) -> None:
        gateway = Gateway(gateway_settings({"port": 1, "broker_url": "mqtt://h"} | certificate))
        gateway.broker = AnsweringBroker()
        gateway.broker.gateway = gateway
        protocol, context = gateway.connection, None
        if gateway.tls_port is not None:
            protocol, context = gateway.tls_port.connection, gateway.tls_port.context
        server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, ssl=context)
        stack.callback(server.close)
        stack.push_async_callback(gateway.stop)
        port = server.sockets[0].getsockname()[1]
        profile = ChargePointProfile(link=LinkModel(mean_up_s=3e8, latency_s=0.01), reconnect=fixed(0.2))
        settings = EngineSettings(
            run_tag=1,
            epoch_ns=monotonic_ns(),
            seed=1,
            gateway_url=f"wss://localhost:{port}/ocpp" if encrypted else f"ws://127.0.0.1:{port}/ocpp",
            engine=0,
            charge_points=COUNT,
            ramp_s=0,
            call_timeout_s=1.0,
            profile=profile,
            credentials=CredentialFiles(ca_file=str(tmp_path / "ca.pem")) if encrypted else CredentialFiles(),
        )
        fleet = Fleet(settings, pacer := Pacer(lambda late_us: None), Recorder())
        stack.callback(pacer.close)
        fleet.cohorts.add(0, COUNT, profile)
        fleet.enter_phase(RAMP, monotonic_ns())
        links = [fleet.links.of(number) for number in range(COUNT)]
        closed = gateway.counters.closed

        async def take_down(ending: Ending, registered: int) -> None:
            await until(lambda: fleet.gauges()["registered"] == registered and gateway.connected == COUNT)
            for link in links:
                assert link is not None
                link.go_down(ending)

        def bring_up() -> None:
            for link in links:
                assert link is not None
                link.come_up()

        await take_down(RESET, COUNT)
        await until(lambda: gateway.connected == 0)
        assert closed[counters.LOST] == COUNT
        await asyncio.sleep(0.5)
        assert gateway.counters.accepted == COUNT, "nobody gets through"
        bring_up()

        await take_down(CLOSE, COUNT)
        await until(lambda: gateway.connected == 0)
        assert closed[counters.BY_PEER] == COUNT
        bring_up()

        await take_down(HALF_OPEN, COUNT)
        await asyncio.sleep(0.3)  # what was under way on this side of the link has arrived
        received = gateway.counters.upstream_calls
        await until(lambda: fleet.gauges()["registered"] == 0)
        assert gateway.counters.upstream_calls == received, "the gateway hears nothing"
        assert gateway.connected == COUNT, "and has all its connections"
        assert (closed[counters.LOST], closed[counters.BY_PEER]) == (COUNT, COUNT)
        assert closed[counters.TAKEOVER] == 0
        bring_up()
        await until(lambda: fleet.gauges()["registered"] == COUNT)
        assert closed[counters.TAKEOVER] == COUNT, "who comes back replaces what was left of it"
        assert gateway.connected == COUNT
        counted = fleet.books.whole.counters
        assert counted.link_resets == counted.link_closes == counted.link_half_open == COUNT

        fleet.draining = True
        fleet.retire()
        await until(lambda: gateway.connected == 0)
        assert closed[counters.BY_PEER] == 2 * COUNT

    run(scene())
