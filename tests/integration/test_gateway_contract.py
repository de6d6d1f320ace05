"""The embedded gateway against the contract, with real clients: websockets, mosquitto_sub, mosquitto_pub, PyPI ocpp."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from servers import free_port
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus
from websockets.protocol import State
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from loadtest.clock import monotonic_ns
from loadtest.control import messages
from loadtest.gateway import passwords
from loadtest.protocol.frames import decode_all
from loadtest.testing.controlled_child import ControlledChild
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration

OCPP16 = [Subprotocol("ocpp1.6")]
OCPP20 = [Subprotocol("ocpp2.0.1")]
BOOT = '[2,"b1","BootNotification",{"chargePointVendor":"VendorX","chargePointModel":"M"}]'


class Subscriber:
    """mosquitto_sub on everything charge points send, running while its block lasts."""

    def __init__(self, broker_url: str) -> None:
        self.port = str(urlsplit(broker_url).port)
        self.publish("ocpp/cp", "ready", "-r")  # a retained message tells that the subscription stands
        command = ["mosquitto_sub", "-p", self.port, "-q", "2", "-t", "ocpp/cp/#", "-F", "%t|%q|%r|%p"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.line().startswith("ocpp/cp|")

    def line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().rstrip("\n")

    def message(self) -> tuple[str, str, Any]:
        """Topic, ``QoS retained`` and decoded payload."""
        topic, qos, retained, payload = self.line().split("|", 3)
        return topic, f"{qos} {retained}", json.loads(payload)

    def publish(self, topic: str, payload: str, *options: str) -> None:
        subprocess.run(["mosquitto_pub", "-p", self.port, "-q", "1", "-t", topic, "-m", payload, *options], check=True)

    def __enter__(self) -> Subscriber:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=5)


class RunningGateway:
    """One gateway process behind a URL."""

    def __init__(self, child: ControlledChild, port: int, broker_url: str) -> None:
        self.child = child
        self.port = port
        self.broker_url = broker_url
        self.url = f"ws://127.0.0.1:{port}/ocpp"

    def connect(self, identity: str, **options: Any) -> ClientConnection:
        options = {"subprotocols": OCPP16, "compression": None, "ping_interval": None} | options
        return connect(f"{self.url}/{identity}", **options)

    def counters(self) -> dict[str, int]:
        """The totals at the end of this second."""
        index = monotonic_ns() // NS_PER_S
        return self.child.report_when(lambda report: report.index >= index).counters


def running_gateway(broker_url: str, **settings: Any) -> Iterator[RunningGateway]:
    port = free_port()
    with ControlledChild("loadtest.gateway") as child:
        child.configure({"port": port, "broker_url": broker_url, "idle_timeout_s": 0} | settings)
        yield RunningGateway(child, port, broker_url)


@pytest.fixture
def gateway(mosquitto_url: str) -> Iterator[RunningGateway]:
    yield from running_gateway(mosquitto_url)


@pytest.fixture
def guarded_gateway(mosquitto_url: str, tmp_path: Path) -> Iterator[RunningGateway]:
    (tmp_path / "passwords").write_text(passwords.entry("CP1", b"sixteen-bytes-do") + "\n")
    yield from running_gateway(mosquitto_url, password_file=str(tmp_path / "passwords"), idle_timeout_s=1)


@pytest.fixture
def switched_gateway(mosquitto_url: str) -> Iterator[RunningGateway]:
    yield from running_gateway(
        mosquitto_url,
        fail_if_no_subprotocol=False,
        check_origins=["https://console.example"],
        message_format_checking="all",
        call_error_on_invalid=True,
        piggyback="single",
        upstream_qos=2,
        max_connections=2,
        max_frame_bytes=1000,
    )


def test_topics_envelopes_qos_and_retain_as_seen_by_mosquitto(gateway: RunningGateway) -> None:
    """All three types, both ways, with exact key sets."""
    with Subscriber(gateway.broker_url) as mqtt, gateway.connect("CP%201") as charge_point:
        assert charge_point.subprotocol == "ocpp1.6"
        charge_point.send(BOOT)
        assert mqtt.message() == (
            "ocpp/cp/CP 1",
            "1 0",
            {
                "MessageTypeId": 2,
                "UniqueId": "b1",
                "Action": "BootNotification",
                "Payload": {"chargePointVendor": "VendorX", "chargePointModel": "M"},
            },
        )
        charge_point.send('[3,"d1",{"status":"Accepted"}]')
        assert mqtt.message() == (
            "ocpp/cp/CP 1/Reply",
            "1 0",
            {"MessageTypeId": 3, "UniqueId": "d1", "Payload": {"status": "Accepted"}},
        )
        charge_point.send('[4,"d2","NotSupported","no, ä",{"why":"details are lost"}]')
        assert mqtt.message()[2] == {
            "MessageTypeId": 4,
            "UniqueId": "d2",
            "ErrorCode": "NotSupported",
            "ErrorDescription": "no, ä",
        }
        # The first upstream message has been seen, so the downstream subscription stands.
        mqtt.publish("ocpp/cs/CP 1", "this is not JSON")
        mqtt.publish(
            "ocpp/cs/CP 1", '{"MessageTypeId":2,"UniqueId":"d1","Action":"Reset","Payload":{"type":"Soft"},"x":1}'
        )
        mqtt.publish("ocpp/cs/CP 1", '{"MessageTypeId":3,"UniqueId":"b1","Payload":{"interval":300},"Action":"Boot"}')
        mqtt.publish(
            "ocpp/cs/CP 1",
            '{"MessageTypeId":4,"UniqueId":"h1","ErrorCode":"InternalError","ErrorDescription":"boom","ErrorDetails":{"a":1}}',
        )
        received = [json.loads(charge_point.recv(timeout=5)) for _ in range(3)]
        assert received == [
            [2, "d1", "Reset", {"type": "Soft"}],
            [3, "b1", {"interval": 300}],
            [4, "h1", "InternalError", "boom", {}],
        ]
        counters = gateway.counters()
        assert counters["gateway.upstream_calls"] == counters["gateway.downstream_calls"] == 1
        assert counters["gateway.downstream_dropped_not_json"] == 1


def test_malformed_frames_are_dropped_and_the_connection_stays(gateway: RunningGateway) -> None:
    with Subscriber(gateway.broker_url) as mqtt, gateway.connect("A") as charge_point:
        for frame in ("{", "[]", '[5,"1","A",{}]', '[2,"1","A"]', '[4,"1","Code","no details"]', "", "null"):
            charge_point.send(frame)
        assert charge_point.ping().wait(5)
        charge_point.send([BOOT[:20], BOOT[20:40], BOOT[40:]])  # fragmented
        long_id = "x" * 200
        charge_point.send(f'[2,"{long_id}","Unheard",{{}}]')
        assert mqtt.message()[2]["Action"] == "BootNotification"
        assert mqtt.message()[2]["UniqueId"] == long_id
        counters = gateway.counters()
        dropped = counters["gateway.upstream_dropped_not_json"] + counters["gateway.upstream_dropped_not_ocpp"]
        assert dropped == 6, "all but the empty one, which is ignored"


def test_a_message_too_long_is_closed_with_1009(gateway: RunningGateway) -> None:
    with gateway.connect("A") as charge_point:
        charge_point.send("x" * (1024 * 1024 + 1))
        with pytest.raises(ConnectionClosedError) as caught:
            charge_point.recv(timeout=5)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1009


def test_the_reasons_of_refusals_are_emqxs_words(gateway: RunningGateway) -> None:
    """The table itself is ``tests/unit/gateway/test_gateway_admission.py``'s and ``loadtest conformance``'s."""
    for path, subprotocols, status, word in (
        ("/ocpp/A", None, 400, "no_subprotocol"),
        ("/ocpp/A", OCPP20, 400, "no_supported_subprotocol"),
        ("/ocpp/", OCPP16, 400, "clientid_cannot_be_empty"),
        ("/ocpp/%zz", OCPP16, 400, "unsupported_clientid"),
        ("/ocpp/a%2Fb", OCPP16, 400, "unsupported_clientid"),
        ("/elsewhere/A", OCPP16, 404, "not_found"),
    ):
        with pytest.raises(InvalidStatus) as caught:
            connect(f"ws://127.0.0.1:{gateway.port}{path}", subprotocols=subprotocols)
        response = caught.value.response
        assert (response.status_code, (response.body or b"").decode()) == (status, word), path


def test_handshake_successes(gateway: RunningGateway) -> None:
    with gateway.connect("A", subprotocols=OCPP20 + OCPP16) as charge_point:
        assert charge_point.subprotocol == "ocpp1.6"
    credentials = gateway.url.replace("//", "//anyone:anything@")
    with connect(f"{credentials}/A", subprotocols=OCPP16, compression=None) as charge_point:
        assert charge_point.ping().wait(5)


def test_origin_missing_subprotocol_and_a_full_house(switched_gateway: RunningGateway) -> None:
    with pytest.raises(InvalidStatus) as caught:
        switched_gateway.connect("A", origin="https://evil.example")
    assert caught.value.response.status_code == 403
    with switched_gateway.connect("A", origin="https://console.example"), switched_gateway.connect("B"):
        with pytest.raises(InvalidStatus) as caught:
            switched_gateway.connect("C")
        assert (caught.value.response.status_code, caught.value.response.body) == (503, b"max_connections")
    with socket.create_connection(("127.0.0.1", switched_gateway.port)) as client:
        client.sendall(
            b"GET /ocpp/D HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        client.settimeout(5)
        answer = client.recv(4096)
        assert answer.startswith(b"HTTP/1.1 101 ")
        assert b"Sec-WebSocket-Protocol: ocpp1.6" in answer, "unsolicited, as EMQX does"


def test_checks_piggyback_and_qos_when_switched_on(switched_gateway: RunningGateway) -> None:
    with Subscriber(switched_gateway.broker_url) as mqtt, switched_gateway.connect("A") as charge_point:
        charge_point.send('[2,"x1","BootNotification",{"chargePointVendor":"V"}]')
        kind, message_id, code, description, details = json.loads(charge_point.recv(timeout=5))
        assert (kind, message_id, code, details) == (4, "x1", "FormationViolation", {})
        assert "chargePointModel" in description
        charge_point.send(BOOT)
        topic, delivery, envelope = mqtt.message()
        assert (topic, delivery, envelope["UniqueId"]) == ("ocpp/cp/A", "2 0", "b1")
        # mosquitto_pub sends its lines as fast as it can: some of these share a turn of the gateway's loop.
        lines = "".join(
            f'{{"MessageTypeId":2,"UniqueId":"d{number}","Action":"Reset","Payload":{{}}}}\n' for number in range(500)
        )
        publish = ["mosquitto_pub", "-p", mqtt.port, "-q", "1", "-t", "ocpp/cs/A", "-l"]
        subprocess.run(publish, input=lines, text=True, check=True)
        ids: list[str] = []
        frames = 0
        while len(ids) < 500:
            frames += 1
            ids += [call.message_id for call in decode_all(charge_point.recv(timeout=5, decode=False))]
        assert ids == [f"d{number}" for number in range(500)]
        assert frames < 500
        charge_point.send("x" * 1001)
        with pytest.raises(ConnectionClosedError) as caught:
            charge_point.recv(timeout=5)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1009
        counters = switched_gateway.counters()
        assert (counters["gateway.upstream_dropped_schema"], counters["gateway.call_errors_sent"]) == (1, 1)


def test_credentials_and_idle_timeout(guarded_gateway: RunningGateway) -> None:
    def url(user: str, password: str) -> str:
        return guarded_gateway.url.replace("//", f"//{user}:{password}@") + "/CP1"

    with pytest.raises(InvalidStatus) as caught:
        connect(url("CP1", "wrong"), subprotocols=OCPP16)
    assert caught.value.response.body == b"bad_username_or_password"
    with connect(url("CP1", "sixteen-bytes-do"), subprotocols=OCPP16, ping_interval=None) as charge_point:
        began = time.monotonic()
        for _ in range(3):
            time.sleep(0.6)
            assert charge_point.ping().wait(5)
        with pytest.raises(ConnectionClosedError):
            charge_point.recv(timeout=5)
        assert 2.7 <= time.monotonic() - began <= 6


def test_what_is_sent_to_an_absent_charge_point_is_lost(gateway: RunningGateway) -> None:
    with Subscriber(gateway.broker_url) as mqtt:
        with gateway.connect("A") as charge_point:
            charge_point.send(BOOT)
            mqtt.message()
        assert gateway.counters()["gateway.closed_by_peer"] == 1
        mqtt.publish("ocpp/cs/A", '{"MessageTypeId":3,"UniqueId":"gone","Payload":{}}')
        with gateway.connect("A") as charge_point:
            charge_point.send(BOOT)
            mqtt.message()
            mqtt.publish("ocpp/cs/A", '{"MessageTypeId":3,"UniqueId":"now","Payload":{}}')
            assert charge_point.recv(timeout=5) == '[3,"now",{}]'


def test_silence_after_boot_is_cut_at_twice_the_interval_in_spite_of_pings(gateway: RunningGateway) -> None:
    with Subscriber(gateway.broker_url) as mqtt, gateway.connect("A") as charge_point:
        charge_point.send(BOOT)
        mqtt.message()
        mqtt.publish("ocpp/cs/A", '{"MessageTypeId":3,"UniqueId":"b1","Payload":{"status":"Accepted","interval":1}}')
        charge_point.recv(timeout=5)
        began = time.monotonic()
        while charge_point.state is State.OPEN and time.monotonic() < began + 10:
            with contextlib.suppress(ConnectionClosed):
                charge_point.ping()
            time.sleep(0.1)
        assert 1.9 <= time.monotonic() - began <= 5
        assert gateway.counters()["gateway.closed_keepalive"] == 1


class LibraryChargePoint(ChargePoint):  # type: ignore[misc]  # the library is untyped
    """A charge point of somebody else's making."""

    started = ""

    @on("RemoteStartTransaction")  # type: ignore[untyped-decorator]
    def on_remote_start(self, id_tag: str, **_: Any) -> call_result.RemoteStartTransaction:
        self.started = id_tag
        return call_result.RemoteStartTransaction(status="Accepted")


