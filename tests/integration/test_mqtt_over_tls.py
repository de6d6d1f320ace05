"""MQTT over TLS against a real Mosquitto: both clients, and what is said of a broker nobody vouches for."""

from __future__ import annotations

import asyncio
import subprocess
from typing import TYPE_CHECKING

import pytest
from servers import free_port, wait_for_port

from loadtest.brokers.mosquitto import Mosquitto
from loadtest.errors import EnvironmentNotReady
from loadtest.runner.certificates import make_certificates
from loadtest.transport import mqtt_aiomqtt, mqtt_client
from loadtest.transport.loop import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration


@pytest.fixture
def broker_url(tmp_path: Path) -> Iterator[str]:
    executable = Mosquitto().executable()
    if executable is None:
        pytest.skip(f"Mosquitto is not installed: {Mosquitto().install_command()}")
    make_certificates(tmp_path / "pki")
    port = free_port()
    certificate = tmp_path / "pki" / "gateway.pem"
    config = tmp_path / "tls.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\ncertfile {certificate}\nkeyfile {certificate}\n"
    )
    process = subprocess.Popen([executable, "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        yield f"mqtts://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def test_messages_go_both_ways(broker_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "pki" / "ca.pem"))

    async def scene() -> list[bytes]:
        received: list[bytes] = []
        got = asyncio.Event()

        def on_message(_topic: bytes, payload: bytes) -> None:
            received.append(payload)
            if len(received) == 2:
                got.set()

        lean = await mqtt_client.connect(broker_url, client_id="lean", on_message=on_message)
        await lean.subscribed([(b"t", 1)])
        other = await mqtt_aiomqtt.connect(
            broker_url, client_id="other", on_message=lambda *_: None, on_lost=lambda _: None, on_restored=lambda: None
        )
        lean.publish(b"t", b"by the lean client", 1)
        other.publish(b"t", b"by aiomqtt", 1)
        async with asyncio.timeout(10):
            await got.wait()
        await other.close()
        await lean.close()
        return sorted(received)

    assert run(scene()) == [b"by aiomqtt", b"by the lean client"]


def test_a_broker_nobody_vouches_for(broker_url: str) -> None:
    async def scene() -> None:
        await mqtt_client.connect(broker_url, client_id="lean", on_message=lambda *_: None)

    with pytest.raises(EnvironmentNotReady, match=r"not trusted.*SSL_CERT_FILE"):
        run(scene())
