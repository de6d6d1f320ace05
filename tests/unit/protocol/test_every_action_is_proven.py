"""All 39 actions of OCPP 1.6 and its security extension, as the parts really write them, by the official schemas.

In Protobuf each of them is the same.

Commands come from the central system's own makers and are answered by an emulated charge point; what charge points
send comes from one that has a full day, and is answered by the central system.
"""

from __future__ import annotations

import datetime as dt
import random
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from commanding import ask, run_s, wall
from virtual_fleet import World, check_payload

from loadtest.csms.addressees import Addressee
from loadtest.csms.command_draw import Draw
from loadtest.csms.command_payloads import MAKERS
from loadtest.csms.registration import Registration
from loadtest.csms.responses import Responses
from loadtest.protocol import protobuf_encoding as protobuf
from loadtest.protocol.actions import FROM_CENTRAL_SYSTEM, FROM_CHARGE_POINT
from loadtest.protocol.frames import CallError, CallResult

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = dt.datetime(2026, 1, 31, 12, 0, tzinfo=dt.UTC)
DRAWS = 25
"""Payloads of each command: their makers draw among variants."""


@pytest.fixture
def world() -> Iterator[World]:
    with World(connectors=2, download_s=1.0, install_s=1.0, configuration={"CpoName": "Operator"}) as world:
        world.register()
        yield world


def check(name: str, payload: dict[str, Any]) -> None:
    """Hold a payload against its schema, and against itself after a way through Protobuf."""
    check_payload(name, payload)
    action = name.removesuffix("Response")
    write = protobuf.call if name == action else protobuf.call_result
    assert msgspec.json.decode(protobuf.decode(write("", action, msgspec.json.encode(payload))).payload) == payload


def command(action: str, number: int, now: dt.datetime = NOW, known: dict[str, int] | None = None) -> dict[str, Any]:
    to = Addressee(0, b"ocpp/cs/CP")
    for name, value in {"connectors": 2, **(known or {})}.items():
        setattr(to, name, value)
    payload: dict[str, Any] = MAKERS[action].make(Draw(to, random.Random(number), now, number))
    return payload


def test_there_is_a_maker_for_every_command() -> None:
    assert set(MAKERS) == set(FROM_CENTRAL_SYSTEM)
    assert len({*FROM_CENTRAL_SYSTEM, *FROM_CHARGE_POINT}) == 39


@pytest.mark.parametrize("action", FROM_CENTRAL_SYSTEM)
def test_commands_are_valid_and_so_are_their_answers(action: str, world: World) -> None:
    for number in range(DRAWS):
        for known in (0, 7):  # with nothing known of the charge point, and with something of each kind
            ids = dict.fromkeys(("transaction_id", "reservation_id", "profile_id"), known) if known else {}
            payload = command(action, number, known=ids)
            check(action, payload)
            if number == 0:
                reply = world.ask(action, payload, f"csms-{known}")
                assert isinstance(reply, CallResult), reply
                check(f"{action}Response", msgspec.json.decode(reply.payload))


def test_what_is_not_valid_gets_the_code_that_fits(world: World) -> None:
    reply = world.ask("Reset", {"type": "Medium"})
    assert isinstance(reply, CallError)
    assert (reply.code, reply.description) == ("PropertyConstraintViolation", "type is none of Hard, Soft")


def test_everything_a_charge_point_can_say_is_said_and_valid(world: World) -> None:
    """The world holds each CALL against its schema as it arrives; here it is seen that there is one of each."""
    world.charge()
    ask(world, "RemoteStopTransaction", transactionId=77)
    run_s(world, 5)
    ask(world, "DataTransfer", vendorId="loadtest", messageId="send", data="up")
    world.answer({"status": "Accepted", "data": "up"})
    for wanted in ("DiagnosticsStatusNotification", "FirmwareStatusNotification", "Heartbeat", "MeterValues"):
        ask(world, "TriggerMessage", requestedMessage=wanted)
        world.answer_all()
    for wanted in ("LogStatusNotification", "SignChargePointCertificate"):
        ask(world, "ExtendedTriggerMessage", requestedMessage=wanted)
        world.answer_all()
    assert ask(world, "CertificateSigned", certificateChain="none") == {"status": "Rejected"}  # and told of
    root = command("InstallCertificate", 1) | {"certificateType": "ManufacturerRootCertificate"}
    assert ask(world, "InstallCertificate", **root) == {"status": "Accepted"}
    ask(world, "SignedUpdateFirmware", **command("SignedUpdateFirmware", 1, dt.datetime.fromisoformat(wall(world, 0))))
    run_s(world, 60)
    for call in world.sent:
        check(call.action, call.payload)
    said = {call.action for call in world.sent}
    assert said >= set(FROM_CHARGE_POINT), set(FROM_CHARGE_POINT) - said


@pytest.mark.parametrize("action", FROM_CHARGE_POINT)
def test_answers_of_the_central_system_are_valid(action: str) -> None:
    text = Responses(Registration(), utc_now=lambda: NOW).payload(action, b"CP", 1)
    assert text is not None
    check(f"{action}Response", msgspec.json.decode(text))