async def charging_session(url: str, command: Any) -> LibraryChargePoint:
    now = "2026-01-31T12:00:00Z"
    async with connect_async(f"{url}/LIB1", subprotocols=OCPP16) as websocket:
        charge_point = LibraryChargePoint("LIB1", websocket)
        receiving = asyncio.create_task(charge_point.start())
        boot = await charge_point.call(call.BootNotification(charge_point_model="M", charge_point_vendor="V"))
        assert boot.status == "Accepted"
        await charge_point.call(call.StatusNotification(connector_id=1, error_code="NoError", status="Available"))
        assert (await charge_point.call(call.Heartbeat())).current_time
        authorization = await charge_point.call(call.Authorize(id_tag="TAG1"))
        assert authorization.id_tag_info["status"] == "Accepted"
        start = await charge_point.call(
            call.StartTransaction(connector_id=1, id_tag="TAG1", meter_start=0, timestamp=now)
        )
        assert start.transaction_id > 0
        sample = {"timestamp": now, "sampledValue": [{"value": "5"}]}
        await charge_point.call(
            call.MeterValues(connector_id=1, transaction_id=start.transaction_id, meter_value=[sample])
        )
        stop = await charge_point.call(
            call.StopTransaction(meter_stop=9, timestamp=now, transaction_id=start.transaction_id)
        )
        assert stop is not None
        await asyncio.to_thread(command)
        receiving.cancel()
        await asyncio.gather(receiving, return_exceptions=True)
        return charge_point


