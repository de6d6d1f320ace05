"""Commands as load: when they are due, to whom they go, and what becomes of each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from loadtest.csms import commander as commanders
from loadtest.csms.commander import Commander
from loadtest.csms.settings import CsmsSettings
from loadtest.measure.interval import AnswerRow, IntervalReport
from loadtest.measure.ledger import unbalanced_operations
from loadtest.measure.recorder import Recorder
from loadtest.measure.rows import total_of
from loadtest.protocol import envelope_emqx, stamp
from loadtest.protocol.phases import DRAIN, PHASES, RAMP, STEADY
from loadtest.scenario.commands import CommandLoad
from loadtest.testing.virtual_clock import VirtualClock
from loadtest.transport.mqtt5_properties import Properties, decode, encode
from loadtest.units import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.measure.run_totals import OperationTotals

RUN_TAG = 7


class VirtualPacer:
    """Releases on the grid, when the test turns the clock."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.due: list[tuple[int, Callable[[int], None]]] = []

    def at(self, due_ns: int, action: Callable[[int], None]) -> int:
        due_ns = -(-due_ns // NS_PER_MS) * NS_PER_MS
        self.due.append((due_ns, action))
        return due_ns

    def run_until(self, end_ns: int) -> None:
        while self.due and min(self.due, key=lambda entry: entry[0])[0] <= end_ns:
            entry = min(self.due, key=lambda entry: entry[0])
            self.due.remove(entry)
            self.clock.advance_ns(max(0, entry[0] - self.clock()))
            entry[1](entry[0])
        self.clock.advance_ns(max(0, end_ns - self.clock()))


class Network:
    """A commander, and the charge points at the other end."""

    unacknowledged = backlog_bytes = 0
    properties = b""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, load: CommandLoad, **settings: Any) -> None:
        self.clock = VirtualClock(0)
        monkeypatch.setattr(commanders, "monotonic_ns", self.clock)
        self.pacer = VirtualPacer(self.clock)
        self.published: list[tuple[int, int, dict[str, Any]]] = []
        self.said_with: list[bytes] = []
        self.invalid: list[str] = []
        plain: dict[str, Any] = {"broker_url": "mqtt://h", "run_tag": RUN_TAG, "epoch_ns": 0, "commands": load}
        self.commander = Commander(
            self,
            CsmsSettings(**(plain | settings)),
            Recorder(),
            self.pacer,  # type: ignore[arg-type]  # plays a Pacer
            self.invalid.append,
        )

    def publish(self, topic: bytes, payload: bytes, qos: int, properties: bytes = b"") -> None:
        self.said_with.append(properties)
        self.published.append((self.clock(), int(topic.rpartition(b"/")[2]), json.loads(payload)))

    def hear(self, *numbers: int, action: str = "Heartbeat", answer: bytes = b"{}", **payload: object) -> None:
        """Charge points send CALLs, and are answered."""
        for number in numbers:
            unique_id = stamp.encode(RUN_TAG, 0, number, 0, 0, 0).decode()
            text = json.dumps({"MessageTypeId": 2, "UniqueId": unique_id, "Action": action, "Payload": payload})
            self.commander.heard(envelope_emqx.decode(text.encode()), b"ocpp/cs/%d" % number, answer, self.clock())

    def answer(self, command: dict[str, Any], payload: dict[str, Any] | None = None, *, error: str = "") -> None:
        """A charge point answers a command."""
        reply: dict[str, Any] = {"MessageTypeId": 3, "UniqueId": command["UniqueId"], "Payload": payload}
        if error:
            reply = {"MessageTypeId": 4, "UniqueId": command["UniqueId"], "ErrorCode": error, "ErrorDescription": ""}
        self.commander.on_answer(envelope_emqx.decode(json.dumps(reply).encode()), self.clock())

    def report(self, *, final: bool = False) -> IntervalReport:
        report = IntervalReport(index=0, final=final)
        self.commander.report(report)
        if final:  # until then some are on their way
            assert unbalanced_operations(report.commands) == []
        return report

    def total(self) -> OperationTotals:
        return total_of(self.report().commands)

    @property
    def last(self) -> dict[str, Any]:
        return self.published[-1][2]


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    """Ten commands a second of one action, to three charge points that have been heard of."""
    network = Network(monkeypatch, CommandLoad(rates={"ClearCache": 10.0}, timeout_s=5))
    network.hear(0, 1, 2)
    return network


