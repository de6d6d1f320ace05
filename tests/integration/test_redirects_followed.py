"""Charge points that brokers send elsewhere, over real sockets and the loop of engines."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from mqtt5_stub import Mqtt5Stub, elsewhere
from servers import free_port

from loadtest.clock import monotonic_ns
from loadtest.engine.fleet import Fleet
from loadtest.engine.redirects import MOST_REDIRECTS
from loadtest.engine.settings import EngineSettings
from loadtest.measure.recorder import Recorder
from loadtest.pacing.pacer import Pacer
from loadtest.protocol.phases import RAMP
from loadtest.runner.certificates import make_certificates
from loadtest.scenario.credentials import CredentialFiles
from loadtest.scenario.direct_path import DirectPath
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.reconnect import fixed
from loadtest.scenario.settings import DIRECT
from loadtest.transport.loop import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loadtest.engine.fleet_counters import FleetCounters

pytestmark = pytest.mark.integration

COUNT = 10


def connects(broker_url: str, done: Callable[[FleetCounters], int], ca_file: str = "") -> Fleet:
    """A fleet connects until so much is done as there are charge points, and leaves."""
    profile = ChargePointProfile(reconnect=fixed(300.0))
    settings = EngineSettings(
        run_tag=1,
        epoch_ns=monotonic_ns(),
        seed=1,
        direct=DirectPath(broker_url=broker_url, mqtt_version="5"),
        engine=0,
        charge_points=COUNT,
        ramp_s=0,
        call_timeout_s=60.0,
        profile=profile,
        credentials=CredentialFiles(ca_file=ca_file),
    )

    async def scene() -> Fleet:
        with ExitStack() as stack:
            fleet = Fleet(settings, pacer := Pacer(lambda late_us: None), Recorder())
            stack.callback(pacer.close)
            fleet.cohorts.add(0, COUNT, profile, DIRECT)
            fleet.enter_phase(RAMP, monotonic_ns())
            async with asyncio.timeout(50):
                while done(fleet.books.whole.counters) < COUNT:  # noqa: ASYNC110 - what it waits for are plain counters
                    await asyncio.sleep(0.01)
            fleet.retire()
            async with asyncio.timeout(50):
                while any(each.transport is not None for each in fleet.cohorts.charge_points.values()):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            return fleet

    return run(scene())


def test_tls_holds_for_the_server_that_is_named(tmp_path: Path) -> None:
    make_certificates(tmp_path, hosts=["localhost"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "gateway.pem")
    with Mqtt5Stub(context=context) as second:
        # Nobody listens; that address is not in the certificate; this name is.
        reference = f"localhost:{free_port()} 127.0.0.1:{second.port} localhost:{second.port}"
        with Mqtt5Stub(elsewhere(reference), context) as first:
            fleet = connects(
                f"mqtts://localhost:{first.port}", lambda counters: counters.connects, str(tmp_path / "ca.pem")
            )
        assert sorted(first.clients) == sorted(second.clients) == [f"cp-{number:06}" for number in range(COUNT)]
    counters = fleet.books.whole.counters
    assert (counters.connect_attempts, counters.connects, counters.mqtt_redirected) == (COUNT, COUNT, COUNT)
    assert counters.mqtt_references_failed == 2 * COUNT
    assert fleet.connect_failures.report() == {}


def test_a_circle_is_left_after_so_many_rounds() -> None:
    with Mqtt5Stub() as stub:
        stub.connack = elsewhere(f"127.0.0.1:{stub.port}")
        fleet = connects(f"mqtt://127.0.0.1:{stub.port}", lambda counters: counters.connect_refused)
        assert len(stub.clients) == COUNT * (1 + MOST_REDIRECTS)
    assert fleet.books.whole.counters.connect_attempts == COUNT
    assert fleet.connect_failures.report() == {"engine.connect_failures.mqtt_redirected_too_often": COUNT}
