"""A charge point under commands that are damaged, or valid and senseless: it answers, and goes on."""

from __future__ import annotations

import datetime as dt
import random

import msgspec
from fuzz.strategies import inputs
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_fleet import ACCEPTED, World, check_payload

from loadtest.csms.addressees import Addressee
from loadtest.csms.command_draw import Draw
from loadtest.csms.command_payloads import MAKERS
from loadtest.protocol import call_errors, frames
from loadtest.protocol.encodings import EnvelopeName, encoding
from loadtest.transport import mqtt_codec as codec

NOW = dt.datetime(2026, 1, 31, 12, 0, tzinfo=dt.UTC)
ANSWERS: dict[str, object] = {
    "BootNotification": {"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "interval": 300},
    "Authorize": ACCEPTED,
    "StartTransaction": ACCEPTED | {"transactionId": 77},
}


def command(action: str, number: int) -> bytes:
    to = Addressee(0, b"ocpp/cs/CP")
    payload = MAKERS[action].make(Draw(to, random.Random(number), NOW, number))
    return b"xx" + frames.encode(frames.CALL, f"m{number}", action, payload)


# What restarts a charge point would end the connection on which the rest is to be said.
COMMANDS = [
    command(action, number) for action in MAKERS if action not in {"Reset", "UpdateFirmware"} for number in range(3)
]


@settings(max_examples=60)
@given(st.data())
def test_no_text_does_harm(data: st.DataObject) -> None:
    with World(connectors=2) as world:
        world.register()
        for _ in range(data.draw(st.integers(1, 4))):
            text = data.draw(inputs(COMMANDS))[2:]
            if not world.wire().ending and is_text(text):
                world.tell(text)
                answer_all(world)
        for reply in world.replies:
            if isinstance(reply, frames.CallError):
                assert reply.code in call_errors.CODES
                assert len(reply.description) <= 255
        if not world.wire().ending:
            result = world.ask("GetLocalListVersion", {}, "last")
            assert isinstance(result, frames.CallResult)
            check_payload("GetLocalListVersionResponse", msgspec.json.decode(result.payload))
        world.assert_balanced()


def answer_all(world: World) -> None:
    """Answer whatever it was made to say."""
    while (call := world.wire().outstanding) is not None:
        world.answer(ANSWERS.get(call.action, {}))


def is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


ENVELOPES: tuple[EnvelopeName, ...] = ("emqx", "array", "maeve")
MESSAGES = [b"xx" + encoding("json", each).call("m", "GetConfiguration", b'{"key":["x"]}') for each in ENVELOPES]


@settings(max_examples=60)
@given(st.data())
def test_no_message_of_a_broker_does_harm(data: st.DataObject) -> None:
    """On the direct path: messages in its envelope, in others, damaged, and none at all."""
    with World(direct={}) as world:
        world.register()
        topic = f"ocpp/cs/{world.one.identity}".encode()
        for payload in data.draw(st.lists(inputs(MESSAGES), max_size=8)):
            qos = data.draw(st.integers(0, 2))
            world.one.data_received(codec.publish(topic, payload[2:], qos, 7 if qos else 0))
            world.advance_s(0.1)
        assert isinstance(world.ask("GetLocalListVersion", {}, "last"), frames.CallResult)
        assert not world.wire().ending