def test_a_foreign_charge_point_completes_a_session_and_obeys_a_command(gateway: RunningGateway) -> None:
    with Subscriber(gateway.broker_url) as mqtt, ControlledChild("loadtest.csms") as csms:
        csms.configure({"broker_url": gateway.broker_url, "run_tag": 1, "epoch_ns": monotonic_ns()})

        seen: list[tuple[str, str, Any]] = []

        def command() -> None:
            mqtt.publish(
                "ocpp/cs/LIB1",
                '{"MessageTypeId":2,"UniqueId":"r1","Action":"RemoteStartTransaction","Payload":{"idTag":"TAG2"}}',
            )
            seen.extend(mqtt.message() for _ in range(8))

        charge_point = asyncio.run(charging_session(gateway.url, command))
        assert charge_point.started == "TAG2"
        actions = [envelope.get("Action") for _, _, envelope in seen]
        assert actions == [
            "BootNotification",
            "StatusNotification",
            "Heartbeat",
            "Authorize",
            "StartTransaction",
            "MeterValues",
            "StopTransaction",
            None,
        ]
        assert seen[-1][0] == "ocpp/cp/LIB1/Reply"
        assert seen[-1][2] == {"MessageTypeId": 3, "UniqueId": "r1", "Payload": {"status": "Accepted"}}


def test_drain_gives_the_final_report(gateway: RunningGateway) -> None:
    with gateway.connect("A"):
        gateway.child.send(messages.Drain(monotonic_ns()))
        report = gateway.child.report_when(lambda report: report.final)
        assert report.counters["gateway.accepted"] == 1
        assert report.gauges["gateway.connected"] == 1
        assert report.health.rss_bytes > 0
