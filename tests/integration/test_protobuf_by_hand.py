"""Anybody can speak it: code that protoc makes of the committed schema, and Mosquitto's own clients."""

from __future__ import annotations

import importlib.resources
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from grpc_tools import protoc

from loadtest.clock import monotonic_ns
from loadtest.control import messages
from loadtest.protocol.phases import RAMP
from loadtest.testing.controlled_child import ControlledChild

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.integration

READY = "by-hand/ready"
"""Whoever gets what is retained here has subscribed."""

BY_HAND = """
import sys
import ocpp16_pb2 as ocpp

NOW = ocpp.Time(seconds=1769860800)


def charge_point():
    boot = ocpp.BootNotificationRequest(chargePointVendor="Vendor", chargePointModel="Model")
    start = ocpp.StartTransactionRequest(connectorId=1, idTag="tag", meterStart=0, timestamp=NOW)
    available = ocpp.StatusNotificationRequest.STATUS_AVAILABLE
    status = ocpp.StatusNotificationRequest(connectorId=1, errorCode="ERROR_CODE_NO_ERROR", status=available)
    send("ocpp/cp/hand", uniqueId="b", bootNotificationRequest=boot)
    send("ocpp/cp/hand", uniqueId="s", statusNotificationRequest=status)
    send("ocpp/cp/hand", uniqueId="of a version to come", version=2, heartbeatRequest={})
    send("ocpp/cp/hand", uniqueId="t", startTransactionRequest=start)


def central_system(topic, message):
    downstream = "ocpp/cs/" + topic.split("/")[2]
    if message.HasField("bootNotificationRequest"):
        accepted = ocpp.BootNotificationResponse(status="STATUS_ACCEPTED", currentTime=NOW, interval=300)
        send(downstream, uniqueId=message.uniqueId, bootNotificationResponse=accepted)
    elif message.HasField("statusNotificationRequest"):
        send(downstream, uniqueId=message.uniqueId, statusNotificationResponse={})
        if message.statusNotificationRequest.connectorId == 0:
            send(downstream, uniqueId="k", getConfigurationRequest={"key": ["NumberOfConnectors", "Colour"]})


def send(topic, **fields):
    message = ocpp.Message(version=fields.pop("version", 1), **fields)
    print("send", topic, message.SerializeToString().hex(), flush=True)


for line in sys.stdin:
    topic, data = line.split()
    if topic == "by-hand/ready":
        print("ready", flush=True)
        if sys.argv[1] == "charge_point":
            charge_point()
        continue
    message = ocpp.Message.FromString(bytes.fromhex(data))
    print("heard", *str(message).split(), flush=True)
    if sys.argv[1] == "central_system":
        central_system(topic, message)
"""
"""A program of a user's, that knows nothing but the schema."""


class Hand:
    """What protoc makes of the schema, and the program."""

    def __init__(self, folder: Path, port: str) -> None:
        package = importlib.resources.files("loadtest.protocol")
        built_in = importlib.resources.files("grpc_tools").joinpath("_proto")
        assert protoc.main(["protoc", f"-I{package}", f"-I{built_in}", f"--python_out={folder}", "ocpp16.proto"]) == 0
        self._program = folder / "by_hand.py"
        self._program.write_text(BY_HAND)
        self._port = port
        self._publish(READY, b"\0", "-r")

    def play(self, part: str, topics: str, begin: Callable[[], None], enough: Callable[[list[str]], bool]) -> list[str]:
        """Play a part until enough has been heard; ``begin`` is called once the part listens."""
        listen = ["mosquitto_sub", "-p", self._port, "-q", "1", "-t", READY, "-t", topics, "-W", "30", "-F", "%t %x"]
        heard: list[str] = []
        with (
            subprocess.Popen(listen, stdout=subprocess.PIPE) as ears,
            subprocess.Popen(
                [sys.executable, str(self._program), part], stdin=ears.stdout, stdout=subprocess.PIPE, text=True
            ) as mind,
        ):
            assert mind.stdout
            try:
                for line in mind.stdout:
                    what, _, rest = line.strip().partition(" ")
                    if what == "ready":
                        begin()
                    elif what == "send":
                        topic, _, data = rest.partition(" ")
                        self._publish(topic, bytes.fromhex(data))
                    else:
                        heard.append(rest)
                        if enough(heard):
                            break
            finally:
                ears.kill()
                mind.kill()
        return heard

    def _publish(self, topic: str, payload: bytes, *more: str) -> None:
        command = ["mosquitto_pub", "-p", self._port, "-q", "1", "-t", topic, "-s", *more]
        subprocess.run(command, input=payload, check=True, timeout=10)


@pytest.fixture
def hand(tmp_path: Path, mosquitto_url: str) -> Hand:
    return Hand(tmp_path, mosquitto_url.rpartition(":")[2])


def test_the_central_system_answers_a_charge_point_played_by_hand(mosquitto_url: str, hand: Hand) -> None:
    with ControlledChild("loadtest.csms") as child:
        child.configure({"broker_url": mosquitto_url, "run_tag": 0, "epoch_ns": monotonic_ns(), "encoding": "protobuf"})
        heard = hand.play("charge_point", "ocpp/cs/hand", lambda: None, lambda heard: len(heard) == 3)
        malformed = child.report_when(lambda report: report.counters["csms.malformed"] > 0, 10)
    boot, status, start = heard
    assert boot.startswith('version: 1 uniqueId: "b" bootNotificationResponse { status: STATUS_ACCEPTED')
    assert "interval: 300" in boot
    assert status == 'version: 1 uniqueId: "s" statusNotificationResponse { }'
    assert 'uniqueId: "t" startTransactionResponse { idTagInfo { status: STATUS_ACCEPTED } transactionId: 1 }' in start
    assert malformed.counters["csms.malformed"] == 1


def test_a_charge_point_takes_a_central_system_played_by_hand(mosquitto_url: str, hand: Hand) -> None:
    settings = {
        "run_tag": 7,
        "epoch_ns": monotonic_ns(),
        "seed": 1,
        "engine": 0,
        "charge_points": 1,
        "ramp_s": 0.0,
        "profile": {"connectors": 2},
        "direct": {"broker_url": mosquitto_url, "encoding": "protobuf"},
    }
    with ControlledChild("loadtest.engine") as child:

        def begin() -> None:
            child.configure(settings)
            child.send(messages.AddCohort(0, 1, None, "direct"))
            child.send(messages.EnterPhase(RAMP, monotonic_ns()))

        def enough(heard: list[str]) -> bool:
            texts = ["connectorId: 0 ", "connectorId: 1 ", "connectorId: 2 ", "getConfigurationResponse"]
            return all(any(text in each for each in heard) for text in texts)

        heard = hand.play("central_system", "ocpp/cp/#", begin, enough)
        child.report_when(lambda report: report.gauges["registered"] == 1, 10)
    assert "bootNotificationRequest { chargePointVendor:" in heard[0]
    (answer,) = (each for each in heard if "getConfigurationResponse" in each)
    assert 'uniqueId: "k"' in answer
    assert 'configurationKey { key: "NumberOfConnectors" readonly: true value: "2" } unknownKey: "Colour"' in answer
