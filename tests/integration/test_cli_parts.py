"""Gateway, central system and broker alone, as real commands, working with each other over real sockets."""

from __future__ import annotations

import base64
import json
import signal
import socket
import ssl
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest
from tls_charge_point import TlsChargePoint
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration

BOOT = json.dumps([2, "b1", "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}])


class Part:
    """A ``loadtest`` command that serves until told to stop."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "loadtest", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.ready = self.process.stdout.readline().strip()
        assert " ready: " in self.ready, self.process.communicate()[1]

    @property
    def url(self) -> str:
        return self.ready.split(" ready: ")[1].split()[0]

    def below(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """Exit status; nothing of it may be left."""
        children = self.below()
        self.process.send_signal(how)
        status = self.process.wait(15)
        assert psutil.wait_procs(children, timeout=10)[1] == []
        return status


@contextmanager
def part(*arguments: str) -> Iterator[Part]:
    started = Part(*arguments)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.process.send_signal(signal.SIGTERM)
        started.process.communicate(timeout=20)


def free_bind() -> str:
    with socket.create_server(("127.0.0.1", 0)) as closing:
        return f"127.0.0.1:{closing.getsockname()[1]}"


def charge_point(url: str, name: str, password: str = "") -> ClientConnection:
    headers = {}
    if password:
        headers["Authorization"] = "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()
    return connect(f"{url}/{name}", subprotocols=["ocpp1.6"], additional_headers=headers, proxy=None)  # type: ignore[list-item]


def test_the_three_parts_register_a_charge_point(tmp_path: Path) -> None:
    with ExitStack() as running:
        broker = running.enter_context(part("broker", "--kind", "amqtt"))
        csms = running.enter_context(part("csms", "--broker", broker.url, "--heartbeat-interval", "17"))
        bind = free_bind()
        gateway = running.enter_context(part("gateway", "--bind", bind, "--broker", broker.url, "--processes", "2"))
        assert gateway.ready == f"gateway ready: ws://{bind}/ocpp"
        assert csms.ready == f"csms ready: {broker.url}"
        with charge_point(gateway.url, "cp-1") as websocket:
            assert websocket.subprotocol == "ocpp1.6"
            websocket.send(BOOT)
            kind, message_id, payload = json.loads(websocket.recv(timeout=5))
        assert (kind, message_id, payload["status"], payload["interval"]) == (3, "b1", "Accepted", 17)
        assert [each.stop() for each in (gateway, csms, broker)] == [0, 0, 0]


def test_observing_never_answers(mosquitto_url: str) -> None:
    with (
        part("csms", "--broker", mosquitto_url, "--observe"),
        part("gateway", "--bind", free_bind(), "--broker", mosquitto_url) as gateway,
        charge_point(gateway.url, "cp-1") as websocket,
    ):
        websocket.send(BOOT)
        with pytest.raises(TimeoutError):
            websocket.recv(timeout=0.7)


def test_a_password_file_is_enforced(mosquitto_url: str, tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    line = subprocess.run(
        [sys.executable, "-m", "loadtest", "password", "cp-1"],
        input="one:two:three:four\n",
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    passwords.write_text(f"# charge points\n\n{line}")
    arguments = ("gateway", "--bind", free_bind(), "--broker", mosquitto_url, "--password-file", str(passwords))
    with part(*arguments) as gateway:
        charge_point(gateway.url, "cp-1", "one:two:three:four").close()
        for name, password, reason in (
            ("cp-1", "wrong", b"bad_username_or_password"),
            ("cp-2", "one:two:three:four", b"bad_username_or_password"),
            ("cp-1", "", b"not_authorized"),
        ):
            with pytest.raises(InvalidStatus) as caught:
                charge_point(gateway.url, name, password)
            assert caught.value.response.body == reason


def test_certificates_are_made_for_a_gateway_that_wants_them(mosquitto_url: str, tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "loadtest", "certificates", str(tmp_path / "pki"), "--charge-points", "2"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    words = made.split()
    options = [words[words.index(name) + 1] for name in ("--tls-certificate", "--tls-client-ca")]
    arguments = ("gateway", "--bind", free_bind(), "--broker", mosquitto_url)
    with part(*arguments, "--tls-certificate", options[0], "--tls-client-ca", options[1]) as gateway:
        context = ssl.create_default_context(cafile=str(tmp_path / "pki" / "ca.pem"))
        context.load_cert_chain(tmp_path / "pki" / "cp-000001.pem")
        with TlsChargePoint(f"{gateway.url}/cp-000001", context) as websocket:
            websocket.ping()
        with pytest.raises(InvalidStatus):
            TlsChargePoint(f"{gateway.url}/cp-000000", context)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_either_signal_is_an_orderly_end(how: signal.Signals) -> None:
    with part("broker", "--kind", "amqtt") as broker:
        assert broker.stop(how) == 0


def test_a_broker_takes_the_port_it_is_told() -> None:
    port = free_bind().rpartition(":")[2]
    with part("broker", "--kind", "amqtt", "--port", port) as broker:
        assert broker.url == f"mqtt://127.0.0.1:{port}"


def test_a_part_that_dies_ends_the_command_with_its_name(mosquitto_url: str) -> None:
    with part("gateway", "--bind", free_bind(), "--broker", mosquitto_url) as gateway:
        gateway.below()[0].kill()
        assert gateway.process.wait(10) == 2
        assert gateway.process.stderr is not None
        assert "gateway was killed by SIGKILL" in gateway.process.stderr.read()


def test_a_command_that_is_killed_leaves_nothing() -> None:
    with part("broker", "--kind", "auto") as broker:
        children = broker.below()
        assert children
        broker.process.kill()
        broker.process.wait()
        deadline = time.monotonic() + 5
        while any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children):
            assert time.monotonic() < deadline
            time.sleep(0.02)
