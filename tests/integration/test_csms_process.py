"""The subscriber process over its control channel and a real Mosquitto."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from hdrh.histogram import HdrHistogram
from mosquitto_process import MosquittoProcess

from loadtest.clock import monotonic_ns
from loadtest.control import messages
from loadtest.errors import UsageError
from loadtest.measure.interval import DeliveryRow
from loadtest.protocol import stamp
from loadtest.protocol.phases import PHASES
from loadtest.testing.controlled_child import ControlledChild
from loadtest.transport import mqtt_client
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from loadtest.measure.interval import ChargePointWindow, IntervalReport, Series

pytestmark = pytest.mark.integration

RUN_TAG = 0xBEE
STEADY = PHASES.index("steady")


def settings(url: str, **further: object) -> dict[str, Any]:
    return {"broker_url": url, "run_tag": RUN_TAG, "epoch_ns": monotonic_ns() - 5 * NS_PER_S, **further}


def call(unique_id: str, action: str = "Heartbeat") -> bytes:
    return json.dumps({"Payload": {}, "Action": action, "UniqueId": unique_id, "MessageTypeId": 2}).encode()


def unique_id(
    epoch_ns: int,
    sequence: int,
    *,
    charge_point: int = 3,
    due_us_ago: int = 0,
    send_delay_us: int = 0,
    run_tag: int = RUN_TAG,
) -> str:
    intended_us = (monotonic_ns() - epoch_ns) // 1000 - due_us_ago
    return stamp.encode(run_tag, STEADY, charge_point, sequence, intended_us, send_delay_us).decode()


def publish_all(url: str, sendings: Iterable[tuple[bytes, bytes | Callable[[], bytes]]], qos: int = 1) -> None:
    """Publish (topic, payload) pairs; a callable payload is made at the instant it is sent."""

    async def main() -> None:
        client = await mqtt_client.connect(url, client_id="charge-points", on_message=lambda topic, payload: None)
        for topic, payload in sendings:
            client.publish(topic, payload() if callable(payload) else payload, qos)
            await asyncio.sleep(0.001)
        await client.close()

    asyncio.run(main())


def final_report(child: ControlledChild) -> IntervalReport:
    child.send(messages.Drain(monotonic_ns() + 5 * NS_PER_S))
    return child.report_when(lambda report: report.final, 10)


def ask(url: str, sendings: Iterable[tuple[str, bytes]], answers: int) -> list[tuple[str, int, Any]]:
    """Publish with Mosquitto's client; what Mosquitto's client sees on the downstream topics."""
    port = url.rpartition(":")[2]
    command = ["mosquitto_sub", "-p", port, "-t", "ocpp/cs/#", "-C", str(answers + 1), "-W", "10", "-F", "%t|%q|%p"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as oracle:
        assert oracle.stdout
        try:
            publish(port, "ocpp/cs/hello", b"hello", retain=True)  # retained: seen whenever the oracle subscribes
            first = oracle.stdout.readline()
            assert first.startswith("ocpp/cs/hello")
            for topic, payload in sendings:
                publish(port, topic, payload)
            lines = oracle.communicate(timeout=12)[0].splitlines()
        finally:
            oracle.kill()
    assert len(lines) == answers
    return [(topic, int(qos), json.loads(text)) for topic, qos, text in (line.split("|", 2) for line in lines)]


def publish(port: str, topic: str, payload: bytes, *, retain: bool = False) -> None:
    command = ["mosquitto_pub", "-p", port, "-q", "1", "-t", topic, *(["-r"] if retain else []), "-s"]
    subprocess.run(command, input=payload, check=True, timeout=10)


@pytest.mark.parametrize(
    ("client", "version"), [("lean", "3.1.1"), ("lean", "5"), ("aiomqtt", "3.1.1"), ("aiomqtt", "5")]
)
def test_calls_are_answered_exactly_as_the_contract_says(mosquitto_url: str, client: str, version: str) -> None:
    with ControlledChild("loadtest.csms") as child:
        wanted = settings(mosquitto_url, client=client, mqtt_version=version, heartbeat_interval_s=77)
        facts = child.configure(wanted)
        assert (facts["filters"], facts["granted_qos"]) == (["ocpp/cp/#"], [1])
        answers = ask(
            mosquitto_url,
            [
                ("ocpp/cp/CP é 1", call("b1", "BootNotification")),
                ("ocpp/cp/other", call("s1", "StatusNotification")),
                ("ocpp/cp/other", b"nonsense"),
                ("ocpp/cp/other/Reply", b'{"MessageTypeId":3,"UniqueId":"r","Payload":{}}'),
                ("ocpp/cp/other", call('q"\\ü', "Authorize")),
                ("ocpp/cp/other", call("u1", "NoSuchAction")),
            ],
            answers=4,
        )
        boot = answers[0][2]["Payload"].pop("currentTime")
        assert boot.endswith("Z")
        assert answers == [
            (
                "ocpp/cs/CP é 1",
                0,
                {"MessageTypeId": 3, "UniqueId": "b1", "Payload": {"status": "Accepted", "interval": 77}},
            ),
            ("ocpp/cs/other", 0, {"MessageTypeId": 3, "UniqueId": "s1", "Payload": {}}),
            (
                "ocpp/cs/other",
                0,
                {"MessageTypeId": 3, "UniqueId": 'q"\\ü', "Payload": {"idTagInfo": {"status": "Accepted"}}},
            ),
            (
                "ocpp/cs/other",
                0,
                {
                    "MessageTypeId": 4,
                    "UniqueId": "u1",
                    "ErrorCode": "NotImplemented",
                    "ErrorDescription": "NoSuchAction is not known",
                    "ErrorDetails": {},
                },
            ),
        ]
        counters = final_report(child).counters
    assert counters | {"csms.calls": 4, "csms.unstamped": 4, "csms.malformed": 1, "csms.results": 1} == counters
    assert (counters["csms.answered"], counters["csms.answers_lost"]) == (4, 0)


@pytest.mark.parametrize("client", ["lean", "aiomqtt"])
def test_uplink_latency_of_stamped_messages_is_true(mosquitto_url: str, client: str) -> None:
    """Due 50 ms before they are made, said to be sent 20 ms late: no shorter, and the service time 20 ms less."""
    with ControlledChild("loadtest.csms") as child:
        wanted = settings(mosquitto_url, client=client)
        child.configure(wanted)
        epoch_ns = wanted["epoch_ns"]
        sent: list[int] = []

        def make() -> bytes:
            sequence = len(sent)
            sent.append(sequence)
            return call(unique_id(epoch_ns, sequence, due_us_ago=50_000, send_delay_us=20_000))

        publish_all(mosquitto_url, [(b"ocpp/cp/a", make)] * 50)
        reports: list[IntervalReport] = []
        child.send(messages.Drain(monotonic_ns() + 5 * NS_PER_S))
        while not reports or not reports[-1].final:
            reports.append(child.next_report())
    found: dict[str, list[Series]] = {}
    for report in reports:
        for series in report.series:
            found.setdefault(series.tag, []).append(series)
    assert set(found) == {"steady.uplink.Heartbeat.intended", "steady.uplink.Heartbeat.service"}
    for tag, least_us in (("steady.uplink.Heartbeat.intended", 50_000), ("steady.uplink.Heartbeat.service", 30_000)):
        histogram = HdrHistogram(1, 60_000_000, 3)
        for series in found[tag]:
            assert least_us <= series.min_us < least_us + 250_000
            histogram.add(decode(series.blob))
        assert histogram.get_total_count() == 50
        assert least_us <= histogram.get_value_at_percentile(50) < least_us + 20_000
    intended, service = (min(series.min_us for series in found[tag]) for tag in sorted(found))
    assert intended - service == 20_000


def decode(blob: bytes) -> HdrHistogram:
    return HdrHistogram.decode(base64.b64encode(blob))


def test_duplicates_reordering_and_strangers_are_told_apart(mosquitto_url: str) -> None:
    with ControlledChild("loadtest.csms") as child:
        wanted = settings(mosquitto_url, answer=False)
        child.configure(wanted)
        epoch_ns = wanted["epoch_ns"]
        arrivals = [call(unique_id(epoch_ns, sequence)) for sequence in (0, 1, 3, 2, 3, 5)]
        strangers = [call(unique_id(epoch_ns, 9, run_tag=RUN_TAG + 1)), call("someone-else")]
        publish_all(mosquitto_url, [(b"ocpp/cp/a", payload) for payload in arrivals + strangers])
        report = final_report(child)
    assert report.deliveries == [DeliveryRow("steady", "Heartbeat", delivered=5, duplicated=1, reordered=1)]
    (window,) = report.seen
    assert (window.charge_point, seen(window)) == (3, {0, 1, 2, 3, 5})
    assert (report.counters["csms.foreign"], report.counters["csms.unstamped"]) == (1, 1)
    assert report.counters["csms.answered"] == 0


def seen(exported: ChargePointWindow) -> set[int]:
    bits = int.from_bytes(exported.bits, "little")
    return set(range(exported.base)) | {exported.base + k for k in range(bits.bit_length()) if bits >> k & 1}


def test_two_subscribers_share_the_load_and_answer_each_call_once(mosquitto_url: str) -> None:
    with ControlledChild("loadtest.csms") as one, ControlledChild("loadtest.csms") as two:
        shared = settings(mosquitto_url, shared_group="g", subscriber_count=2)
        for index, child in enumerate((one, two)):
            child.configure({**shared, "subscriber_index": index})
        answers = ask_lean(
            mosquitto_url,
            [
                (b"ocpp/cp/a", call(unique_id(shared["epoch_ns"], sequence), "StartTransaction"))
                for sequence in range(200)
            ],
        )
        reports = [final_report(child) for child in (one, two)]
    assert len(answers) == 200
    assert len({json.loads(answer)["Payload"]["transactionId"] for answer in answers}) == 200
    delivered = [sum(row.delivered for row in report.deliveries) for report in reports]
    assert sum(delivered) == 200
    assert min(delivered) > 0
    windows = [seen(exported) for report in reports for exported in report.seen]
    assert windows[0].isdisjoint(windows[1])
    assert windows[0] | windows[1] == set(range(200))


def ask_lean(url: str, sendings: Sequence[tuple[bytes, bytes]], wait_s: float = 10) -> list[bytes]:
    """Publish at once; every answer that comes back until there are as many, and a moment more."""

    async def main() -> list[bytes]:
        answers: list[bytes] = []
        client = await mqtt_client.connect(
            url, client_id="charge-points", on_message=lambda topic, payload: answers.append(payload)
        )
        await client.subscribed([(b"ocpp/cs/#", 1)])
        for topic, payload in sendings:
            client.publish(topic, payload, 1)
        async with asyncio.timeout(wait_s):
            while len(answers) < len(sendings):  # noqa: ASYNC110 - the child's doing
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.1)
        await client.close()
        return answers

    return asyncio.run(main())


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_aiomqtt_counts_the_same(mosquitto_url: str, qos: int) -> None:
    with ControlledChild("loadtest.csms") as lean, ControlledChild("loadtest.csms") as second:
        wanted = settings(mosquitto_url, qos=qos)
        lean.configure(wanted)
        second.configure({**wanted, "client": "aiomqtt", "answer": False})
        epoch_ns = wanted["epoch_ns"]
        sequences = [*range(150), *range(0, 150, 3)]
        publish_all(mosquitto_url, [(b"ocpp/cp/a", call(unique_id(epoch_ns, number))) for number in sequences], qos)
        reports = [final_report(child) for child in (lean, second)]
    assert reports[0].deliveries == [DeliveryRow("steady", "Heartbeat", delivered=150, duplicated=50)]
    assert reports[1].deliveries == reports[0].deliveries
    assert reports[1].seen == reports[0].seen
    assert reports[0].counters["csms.answered"] == 200


def test_registration_rules(mosquitto_url: str) -> None:
    with ControlledChild("loadtest.csms") as child:
        child.configure(
            settings(mosquitto_url, registration_status="Rejected", accept_after_boots=1, retry_interval_s=3)
        )
        answers = ask_lean(
            mosquitto_url,
            [
                (b"ocpp/cp/a", call("1", "BootNotification")),
                (b"ocpp/cp/a", call("2", "Heartbeat")),
                (b"ocpp/cp/a", call("3", "BootNotification")),
                (b"ocpp/cp/a", call("4", "Heartbeat")),
            ],
        )
    first, second, third, fourth = map(json.loads, answers)
    assert (first["Payload"]["status"], first["Payload"]["interval"]) == ("Rejected", 3)
    assert second["ErrorCode"] == "SecurityError"
    assert third["Payload"]["status"] == "Accepted"
    assert fourth["MessageTypeId"] == 3


def test_reports_come_each_second_on_the_run_s_seconds(mosquitto_url: str) -> None:
    with ControlledChild("loadtest.csms") as child:
        wanted = settings(mosquitto_url)
        child.configure(wanted)
        reports, instants = [], []
        for _ in range(3):
            reports.append(child.next_report())
            instants.append((monotonic_ns() - wanted["epoch_ns"]) / NS_PER_S)
        last = final_report(child)
    indexes = [report.index for report in reports]
    assert indexes == list(range(indexes[0], indexes[0] + 3))
    for index, instant in zip(indexes, instants, strict=True):
        assert 0 <= instant - (index + 1) < 0.5
    assert last.index >= indexes[-1]
    assert all(report.health.cpu_ns > 0 and report.health.rss_bytes > 10**7 for report in reports)
    assert not any(report.seen for report in reports)


@pytest.mark.parametrize("client", ["lean", "aiomqtt"])
def test_a_broker_restart_is_told_and_survived(tmp_path: Path, client: str) -> None:
    with MosquittoProcess(tmp_path) as broker, ControlledChild("loadtest.csms") as child:
        child.configure(settings(broker.url, client=client))
        broker.stop()
        child.report_when(lambda _: bool(child.events), 10)
        broker.start()
        child.report_when(lambda _: len(child.events) > 1, 10)
        assert [event.kind for event in child.events] == ["broker_lost", "broker_restored"]
        assert len(ask_lean(broker.url, [(b"ocpp/cp/a", call("1"))])) == 1
        assert final_report(child).counters["csms.reconnects"] == 1


def test_bad_settings_are_refused_with_all_their_faults(mosquitto_url: str) -> None:
    with ControlledChild("loadtest.csms") as child:
        with pytest.raises(UsageError) as caught:
            child.configure(settings(mosquitto_url, qos=7, colour="red"))
        assert len(caught.value.faults) == 2


@pytest.mark.parametrize("client", ["lean", "aiomqtt"])
def test_an_unreachable_broker_is_refused_by_name(client: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"mqtt://127.0.0.1:{probe.getsockname()[1]}"
        with ControlledChild("loadtest.csms") as child, pytest.raises(UsageError) as caught:
            child.configure(settings(url, client=client))
    assert url in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("client", ["lean", "aiomqtt"])
def test_it_goes_when_its_parent_is_gone(mosquitto_url: str, client: str) -> None:
    with ControlledChild("loadtest.csms") as child:
        child.configure(settings(mosquitto_url, client=client))
        child._channel.shutdown(socket.SHUT_RDWR)
        assert child._process.wait(20) == 0
