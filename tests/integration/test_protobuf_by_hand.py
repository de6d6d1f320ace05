"""Anybody can speak it: code that protoc makes of the committed schema, and Mosquitto's own clients."""

from __future__ import annotations

import importlib.resources
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from grpc_tools import protoc

from loadtest.clock import monotonic_ns
from loadtest.testing.controlled_child import ControlledChild

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration

BY_HAND = """
import sys
import ocpp16_pb2 as ocpp

BOOT = ocpp.BootNotificationRequest(chargePointVendor="Vendor", chargePointModel="Model")
NOW = ocpp.Time(seconds=1769860800)
START = ocpp.StartTransactionRequest(connectorId=1, idTag="tag", meterStart=0, timestamp=NOW)
AVAILABLE = ocpp.StatusNotificationRequest.STATUS_AVAILABLE
STATUS = ocpp.StatusNotificationRequest(connectorId=1, errorCode="ERROR_CODE_NO_ERROR", status=AVAILABLE)
messages = (
    ocpp.Message(version=1, uniqueId="b", bootNotificationRequest=BOOT),
    ocpp.Message(version=1, uniqueId="s", statusNotificationRequest=STATUS),
    ocpp.Message(version=2, uniqueId="of a version to come", heartbeatRequest={}),
    ocpp.Message(version=1, uniqueId="t", startTransactionRequest=START),
)
if sys.argv[1] == "write":
    for message in messages:
        print(message.SerializeToString().hex())
else:
    for line in sys.stdin:
        print(*str(ocpp.Message.FromString(bytes.fromhex(line))).split())
"""
"""A program of a user's, that knows nothing but the schema."""


class Hand:
    def __init__(self, folder: Path) -> None:
        package = importlib.resources.files("loadtest.protocol")
        built_in = importlib.resources.files("grpc_tools").joinpath("_proto")
        assert protoc.main(["protoc", f"-I{package}", f"-I{built_in}", f"--python_out={folder}", "ocpp16.proto"]) == 0
        self._program = folder / "by_hand.py"
        self._program.write_text(BY_HAND)

    def run(self, what: str, text: str = "") -> list[str]:
        command = [sys.executable, str(self._program), what]
        return subprocess.run(
            command, input=text, text=True, check=True, capture_output=True, timeout=30
        ).stdout.splitlines()


@pytest.fixture(scope="module")
def hand(tmp_path_factory: pytest.TempPathFactory) -> Hand:
    return Hand(tmp_path_factory.mktemp("hand"))


def test_the_central_system_answers_a_charge_point_played_by_hand(mosquitto_url: str, hand: Hand) -> None:
    port = mosquitto_url.rpartition(":")[2]

    def publish(topic: str, payload: bytes, *more: str) -> None:
        command = ["mosquitto_pub", "-p", port, "-q", "1", "-t", topic, "-s", *more]
        subprocess.run(command, input=payload, check=True, timeout=10)

    listening = ["mosquitto_sub", "-p", port, "-q", "1", "-t", "ocpp/cs/hand", "-C", "4", "-W", "20", "-F", "%x"]
    with ControlledChild("loadtest.csms") as child:
        child.configure({"broker_url": mosquitto_url, "run_tag": 0, "epoch_ns": monotonic_ns(), "encoding": "protobuf"})
        publish("ocpp/cs/hand", b"\0", "-r")
        with subprocess.Popen(listening, stdout=subprocess.PIPE, text=True) as oracle:
            assert oracle.stdout
            try:
                assert oracle.stdout.readline() == "00\n"  # subscribed by now
                for message in hand.run("write"):
                    publish("ocpp/cp/hand", bytes.fromhex(message))
                answers, _ = oracle.communicate(timeout=25)
            finally:
                oracle.kill()
        malformed = child.report_when(lambda report: report.counters["csms.malformed"] > 0, 10)
    boot, status, start = hand.run("read", answers)
    assert boot.startswith('version: 1 uniqueId: "b" bootNotificationResponse { status: STATUS_ACCEPTED')
    assert "interval: 300" in boot
    assert status == 'version: 1 uniqueId: "s" statusNotificationResponse { }'
    assert 'uniqueId: "t" startTransactionResponse { idTagInfo { status: STATUS_ACCEPTED } transactionId: 1 }' in start
    assert malformed.counters["csms.malformed"] == 1
