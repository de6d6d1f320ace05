"""Which messages are answered, where to, and which are only counted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from loadtest.csms import central_system
from loadtest.csms.central_system import Answering, CentralSystem
from loadtest.csms.registration import Registration
from loadtest.csms.responses import Responses
from loadtest.csms.uplink import Uplink
from loadtest.measure.recorder import Recorder
from loadtest.protocol import envelope_array, envelope_emqx, envelope_maeve, protobuf_encoding, stamp
from loadtest.protocol.frames import CALL_ERROR, CALL_RESULT
from loadtest.protocol.message_topics import MessageTopics, TopicTexts
from loadtest.protocol.phases import PHASES

if TYPE_CHECKING:
    from loadtest.protocol.envelope import Encoding


class RecordingClient:
    def __init__(self) -> None:
        self.sent: list[tuple[bytes, dict[str, Any], int]] = []
        self.bytes: list[bytes] = []
        self.unacknowledged = 0
        self.backlog_bytes = 0

    def publish(self, topic: bytes, payload: bytes, qos: int) -> None:
        self.bytes.append(payload)
        if payload[:1] == b"{":
            self.sent.append((topic, json.loads(payload), qos))


def build(
    registration: Registration | None = None,
    *,
    answer: bool = True,
    answer_foreign: bool = True,
    encoding: Encoding = envelope_emqx,
    topics: TopicTexts = TopicTexts(),  # noqa: B008 - it never changes
    response_topic: str = "",
) -> tuple[CentralSystem, RecordingClient]:
    client, registration = RecordingClient(), registration or Registration()
    uplink = Uplink(Recorder(), run_tag=7, epoch_ns=0, phases=PHASES)
    system = CentralSystem(
        uplink,
        answer_foreign=answer_foreign,
        encoding=encoding,
        topics=MessageTopics(topics),
        response_topic=response_topic,
    )
    system.received_ns = lambda: 10**12
    if answer:
        system.answering = Answering(client, Responses(registration), registration, qos=1, encoding=encoding)
    return system, client


def call(action: str, unique_id: str = "u1") -> bytes:
    return json.dumps({"MessageTypeId": 2, "UniqueId": unique_id, "Action": action, "Payload": {}}).encode()


def test_a_call_is_answered_on_the_downstream_topic_of_its_charge_point() -> None:
    system, client = build()
    for _ in range(2):
        system.on_message(b"ocpp/cp/CP 1", call("StatusNotification"))
    expected = (b"ocpp/cs/CP 1", {"MessageTypeId": 3, "UniqueId": "u1", "Payload": {}}, 1)
    assert client.sent == [expected, expected]


def test_topics_can_be_others() -> None:
    system, client = build(topics=TopicTexts("up/${action}/${cid}", "answers/${cid}", "down/${cid}"))
    for topic in (b"up/StatusNotification/C", b"answers/C", b"ocpp/cp/C"):
        system.on_message(topic, call("StatusNotification"))
    assert [topic for topic, _, _ in client.sent] == [b"down/C"]
    assert (system.counters()["csms.calls"], system.counters()["csms.malformed"]) == (1, 2)


def test_answers_may_come_on_a_topic_of_their_own_where_nothing_is_asked() -> None:
    system, client = build(response_topic="answers/${cid}/x")
    system.on_message(b"answers/C/x", b'{"MessageTypeId":3,"UniqueId":"x","Payload":{}}')
    for topic in (b"answers/C/x", b"answers/C/D/x", b"answers/C"):
        system.on_message(topic, call("StatusNotification"))
    assert client.sent == []
    assert (system.counters()["csms.results"], system.counters()["csms.malformed"]) == (1, 3)


def test_an_unknown_action_is_answered_with_not_implemented() -> None:
    system, client = build()
    system.on_message(b"ocpp/cp/a", call("Fly"))
    ((_, answer, _),) = client.sent
    assert (answer["MessageTypeId"], answer["ErrorCode"]) == (4, "NotImplemented")


def test_calls_before_an_accepted_boot_are_a_security_error() -> None:
    system, client = build(Registration("Pending", accept_after_boots=1))
    for action in ("BootNotification", "Heartbeat", "BootNotification", "Heartbeat"):
        system.on_message(b"ocpp/cp/a", call(action))
    answers = [answer for _, answer, _ in client.sent]
    assert answers[0]["Payload"]["status"] == "Pending"
    assert answers[1]["ErrorCode"] == "SecurityError"
    assert answers[2]["Payload"]["status"] == "Accepted"
    assert "currentTime" in answers[3]["Payload"]


def test_replies_are_counted_and_never_answered() -> None:
    system, client = build()
    system.on_message(b"ocpp/cp/a/Reply", b'{"MessageTypeId":3,"UniqueId":"x","Payload":{}}')
    system.on_message(b"ocpp/cp/a/Reply", b'{"MessageTypeId":4,"UniqueId":"x","ErrorCode":"NotSupported"}')
    counters = system.counters()
    assert (counters["csms.results"], counters["csms.errors"], client.sent) == (1, 1, [])


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (b"ocpp/cp/a", b"nonsense"),
        (b"ocpp/cp/a", b"\xff\xfe"),
        (b"ocpp/cp/a/Reply", call("Heartbeat")),
        (b"ocpp/cp/a/b", call("Heartbeat")),
        (b"ocpp/cp/", call("Heartbeat")),
        (b"other/cp/a", call("Heartbeat")),
        (b"ocpp/cp/\xff", call("Heartbeat")),
    ],
)
def test_malformed_messages_are_counted_and_survived(topic: bytes, payload: bytes) -> None:
    system, client = build()
    system.on_message(topic, payload)
    assert (system.counters()["csms.malformed"], client.sent) == (1, [])


def test_an_observer_measures_and_stays_silent() -> None:
    system, client = build(answer=False)
    system.on_message(b"ocpp/cp/a", call("Heartbeat"))
    counters = system.counters()
    assert (counters["csms.calls"], counters["csms.unstamped"], counters["csms.answered"]) == (1, 1, 0)
    assert client.sent == []


def test_answers_are_dropped_and_counted_only_while_the_broker_is_far_behind() -> None:
    system, client = build()
    assert system.answering
    client.unacknowledged = central_system.MAX_UNACKNOWLEDGED + 1
    system.answering.check_load()
    system.on_message(b"ocpp/cp/a", call("Heartbeat"))
    client.unacknowledged = 0
    system.answering.check_load()
    system.on_message(b"ocpp/cp/a", call("Heartbeat"))
    counters = system.counters()
    assert (counters["csms.answers_dropped"], counters["csms.answered"], len(client.sent)) == (1, 1, 1)


def test_the_topic_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(central_system, "MAX_CACHED_TOPICS", 10)
    system, client = build()
    for number in range(100):
        system.on_message(b"ocpp/cp/%d" % number, call("Heartbeat"))
        assert len(system._answer_topics) <= 10
    assert [topic for topic, _, _ in client.sent] == [b"ocpp/cs/%d" % number for number in range(100)]


def test_in_a_run_others_are_left_to_their_own_central_system() -> None:
    """On a broker that is not ours, real charge points may talk to a real backend."""
    system, client = build(answer_foreign=False)
    ours = stamp.encode(7, 0, 3, 0, 1, 1).decode()
    for unique_id in ("id-of-a-real-charge-point", stamp.encode(8, 0, 3, 0, 1, 1).decode(), ours, ours):
        system.on_message(b"ocpp/cp/x", call("Heartbeat", unique_id))
    assert [answer["UniqueId"] for _, answer, _ in client.sent] == [ours, ours]


@pytest.mark.parametrize("encoding", [envelope_emqx, envelope_array, envelope_maeve, protobuf_encoding])
def test_every_encoding_is_answered_in_kind(encoding: Encoding) -> None:
    system, client = build(Registration("Pending", accept_after_boots=1), encoding=encoding)
    boot = b'{"chargePointVendor":"v","chargePointModel":"m"}'
    meter = b'{"connectorId":1,"meterValue":[{"timestamp":"2026-01-31T12:00:00.000Z","sampledValue":[{"value":"1"}]}]}'
    said = [("BootNotification", boot), ("Heartbeat", b"{}"), ("BootNotification", boot), ("MeterValues", meter)]
    for number, (action, payload) in enumerate(said):
        system.on_message(b"ocpp/cp/a", encoding.call(f"i{number}", action, payload))
    answers = [encoding.decode(each) for each in client.bytes]
    assert [each.unique_id for each in answers] == ["i0", "i1", "i2", "i3"]
    assert [each.message_type for each in answers] == [CALL_RESULT, CALL_ERROR, CALL_RESULT, CALL_RESULT]
    assert answers[1].error_code == "SecurityError"
    assert json.loads(bytes(answers[2].payload))["status"] == "Accepted"
    assert json.loads(bytes(answers[3].payload)) == {}
    system.on_message(b"ocpp/cp/a/Reply", encoding.call_result("x", "Reset", b'{"status":"Accepted"}'))
    system.on_message(b"ocpp/cp/a/Reply", encoding.call_error("y", "Reset", "NotSupported", ""))
    system.on_message(b"ocpp/cp/a", b"\xff{")
    counters = system.counters()
    assert [counters[f"csms.{name}"] for name in ("calls", "results", "errors", "malformed")] == [4, 1, 1, 1]
