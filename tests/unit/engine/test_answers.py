"""What a charge point answers: held against the official response schemas, for every action there is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_fleet import ACCEPTED, World, check_payload

from loadtest.engine.answers import _HANDLERS
from loadtest.protocol import call_errors
from loadtest.protocol.actions import FROM_CENTRAL_SYSTEM
from loadtest.protocol.frames import CallError, CallResult

REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "30"}),
    ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "0"}),
    ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "soon"}),
    ("ChangeConfiguration", {"key": "NumberOfConnectors", "value": "9"}),
    ("ChangeConfiguration", {"key": "NoSuchKey", "value": "1"}),
    ("ClearCache", {}),
    ("DataTransfer", {"vendorId": "com.example"}),
    ("GetConfiguration", {}),
    ("GetConfiguration", {"key": ["HeartbeatInterval", "NoSuchKey"]}),
    ("GetLocalListVersion", {}),
    ("RemoteStartTransaction", {"idTag": "TAG"}),
    ("RemoteStartTransaction", {"idTag": "TAG", "connectorId": 9}),
    ("RemoteStopTransaction", {"transactionId": 12}),
    ("TriggerMessage", {"requestedMessage": "Heartbeat"}),
    ("TriggerMessage", {"requestedMessage": "BootNotification"}),
    ("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 1}),
    ("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 9}),
    ("TriggerMessage", {"requestedMessage": "DiagnosticsStatusNotification"}),
]


def result(reply: CallResult | CallError) -> dict[str, Any]:
    assert isinstance(reply, CallResult)
    plain: dict[str, Any] = msgspec.json.decode(reply.payload)
    return plain


@pytest.mark.parametrize(("action", "payload"), REQUESTS, ids=[f"{a}-{p}" for a, p in REQUESTS])
def test_every_answer_is_valid_by_its_schema(action: str, payload: dict[str, Any]) -> None:
    check_payload(action, payload)
    with World() as world:
        world.register()
        check_payload(f"{action}Response", result(world.ask(action, payload)))
        assert world.fleet.counters.calls_received == world.fleet.counters.calls_answered == 1


def test_every_action_it_handles_is_among_them() -> None:
    assert {action for action, _ in REQUESTS} == set(_HANDLERS)


@pytest.mark.parametrize("action", sorted(set(FROM_CENTRAL_SYSTEM) - set(_HANDLERS)))
def test_a_known_action_it_lacks_is_not_supported(action: str) -> None:
    with World() as world:
        world.register()
        reply = world.ask(action, {})
        assert isinstance(reply, CallError)
        assert reply.code == call_errors.NOT_SUPPORTED


@pytest.mark.parametrize("action", ["Foo", "heartbeat", "", "Heartbeat", "StartTransaction", "ü" * 300])
def test_an_action_no_charge_point_receives_is_not_implemented(action: str) -> None:
    with World() as world:
        world.register()
        reply = world.ask(action, {})
        assert isinstance(reply, CallError)
        assert reply.code == call_errors.NOT_IMPLEMENTED
        assert len(reply.description) <= 255


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
FIELDS = st.sampled_from(["key", "value", "idTag", "connectorId", "transactionId", "requestedMessage", "vendorId"])
KNOWN = st.sampled_from(["HeartbeatInterval", "Heartbeat", "StatusNotification", "BootNotification", "TAG"])


@settings(max_examples=150)
@given(st.sampled_from(sorted(_HANDLERS)), st.dictionaries(FIELDS, VALUES | KNOWN, max_size=4) | VALUES)
def test_whatever_is_asked_there_is_one_valid_answer(action: str, payload: object) -> None:
    with World() as world:
        world.register()
        reply = world.ask(action, payload)
        if isinstance(reply, CallError):
            assert reply.code == call_errors.FORMATION_VIOLATION
            assert len(reply.description) <= 255
        elif action != "GetConfiguration":  # whose answer repeats keys of any length
            check_payload(f"{action}Response", msgspec.json.decode(reply.payload))
        world.answer_all()
        world.assert_balanced()


def test_the_heartbeat_interval_can_be_changed() -> None:
    with World() as world:
        world.register(interval_s=10)
        world.advance_s(10)
        world.answer_all()
        assert result(world.ask("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "2"})) == {
            "status": "Accepted"
        }
        (known,) = result(world.ask("GetConfiguration", {"key": ["HeartbeatInterval"]}))["configurationKey"]
        assert known == {"key": "HeartbeatInterval", "readonly": False, "value": "2"}
        world.advance_s(10)
        world.answer_all()
        world.new()
        for _ in range(5):
            world.advance_s(2)
            world.answer_all()
        assert world.new() == ["Heartbeat"] * 5


def test_unknown_keys_are_named() -> None:
    with World() as world:
        world.register()
        answer = result(world.ask("GetConfiguration", {"key": ["NoSuchKey", "NumberOfConnectors"]}))
        assert answer["unknownKey"] == ["NoSuchKey"]
        assert [each["key"] for each in answer["configurationKey"]] == ["NumberOfConnectors"]


def test_a_remote_start_is_accepted_first_and_followed_by_the_transaction() -> None:
    with World(connectors=2) as world:
        world.register()
        world.new()
        assert result(world.ask("RemoteStartTransaction", {"idTag": "APP1", "connectorId": 2})) == {
            "status": "Accepted"
        }
        world.answer({})
        assert world.new() == ["StatusNotification", "Authorize"]
        assert world.sent[-1].payload == {"idTag": "APP1"}
        assert result(world.ask("RemoteStartTransaction", {"idTag": "APP2"})) == {"status": "Rejected"}
        world.answer_all()
        assert [call.payload["connectorId"] for call in world.sent if call.action == "StartTransaction"] == [2]


@pytest.mark.parametrize("tag", ["", "X" * 21, "a b", "ü", 'a"b'])
def test_a_tag_that_cannot_be_one_is_rejected(tag: str) -> None:
    with World() as world:
        world.register()
        assert result(world.ask("RemoteStartTransaction", {"idTag": tag})) == {"status": "Rejected"}


def test_a_remote_stop_ends_the_transaction_it_names_and_no_other() -> None:
    with World(transaction_duration_s=1e6) as world:
        world.register()
        world.ask("RemoteStartTransaction", {"idTag": "APP"})
        world.answer({})
        world.answer(ACCEPTED)
        assert result(world.ask("RemoteStopTransaction", {"transactionId": -1})) == {"status": "Rejected"}
        world.answer(ACCEPTED | {"transactionId": 5})
        assert result(world.ask("RemoteStopTransaction", {"transactionId": 6})) == {"status": "Rejected"}
        assert world.one.transaction is not None
        assert result(world.ask("RemoteStopTransaction", {"transactionId": 5})) == {"status": "Accepted"}
        world.answer_all()
        (stop,) = [call.payload for call in world.sent if call.action == "StopTransaction"]
        assert (stop["transactionId"], stop["reason"]) == (5, "Remote")
        assert world.one.transaction is None


def test_remote_starts_are_forbidden_and_triggers_rejected_before_accepted() -> None:
    with World() as world:
        world.open()
        world.answer({"status": "Pending", "currentTime": "now", "interval": 100})
        world.new()
        assert result(world.ask("RemoteStartTransaction", {"idTag": "APP"})) == {"status": "Rejected"}
        assert result(world.ask("TriggerMessage", {"requestedMessage": "Heartbeat"})) == {"status": "Rejected"}
        world.advance_s(99)
        assert world.new() == []
        assert world.one.transaction is None
        world.assert_balanced()


def test_a_triggered_message_follows_its_answer() -> None:
    with World() as world:
        world.register()
        world.new()
        for wanted in ("Heartbeat", "StatusNotification"):
            assert result(world.ask("TriggerMessage", {"requestedMessage": wanted})) == {"status": "Accepted"}
            assert world.new() == [wanted]
            world.answer({})
        assert world.sent[-1].payload["connectorId"] == 0


def test_a_call_crosses_an_outstanding_one_of_ours() -> None:
    """One CALL at a time is a rule for each direction."""
    with World() as world:
        world.open()
        assert isinstance(world.ask("GetLocalListVersion", {}), CallResult)
        assert world.one.call_id is not None