def first_command(network: Network) -> dict[str, Any]:
    network.commander.enter_phase(STEADY, 0)
    while not network.published:
        network.pacer.run_until(network.clock() + NS_PER_MS)
    return network.last


def test_commands_are_due_in_the_steady_phase_only_and_come_at_their_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(monkeypatch, CommandLoad(rates={"ClearCache": 50.0, "GetConfiguration": 0.0}))
    network.hear(*range(1000))
    network.commander.enter_phase(RAMP, 0)
    network.pacer.run_until(2 * NS_PER_S)
    assert network.published == []
    network.commander.enter_phase(STEADY, 2 * NS_PER_S)
    network.pacer.run_until(12 * NS_PER_S)
    network.commander.enter_phase(DRAIN, 12 * NS_PER_S)
    network.pacer.run_until(20 * NS_PER_S)
    assert 430 < len(network.published) < 570  # 500, with a standard deviation of 22
    assert all(2 * NS_PER_S <= at_ns <= 12 * NS_PER_S for at_ns, *_ in network.published)
    assert len({number for _, number, _ in network.published}) > 300


def test_the_schedule_is_the_same_whatever_charge_points_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def instants(*, answering: bool) -> list[int]:
        network = Network(monkeypatch, CommandLoad(rates={"ClearCache": 20.0}), seed=3)
        network.hear(*range(200))
        network.commander.enter_phase(STEADY, 0)
        for second in range(1, 4):
            network.pacer.run_until(second * NS_PER_S)
            if answering:
                for _, _, command in network.published:
                    network.answer(command, {"status": "Accepted"})
        return [at_ns for at_ns, *_ in network.published]

    assert instants(answering=True) == instants(answering=False)


