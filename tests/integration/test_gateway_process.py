"""Gateway processes as their parent sees them: refusals, several on one port, a broker that stalls or restarts."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from mosquitto_process import MosquittoProcess
from prometheus_client.parser import text_string_to_metric_families
from servers import free_port
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from loadtest.clock import monotonic_ns
from loadtest.control import messages
from loadtest.control.child import CONTROL_FD
from loadtest.errors import UsageError
from loadtest.testing.controlled_child import ControlledChild
from loadtest.transport.websocket_frames import TEXT, client_frame
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from websockets.sync.connection import Connection

pytestmark = pytest.mark.integration

HEARTBEAT = '[2,"%d","Heartbeat",{"filler":"' + "x" * 900 + '"}]'


def charge_point(port: int, identity: str, **options: Any) -> ClientConnection:
    return connect(
        f"ws://127.0.0.1:{port}/ocpp/{identity}",
        subprotocols=[Subprotocol("ocpp1.6")],
        compression=None,
        ping_interval=None,
        **options,
    )


def configuration(port: int, broker_url: str, **settings: Any) -> dict[str, Any]:
    return {"port": port, "broker_url": broker_url, "idle_timeout_s": 0, "default_heartbeat_interval_s": 0} | settings


def counters_now(child: ControlledChild) -> dict[str, int]:
    index = monotonic_ns() // NS_PER_S
    return child.report_when(lambda report: report.index >= index).counters


def test_every_fault_of_a_configuration_is_told_and_the_process_ends() -> None:
    with ControlledChild("loadtest.gateway") as child:
        with pytest.raises(UsageError) as caught:
            child.configure({"port": 0, "qos": 9})
        assert len(caught.value.faults) == 3
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)


def test_a_port_in_use_and_a_broker_that_is_not_there_are_refused(mosquitto_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder, ControlledChild("loadtest.gateway") as child:
        port = holder.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port}: the port is in use"):
            child.configure(configuration(port, mosquitto_url))
    with ControlledChild("loadtest.gateway") as child:
        nowhere = f"mqtt://127.0.0.1:{free_port()}"
        with pytest.raises(UsageError, match="MQTT broker"):
            child.configure(configuration(free_port(), nowhere))


def test_stop_closes_charge_points_with_1000(mosquitto_url: str) -> None:
    port = free_port()
    with ControlledChild("loadtest.gateway") as child:
        child.configure(configuration(port, mosquitto_url))
        with charge_point(port, "A") as websocket:
            child.send(messages.Stop())
            with pytest.raises(ConnectionClosedOK):
                websocket.recv(timeout=5)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)


def test_it_ends_with_its_parent(mosquitto_url: str) -> None:
    parent, inherited = socket.socketpair()
    with parent, inherited:
        process = subprocess.Popen(
            [sys.executable, "-m", "loadtest.gateway"],
            env={**os.environ, CONTROL_FD: str(inherited.fileno())},
            pass_fds=[inherited.fileno()],
        )
        inherited.close()
        parent.sendall(messages.encode(messages.Configure(configuration(free_port(), mosquitto_url))))
        assert parent.recv(65536)
    assert process.wait(10) == 0


def test_without_a_parent_it_says_who_starts_it() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "loadtest.gateway"], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 1
    assert "started by the harness" in done.stderr
    assert "Traceback" not in done.stderr


class TwoProcesses:
    """Two gateway processes on one port; a connection lands on either, so tests connect until it has."""

    def __init__(self, broker_url: str, folder: Path) -> None:
        self.port = free_port()
        paths = [f"{folder}/0", f"{folder}/1"]
        self._settings = [
            configuration(self.port, broker_url, process_index=index, peer_sockets=paths) for index in (0, 1)
        ]
        self.children = [self.start(0), self.start(1)]

    def start(self, index: int) -> ControlledChild:
        child = ControlledChild("loadtest.gateway")
        child.configure(self._settings[index])
        return child

    def __enter__(self) -> TwoProcesses:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.ExitStack() as stack:
            for child in self.children:
                stack.push(child.__exit__)

    def accepted(self) -> list[int]:
        return [counters_now(child)["gateway.accepted"] for child in self.children]

    def still_open(self, websockets: list[Connection]) -> list[Connection]:
        time.sleep(0.5)  # much longer than a claim takes
        living = []
        for websocket in websockets:
            try:
                if websocket.ping().wait(10):
                    living.append(websocket)
            except ConnectionClosed:
                pass
        return living


def test_the_newcomer_wins_over_processes_that_share_the_port(mosquitto_url: str, tmp_path: Path) -> None:
    with TwoProcesses(mosquitto_url, tmp_path) as gateway, contextlib.ExitStack() as stack:
        opened = [stack.enter_context(charge_point(gateway.port, "A", close_timeout=0.1)) for _ in range(16)]
        assert gateway.still_open(opened) == [opened[-1]]
        counters = [counters_now(child) for child in gateway.children]
        assert all(each["gateway.accepted"] for each in counters), "the kernel spread them"
        assert sum(each["gateway.takeovers"] for each in counters) >= 15
        assert sum(each["gateway.closed_takeover"] for each in counters) == 15


def test_a_process_that_was_killed_and_started_again_takes_part(mosquitto_url: str, tmp_path: Path) -> None:
    with TwoProcesses(mosquitto_url, tmp_path) as gateway, contextlib.ExitStack() as stack:
        os.kill(gateway.children[1].pid, signal.SIGKILL)
        gateway.children[1].__exit__(None, None, None)
        first = stack.enter_context(charge_point(gateway.port, "A", close_timeout=0.1))
        gateway.children[1] = gateway.start(1)
        opened = [first, *(stack.enter_context(charge_point(gateway.port, "A", close_timeout=0.1)) for _ in range(16))]
        assert gateway.still_open(opened) == [opened[-1]]
        assert all(gateway.accepted())


def raw_charge_point(port: int, identity: bytes, *, receive_buffer_bytes: int = 0) -> socket.socket:
    """A WebSocket without a library, for what a library would not do."""
    raw = socket.socket()
    if receive_buffer_bytes:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
    raw.connect(("127.0.0.1", port))
    raw.sendall(
        b"GET /ocpp/%b HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        b"Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n" % identity
    )
    assert raw.recv(12) == b"HTTP/1.1 101"
    return raw


def test_a_stalled_broker_stops_the_senders_and_nothing_is_lost(tmp_path: Path) -> None:
    """What was sent into the stall arrives afterwards: all of it, once, and in order."""
    port, limit = free_port(), 60_000
    with MosquittoProcess(tmp_path) as broker, ControlledChild("loadtest.gateway") as child:
        child.configure(configuration(port, broker.url))
        with raw_charge_point(port, b"A") as sender, charge_point(port, "B") as other:
            listen = ["mosquitto_sub", "-p", str(broker.port), "-q", "1", "-t", "ocpp/cp/A"]
            subscriber = subprocess.Popen(listen, stdout=subprocess.PIPE)
            assert subscriber.stdout
            time.sleep(0.5)  # it has no way to tell us that it has subscribed
            broker.suspend()
            sender.settimeout(1.0)
            sent, rest = 0, b""
            with contextlib.suppress(TimeoutError):
                while sent < limit:
                    rest = client_frame(TEXT, (HEARTBEAT % sent).encode())
                    sent += 1
                    while rest:
                        rest = rest[sender.send(rest) :]
            assert sent < limit, "the sender was not slowed down"
            assert counters_now(child)["gateway.paused"] == 1
            assert other.ping().wait(5), "who sends nothing is served"
            broker.resume()
            sender.settimeout(20.0)
            sender.sendall(rest)
            received = [int(json.loads(subscriber.stdout.readline())["UniqueId"]) for _ in range(sent)]
            assert received == list(range(sent))
            subscriber.terminate()
            subscriber.communicate(timeout=5)
            report = child.report_when(lambda report: not report.gauges["unacknowledged"])
            assert report.counters["gateway.published"] == sent


def test_a_broker_s_restart_is_survived_with_subscriptions(tmp_path: Path) -> None:
    port = free_port()
    with MosquittoProcess(tmp_path) as broker, ControlledChild("loadtest.gateway") as child:
        child.configure(configuration(port, broker.url))
        with charge_point(port, "A") as websocket:
            broker.stop()
            time.sleep(0.3)
            websocket.send(HEARTBEAT % 1)
            websocket.send(HEARTBEAT % 2)
            broker.start()
            report = child.report_when(
                lambda report: report.counters["gateway.upstream_calls"] == 2 and not report.gauges["unacknowledged"]
            )
            assert report.counters["gateway.broker_reconnects"] == 1
            assert [event.kind for event in child.events] == ["broker_lost", "broker_restored"]
            envelope = '{"MessageTypeId":3,"UniqueId":"1","Payload":{}}'
            command = ["mosquitto_pub", "-p", str(broker.port), "-q", "1", "-t", "ocpp/cs/A", "-m", envelope]
            subprocess.run(command, check=True)
            assert websocket.recv(timeout=5) == '[3,"1",{}]'


def test_a_charge_point_that_does_not_read_is_cut(mosquitto_url: str) -> None:
    port = free_port()
    with ControlledChild("loadtest.gateway") as child:
        child.configure(configuration(port, mosquitto_url))
        with raw_charge_point(port, b"SLOW", receive_buffer_bytes=4096):
            envelope = json.dumps({"MessageTypeId": 3, "UniqueId": "1", "Payload": {"a": "x" * 100_000}})
            broker_port = mosquitto_url.rpartition(":")[2]
            publish = ["mosquitto_pub", "-p", broker_port, "-t", "ocpp/cs/SLOW", "-l", "-q", "1"]
            subprocess.run(publish, input=(envelope + "\n") * 100, text=True, check=True)
            counters = child.report_when(lambda report: report.gauges["gateway.connected"] == 0, 20).counters
            assert counters["gateway.closed_slow_reader"] == 1


def test_who_cannot_accept_for_want_of_descriptors_says_so_once(mosquitto_url: str) -> None:
    port = free_port()
    with ControlledChild("loadtest.gateway") as child, contextlib.ExitStack() as stack:
        child.configure(configuration(port, mosquitto_url))
        used = len(list(Path(f"/proc/{child.pid}/fd").iterdir()))
        resource.prlimit(child.pid, resource.RLIMIT_NOFILE, (used + 2, used + 2))
        for _ in range(4):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        child.report_when(lambda _: bool(child.events))
        assert [event.kind for event in child.events] == ["out_of_descriptors"]
        assert f"none of its {used + 2} file descriptors left" in child.events[0].text


def test_a_gateway_of_two_processes_serves_its_sums_to_prometheus(mosquitto_url: str, tmp_path: Path) -> None:
    port, metrics_port = free_port(), free_port()
    (tmp_path / "gateway.toml").write_text('upstream_topic = "by/${action}/${cid}"\npath = "/cp"\n')
    command = [sys.executable, "-m", "loadtest", "gateway", "--processes", "2", "--broker", mosquitto_url]
    command += ["--bind", f"127.0.0.1:{port}", "--path", "/ocpp", "--metrics-port", str(metrics_port)]
    command += ["--gateway-config", str(tmp_path / "gateway.toml")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process, contextlib.ExitStack() as stack:
        stack.callback(process.terminate)
        assert process.stdout
        assert process.stdout.readline() == f"gateway ready: ws://127.0.0.1:{port}/ocpp\n", "options outdo the file"
        listen = ["mosquitto_sub", "-p", mosquitto_url.rpartition(":")[2], "-t", "ocpp/by/#", "-F", "%t", "-C", "12"]
        subscriber = stack.enter_context(subprocess.Popen(listen, stdout=subprocess.PIPE, text=True))
        time.sleep(0.5)  # it has no way to tell us that it has subscribed
        for number in range(12):
            charge_point_connection = stack.enter_context(charge_point(port, f"CP{number}"))
            charge_point_connection.send('[2,"1","Heartbeat",{}]')
        topics = set(subscriber.communicate(timeout=20)[0].split())
        assert topics == {f"ocpp/by/Heartbeat/CP{number}" for number in range(12)}
        deadline_s = time.monotonic() + 20
        samples: dict[tuple[str, str], float] = {}
        while samples.get(("loadtest_gateway_connections", "")) != 12 and time.monotonic() < deadline_s:
            time.sleep(0.2)
            samples = scraped(metrics_port)
        assert samples["loadtest_gateway_connections", ""] == 12
        assert samples["loadtest_gateway_connections_accepted_total", ""] == 12
        assert samples["loadtest_gateway_frames_received_total", "call"] == 12
        assert samples["loadtest_gateway_messages_published_total", ""] == 12


def scraped(port: int) -> dict[tuple[str, str], float]:
    """Values by metric and the value of its label."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as response:
        families = list(text_string_to_metric_families(response.read().decode()))
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in families
        for sample in family.samples
    }
