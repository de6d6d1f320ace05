"""Commands of the central system: whatever is asked, there is one answer, and it is valid."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from virtual_fleet import World, check_payload

from loadtest.engine.commands.dispatch import HANDLERS
from loadtest.protocol import call_errors
from loadtest.protocol.actions import FROM_CENTRAL_SYSTEM
from loadtest.protocol.frames import CallError, CallResult


def test_every_action_of_a_central_system_has_a_handler() -> None:
    assert set(HANDLERS) == set(FROM_CENTRAL_SYSTEM)


@pytest.mark.parametrize("action", ["Foo", "heartbeat", "", "Heartbeat", "StartTransaction", "ü" * 300])
def test_an_action_no_charge_point_receives_is_not_implemented(action: str) -> None:
    with World() as world:
        world.register()
        reply = world.ask(action, {})
        assert isinstance(reply, CallError)
        assert reply.code == call_errors.NOT_IMPLEMENTED
        assert len(reply.description) <= 255


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("Reset", {}, "OccurenceConstraintViolation"),
        ("Reset", {"type": "Gentle"}, "PropertyConstraintViolation"),
        ("Reset", {"type": 7}, "TypeConstraintViolation"),
        ("Reset", [], "TypeConstraintViolation"),
        ("RemoteStartTransaction", {"idTag": "X" * 21}, "PropertyConstraintViolation"),
        ("UnlockConnector", {"connectorId": "1"}, "TypeConstraintViolation"),
    ],
)
def test_what_the_schema_forbids_is_refused_with_the_code_that_fits(action: str, payload: object, code: str) -> None:
    with World() as world:
        world.register()
        reply = world.ask(action, payload)
        assert isinstance(reply, CallError)
        assert reply.code in {code, call_errors.FORMATION_VIOLATION}
        assert reply.description


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(FROM_CENTRAL_SYSTEM)), st.dictionaries(st.text(max_size=5), VALUES, max_size=3) | VALUES)
def test_whatever_is_asked_there_is_one_valid_answer(action: str, payload: object) -> None:
    with World() as world:
        world.register()
        reply = world.ask(action, payload)
        if isinstance(reply, CallError):
            assert reply.code in call_errors.CODES
            assert len(reply.description) <= 255
        else:
            check_payload(f"{action}Response", msgspec.json.decode(reply.payload))
        world.answer_all()
        world.assert_balanced()


def test_a_call_crosses_an_outstanding_one_of_ours() -> None:
    """One CALL at a time is a rule for each direction."""
    with World() as world:
        world.open()
        assert isinstance(world.ask("GetLocalListVersion", {}), CallResult)
        assert world.one.call_id is not None


def test_a_gateway_that_has_begun_to_close_gets_no_answer() -> None:
    with World() as world:
        world.register()
        wire = world.wire()
        wire.gateway.send_text(b'[2,"x","GetConfiguration",{}]')
        late: list[Any] = wire.gateway.data_to_send()
        wire.gateway.send_close(1001)
        wire.flush()
        assert late
        world.one.data_received(b"".join(late))
        assert world.replies == []
        assert world.books.counters.calls_answered == 0
