"""Charge points that are MQTT clients: whole runs, and an engine against a Mosquitto that asks for passwords."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from mosquitto_process import MosquittoProcess
from mqtt5_stub import Mqtt5Stub, elsewhere
from scenario_copies import unhurried

from loadtest.clock import monotonic_ns
from loadtest.control.messages import AddCohort, CutOff, Drain, EnterPhase
from loadtest.measure import run_record
from loadtest.measure.run_events import FIRST_CONNECT_FAULT, REDIRECTED
from loadtest.protocol.phases import DRAIN, RAMP, STEADY
from loadtest.testing.controlled_child import ControlledChild

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loadtest.measure.run_record import RunRecord

pytestmark = pytest.mark.integration

FLAPPING = """
from loadtest.scenario.commands import CommandLoad
from loadtest.scenario.reconnect import CappedDoubling

profile = UndergroundGarage.profile
UndergroundGarage.profile = replace(
    profile,
    link=replace(profile.link, time_scale=480, down_median_s=240),
    reconnect=CappedDoubling(minimum_s=0.2, maximum_s=0.5),
    configuration={"WebSocketPingInterval": "1"},
)
CentralSystem.commands = CommandLoad(rates={"GetConfiguration": 10})
"""

ON_BOTH_PATHS = """
from loadtest.locust_plugin import MqttChargePointFleet

class Modern(MqttChargePointFleet):
    profile = PublicAc.profile