def test_a_command_carries_its_stamp(network: Network) -> None:
    command = first_command(network)
    assert (command["MessageTypeId"], command["Action"], command["Payload"]) == (2, "ClearCache", {})
    known = stamp.decode(command["UniqueId"])
    assert known is not None
    at_ns, number, _ = network.published[0]
    assert known == (RUN_TAG, PHASES.index(STEADY), number, 0, at_ns // 1000, 0)
    assert network.said_with == [b""]


def test_over_mqtt_5_a_command_says_how_long_it_is_worth_and_where_its_answer_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = {"mqtt_version": "5", "command_expiry_s": 9, "response_topic": "answers/${cid}/x"}
    network = Network(monkeypatch, CommandLoad(rates={"ClearCache": 10.0}), **said)
    network.hear(1)
    command = first_command(network)
    properties = decode(network.said_with[0])
    assert properties == Properties(
        message_expiry_s=9, response_topic="answers/1/x", correlation_data=command["UniqueId"].encode()
    )
    network.properties = encode(Properties(correlation_data=b"another"))
    network.answer(command, {"status": "Accepted"})
    assert network.report().counters["csms.correlated_answers"] == 0
    network.properties = encode(Properties(correlation_data=properties.correlation_data))
    network.answer(command, {"status": "Accepted"})  # repeated: each arrival is looked at
    network.properties = b"malformed"
    network.answer(command, {"status": "Accepted"})
    assert network.report().counters["csms.correlated_answers"] == 1


def test_a_command_that_is_to_expire_and_no_more_says_that_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(monkeypatch, CommandLoad(rates={"ClearCache": 10.0}), mqtt_version="5", command_expiry_s=9)
    network.hear(1)
    first_command(network)
    assert network.said_with == [encode(Properties(message_expiry_s=9))]


def test_a_charge_point_is_asked_one_thing_at_a_time_and_the_rest_is_dropped(network: Network) -> None:
    network.commander.enter_phase(STEADY, 0)
    network.pacer.run_until(2 * NS_PER_S)
    assert sorted(number for _, number, _ in network.published) == [0, 1, 2]
    assert (network.total().sent, network.total().dropped) == (3, network.total().offered - 3)
    assert network.total().dropped > 5
    network.answer(network.last, {"status": "Accepted"})
    network.pacer.run_until(3 * NS_PER_S)
    assert network.published[3][1] == network.published[2][1]
    assert [stamp.decode(each["UniqueId"])[3] for _, _, each in network.published[2:]] == [0, 1]  # type: ignore[index]


def test_answers_are_counted_by_what_they_say(network: Network) -> None:
    network.commander.enter_phase(STEADY, 0)
    network.pacer.run_until(2 * NS_PER_S)
    one, other, third = (command for _, _, command in network.published)
    network.answer(one, {"status": "Rejected"})
    network.answer(other, {"status": "Maybe"})
    network.answer(third, error="NotSupported")
    report = network.report()
    assert sorted(report.command_answers, key=lambda row: row.answer) == [
        AnswerRow("ClearCache", "NotSupported", 1),
        AnswerRow("ClearCache", "Rejected", 1),
        AnswerRow("ClearCache", "invalid", 1),
    ]
    total = network.total()
    assert (total.answered, total.call_error) == (2, 1)
    assert len(network.invalid) == 1
    assert "ClearCache" in network.invalid[0]
    assert "status" in network.invalid[0]


def test_what_is_not_answered_times_out_and_a_late_answer_is_delivered_all_the_same(network: Network) -> None:
    command = first_command(network)
    network.commander.enter_phase(DRAIN, network.clock())
    network.commander.expire(network.clock() + 4 * NS_PER_S)
    assert network.total().timed_out == 0
    network.commander.expire(network.clock() + 5 * NS_PER_S)
    network.answer(command, {"status": "Accepted"})
    network.answer(command, {"status": "Accepted"})
    report = network.report()
    assert network.total().timed_out == 1
    assert report.command_answers == []
    (reply,) = report.replies
    assert (reply.action, reply.delivered, reply.duplicated) == ("ClearCache", 1, 1)
    assert report.counters["csms.late_command_answers"] == 1


def test_a_repeated_answer_is_counted_and_changes_nothing(network: Network) -> None:
    command = first_command(network)
    network.commander.enter_phase(DRAIN, network.clock())
    network.answer(command, {"status": "Accepted"})
    network.answer(command, {"status": "Rejected"})
    report = network.report()
    assert report.command_answers == [AnswerRow("ClearCache", "Accepted", 1)]
    assert sum(reply.delivered for reply in report.replies) == 1
    assert sum(reply.duplicated for reply in report.replies) == 1


def test_answers_nobody_asked_for_are_foreign(network: Network) -> None:
    first_command(network)
    for unique_id in (
        "not a stamp",
        stamp.encode(RUN_TAG + 1, 2, 0, 0, 0, 0).decode(),
        stamp.encode(RUN_TAG, 2, 0, 5, 0, 0).decode(),  # a command of the future
        stamp.encode(RUN_TAG, 2, 99, 0, 0, 0).decode(),  # a charge point nobody has heard of
    ):
        network.answer({"UniqueId": unique_id}, {"status": "Accepted"})
    report = network.report()
    assert report.counters["csms.foreign_answers"] == 4
    assert sum(reply.delivered for reply in report.replies) == 0


def test_what_is_outstanding_at_the_end_stays_unfinished(network: Network) -> None:
    first_command(network)
    network.commander.enter_phase(DRAIN, network.clock())
    assert network.report().gauges["csms.commands_pending"] == 1
    network.commander.close_books()
    report = network.report(final=True)
    assert (total_of(report.commands).unfinished, report.gauges["csms.commands_pending"]) == (1, 0)
    (sent,) = report.commands_sent
    assert (sent.first, sent.counts) == (network.published[0][1], b"\1\0\0\0")


def test_each_subscriber_has_its_own_charge_points(monkeypatch: pytest.MonkeyPatch) -> None:
    load = CommandLoad(rates={"ClearCache": 20.0}, charge_points=(1, 3, 4))
    network = Network(monkeypatch, load, subscriber_index=1, subscriber_count=2)
    network.hear(*range(6))
    network.commander.enter_phase(STEADY, 0)
    network.pacer.run_until(5 * NS_PER_S)
    assert sorted(number for _, number, _ in network.published) == [1, 3]
    network.answer({"UniqueId": stamp.encode(RUN_TAG, 2, 4, 0, 0, 0).decode()}, {"status": "Accepted"})
    assert network.report().counters["csms.foreign_answers"] == 0  # the other subscriber's, who gets it too


@pytest.mark.parametrize(
    ("action", "answer", "back"),
    [
        ("Reset", {"status": "Accepted"}, ("BootNotification", b'{"status":"Accepted"}', {})),
        ("UpdateFirmware", {}, ("FirmwareStatusNotification", b"{}", {"status": "Installed"})),
        (
            "SignedUpdateFirmware",
            {"status": "Accepted"},
            ("SignedFirmwareStatusNotification", b"{}", {"status": "InvalidSignature"}),
        ),
    ],
)
def test_a_charge_point_that_restarts_is_left_alone_until_it_is_back(
    monkeypatch: pytest.MonkeyPatch, action: str, answer: dict[str, Any], back: tuple[str, bytes, dict[str, Any]]
) -> None:
    network = Network(monkeypatch, CommandLoad(rates={action: 10.0}))
    network.hear(0)
    command = first_command(network)
    network.answer(command, answer)
    assert network.report().gauges["csms.commands_pending"] == 2  # it is away, and more commands are to come
    network.hear(0, action="Heartbeat")
    network.pacer.run_until(network.clock() + 2 * NS_PER_S)
    assert len(network.published) == 1
    name, confirmation, payload = back
    network.hear(0, action=name, answer=confirmation, **payload)
    network.pacer.run_until(network.clock() + 2 * NS_PER_S)
    assert len(network.published) == 2


def test_a_refused_reset_changes_nothing_and_who_never_reports_is_taken_back_after_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = Network(monkeypatch, CommandLoad(rates={"Reset": 10.0}))
    network.hear(0)
    network.answer(first_command(network), {"status": "Rejected"})
    network.pacer.run_until(network.clock() + 2 * NS_PER_S)
    assert len(network.published) == 2
    network.answer(network.last, {"status": "Accepted"})
    network.pacer.run_until(network.clock() + 61 * NS_PER_S)
    assert len(network.published) == 2
    network.hear(0)
    network.pacer.run_until(network.clock() + 2 * NS_PER_S)
    assert len(network.published) == 3


def test_a_transaction_that_was_started_is_the_one_that_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(monkeypatch, CommandLoad(rates={"RemoteStopTransaction": 10.0}))
    network.hear(*range(20))
    network.hear(13, action="StartTransaction", answer=b'{"transactionId":4711,"idTagInfo":{"status":"Accepted"}}')
    command = first_command(network)
    assert network.published[0][1] == 13
    assert command["Payload"] == {"transactionId": 4711}


def test_a_payload_of_the_scenario_s_own_is_sent_as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"key": ["NumberOfConnectors"]}
    load = CommandLoad(rates={"GetConfiguration": 5.0}, payloads={"GetConfiguration": wanted})
    network = Network(monkeypatch, load)
    network.hear(1)
    assert first_command(network)["Payload"] == wanted