"""


def run(folder: Path, scenario: str, changes: str, *options: str) -> RunRecord:
    command = [sys.executable, "-m", "loadtest", "run", str(unhurried(folder, scenario, changes))]
    command += ["--results", str(folder), "--run-id", "run", "--ramp", "300ms", "--drain-timeout", "2s", *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    record = run_record.load(folder / "run")
    assert record.verdict is not None
    assert record.verdict.reasons == [], ended.stdout + ended.stderr
    assert record.unbalanced == []
    return record


def samples(record: RunRecord, leg: str, action: str) -> int:
    return sum(row.count for row in record.latency if row.tag.endswith(f".{leg}.{action}.intended"))


def test_flapping_links_with_kept_sessions_and_no_gateway(tmp_path: Path) -> None:
    sizes = ("--charge-points", "60", "--duration", "4s", "--call-timeout", "5s")
    sessions = ("--path", "direct", "--mqtt-version", "5", "--session-expiry", "60s", "--encoding", "protobuf")
    topics = ["--status-topic", "cp/${cid}/status/now", "--up-topic", "cp/${cid}/${action}"]
    topics += ["--reply-topic", "cp/${cid}", "--down-topic", "cs/${cid}"]
    topics += ["--qos-of", "Heartbeat=0", "--qos-of", "StopTransaction=2"]
    commands = ["--csms-mqtt-version", "5", "--response-topic", "answers/${cid}", "--command-expiry", "1s"]
    record = run(tmp_path, "flapping_links", FLAPPING, *sizes, *sessions, *topics, *commands)
    counters, deliveries = record.counters, record.deliveries
    assert record.operations.sent == deliveries.delivered + deliveries.link_cut > 0, "nothing is lost"
    assert counters["engine.mqtt_connects"] == counters["engine.connects"] > 60
    assert 0 < counters["engine.sessions_resumed"] < counters["engine.connects"]
    assert record.commands is not None
    assert record.commands.operations.answered > 0
    assert counters["csms.correlated_answers"] == counters["csms.command_replies"] > 0
    assert samples(record, "register", "BootNotification") >= samples(record, "connect", "MQTT") - 60 > 0
    assert 0 < samples(record, "reconnect", "BootNotification") < samples(record, "register", "BootNotification")
    assert counters["engine.tcp_connections"] >= counters["engine.connects"]
    assert counters["engine.tcp_uncounted"] == 0
    assert counters["engine.tcp_bytes_sent"] > 40 * record.operations.sent, "a UniqueId has 36"
    assert samples(record, "uplink", "BootNotification") > 0
    assert samples(record, "downlink", "GetConfiguration") >= record.commands.operations.answered
    assert record.run.settings["qos_of"] == "Heartbeat=0; StopTransaction=2"
    assert record.run.settings["up_topic"] == "cp/${cid}/${action}"
    assert "gateway" not in record.run.sut
    assert record.run.paths == {"direct"}
    assert not [name for name in counters if name.startswith("gateway.")]
    assert not [hop.counted_by for hop in record.counted_by if "gateway" in hop.counted_by]
    assert not list((tmp_path / "run" / "logs").glob("*gateway*")), "no such process was started"


def test_both_paths_in_one_run(tmp_path: Path) -> None:
    record = run(tmp_path, "steady", ON_BOTH_PATHS, "--charge-points", "40", "--duration", "1s")
    counters = record.counters
    assert (samples(record, "connect", "MQTT"), samples(record, "connect", "WebSocket")) == (20, 20)
    assert record.operations.sent == record.deliveries.delivered == record.operations.answered
    assert 0 < counters["gateway.upstream_calls"] < record.operations.sent
    assert not [hop.counted_by for hop in record.counted_by if "gateway" in hop.counted_by]
    assert record.run.paths == {"direct", "gateway"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MosquittoProcess]:
    """A Mosquitto that lets in one charge point, the central system and us."""
    folder = tmp_path_factory.mktemp("guarded")
    file = folder / "passwords"
    file.write_text("cp-000000:right\ncsms:secret\n")
    program = shutil.which("mosquitto_passwd")
    assert program
    subprocess.run([program, "-U", str(file)], check=True, timeout=10)
    file.chmod(0o644)
    with MosquittoProcess(folder, "allow_anonymous false", f"password_file {file}") as mosquitto:
        yield mosquitto


def test_passwords_a_place_taken_over_and_an_answer_where_it_is_wanted(
    guarded: MosquittoProcess, tmp_path: Path
) -> None:
    host = guarded.url.removeprefix("mqtt://")
    by_hand = ["-p", str(guarded.port), "-u", "csms", "-P", "secret", "-V", "5"]
    clear = tmp_path / "clear"
    clear.write_text("cp-000000:right\ncp-000001:wrong\n")
    watch = ["mosquitto_sub", *by_hand, "-q", "1", "-t", "ocpp/cs/#", "-t", "answers/#", "-W", "60"]
    with (
        ControlledChild("loadtest.csms") as csms,
        ControlledChild("loadtest.engine") as engine,
        subprocess.Popen([*watch, "-F", "%t|%R|%E|%D|%p"], stdout=subprocess.PIPE, text=True) as watching,
    ):
        csms.configure(
            {
                "broker_url": f"mqtt://csms:secret@{host}",
                "run_tag": 1,
                "epoch_ns": monotonic_ns(),
                "mqtt_version": "5",
                "command_expiry_s": 60,
                "response_topic": "answers/${cid}",
                "commands": {"rates": {"GetConfiguration": 20}},
            }
        )
        engine.configure(
            {
                "run_tag": 1,
                "epoch_ns": monotonic_ns(),
                "seed": 1,
                "direct": {"broker_url": guarded.url, "mqtt_version": "5", "session_expiry_s": 60.0},
                "engine": 0,
                "charge_points": 2,
                "ramp_s": 0.1,
                "profile": {"reconnect": {"type": "CappedDoubling", "minimum_s": 0.1, "maximum_s": 0.2}},
                "credentials": {"password_file": str(clear)},
            }
        )
        engine.send(AddCohort(0, 2, None, "direct"))
        engine.send(EnterPhase(RAMP, monotonic_ns()))
        engine.report_when(lambda report: report.gauges["registered"] == 1, 20)
        report = engine.report_when(lambda report: report.counters["engine.connect_refused"] > 0, 20)
        assert report.counters["engine.connect_failures.mqtt_not_authorised"] > 0
        first = next(event.text for event in engine.events if event.kind == FIRST_CONNECT_FAULT)
        assert first == "cp-000001: CONNECT refused: not authorised"

        csms.send(EnterPhase(STEADY, monotonic_ns()))
        assert watching.stdout
        sent: dict[str, tuple[str, ...]] = {}
        for line in watching.stdout:  # until an answer to a command that was seen
            topic, *said, correlation, text = line.split("|", 4)
            if topic.startswith("answers/") and correlation in sent:
                break
            if topic.startswith("ocpp/cs/"):
                sent[correlation] = (topic, *said)
        watching.terminate()
        *where, expiry_s = sent[correlation]
        assert (where, topic) == (["ocpp/cs/cp-000000", "answers/cp-000000"], "answers/cp-000000")
        assert f'"UniqueId":"{correlation}"' in text
        assert 0 < int(expiry_s) <= 60
        csms.report_when(lambda report: report.counters["csms.correlated_answers"] > 0, 20)
        csms.send(EnterPhase(DRAIN, monotonic_ns()))

        command = '{"MessageTypeId":2,"UniqueId":"q","Action":"GetConfiguration","Payload":{"key":["None"]}}'
        asked = ["mosquitto_rr", *by_hand, "-t", "ocpp/cs/cp-000000", "-e", "wanted/here", "-m", command, "-W", "10"]
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=True).stdout
        assert '"UniqueId":"q"' in answer
        assert '"unknownKey":["None"]' in answer

        other = ["mosquitto_pub", "-p", str(guarded.port), "-u", "cp-000000", "-P", "right", "-i", "cp-000000"]
        subprocess.run([*other, "-t", "x", "-m", "y"], check=True, timeout=10)
        # Mosquitto 2.0.11 gives no reason; what is done with one is a unit test's business.
        engine.report_when(lambda report: report.counters["engine.registrations"] >= 2, 20)
        engine.send(Drain(monotonic_ns()))
        engine.report_when(lambda report: report.final)


def test_a_broker_that_sends_charge_points_to_a_real_one(guarded: MosquittoProcess, tmp_path: Path) -> None:
    host = guarded.url.removeprefix("mqtt://")
    clear = tmp_path / "clear"
    clear.write_text("cp-000000:right\n")
    with (
        Mqtt5Stub(elsewhere(host, for_good=True)) as stub,
        ControlledChild("loadtest.csms") as csms,
        ControlledChild("loadtest.engine") as engine,
    ):
        csms.configure({"broker_url": f"mqtt://csms:secret@{host}", "run_tag": 1, "epoch_ns": monotonic_ns()})
        engine.configure(
            {
                "run_tag": 1,
                "epoch_ns": monotonic_ns(),
                "seed": 1,
                "direct": {"broker_url": f"mqtt://127.0.0.1:{stub.port}", "mqtt_version": "5"},
                "engine": 0,
                "charge_points": 1,
                "ramp_s": 0.1,
                "profile": {"reconnect": {"type": "CappedDoubling", "minimum_s": 0.1, "maximum_s": 0.2}},
                "credentials": {"password_file": str(clear)},
            }
        )
        engine.send(AddCohort(0, 1, None, "direct"))
        engine.send(EnterPhase(RAMP, monotonic_ns()))
        engine.report_when(lambda report: report.gauges["registered"] == 1, 20)
        engine.send(CutOff(1.0, 0, monotonic_ns()))
        report = engine.report_when(lambda report: report.counters["engine.registrations"] == 2, 20)
        assert (report.counters["engine.connects"], report.counters["engine.mqtt_redirected"]) == (2, 1)
        assert stub.clients == ["cp-000000"], "it has moved for good"
        told = [event.text for event in engine.events if event.kind == REDIRECTED]
        assert told == [f"cp-000000: server moved, {guarded.url}"]
        engine.send(Drain(monotonic_ns()))
        engine.report_when(lambda report: report.final)
