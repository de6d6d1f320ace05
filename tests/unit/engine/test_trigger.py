"""TriggerMessage and ExtendedTriggerMessage: the answer, then the message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from commanding import ask, run_s, told, wall
from cryptography import x509
from virtual_fleet import World

if TYPE_CHECKING:
    from collections.abc import Iterator

BOTH = ["TriggerMessage", "ExtendedTriggerMessage"]


@pytest.fixture
def world() -> Iterator[World]:
    with World(connectors=2, configuration={"CpoName": "Operator"}) as world:
        world.register()
        world.new()
        yield world
        world.assert_balanced()


@pytest.fixture
def pending() -> Iterator[World]:
    with World(connectors=2, configuration={"CpoName": "Operator"}) as world:
        world.open()
        world.answer({"status": "Pending", "currentTime": "2026-01-01T00:00:00Z", "interval": 600})
        world.new()
        yield world
        world.assert_balanced()


def trigger(world: World, action: str, message: str, **more: Any) -> str:
    return str(ask(world, action, **{"requestedMessage": message} | more)["status"])


def messages(world: World, answered: int) -> list[tuple[str, dict[str, Any]]]:
    """What came after the first CALLs."""
    world.answer_all()
    return [(call.action, call.payload) for call in world.sent[answered:]]


@pytest.mark.parametrize("action", BOTH)
@pytest.mark.parametrize("message", ["BootNotification", "Heartbeat", "StatusNotification", "MeterValues"])
def test_message_follows_its_answer(world: World, action: str, message: str) -> None:
    """OCPP 1.6 section 5.17: the charge point answers before it sends."""
    order: list[str] = []
    take = world.take

    def noting(wire: Any, charge_point: Any, text: bytes) -> None:
        order.append(text[:2].decode())
        take(wire, charge_point, text)

    world.take = noting  # type: ignore[method-assign]
    assert trigger(world, action, message, connectorId=1) == "Accepted"
    assert order == ["[3", "[2"]
    assert world.new() == [message]


@pytest.mark.parametrize("action", BOTH)
def test_without_a_connector_all_are_meant(world: World, action: str) -> None:
    """The charge point itself, connector 0, included."""
    sent = len(world.sent)
    assert trigger(world, action, "StatusNotification") == "Accepted"
    assert [payload["connectorId"] for _, payload in messages(world, sent)] == [0, 1, 2]
    sent = len(world.sent)
    assert trigger(world, action, "MeterValues") == "Accepted"
    sampled = messages(world, sent)
    assert [payload["connectorId"] for _, payload in sampled] == [0, 1, 2]
    contexts = {
        value["context"]
        for _, payload in sampled
        for element in payload["meterValue"]
        for value in element["sampledValue"]
    }
    assert contexts == {"Trigger"}


@pytest.mark.parametrize("connector", [-1, 0, 3, 10**30])
@pytest.mark.parametrize("message", ["StatusNotification", "MeterValues"])
@pytest.mark.parametrize("action", BOTH)
def test_connector_that_is_none_is_rejected(world: World, action: str, message: str, connector: int) -> None:
    """Section 6.51: ``connectorId`` is above 0; it plays no part where no connector does."""
    assert trigger(world, action, message, connectorId=connector) == "Rejected"
    assert world.new() == []
    assert trigger(world, action, "Heartbeat", connectorId=connector) == "Accepted"


def test_meter_values_of_no_measurand_are_rejected(world: World) -> None:
    ask(world, "ChangeConfiguration", key="MeterValuesSampledData", value="")
    assert trigger(world, "TriggerMessage", "MeterValues") == "Rejected"


def test_idle_is_told_only_when_asked_for(world: World) -> None:
    sent = len(world.sent)
    trigger(world, "TriggerMessage", "DiagnosticsStatusNotification")
    trigger(world, "TriggerMessage", "FirmwareStatusNotification")
    trigger(world, "ExtendedTriggerMessage", "LogStatusNotification")
    trigger(world, "ExtendedTriggerMessage", "FirmwareStatusNotification")
    assert messages(world, sent) == [
        ("DiagnosticsStatusNotification", {"status": "Idle"}),
        ("FirmwareStatusNotification", {"status": "Idle"}),
        ("LogStatusNotification", {"status": "Idle"}),
        ("SignedFirmwareStatusNotification", {"status": "Idle"}),
    ]
    assert world.one.features_or_none is None, "asking makes nothing that has to be remembered"


def test_uploads_under_way_are_told(world: World) -> None:
    log = {"remoteLocation": "ftp://example.org/"}
    ask(world, "GetDiagnostics", location="ftp://example.org/")
    ask(world, "GetLog", logType="SecurityLog", requestId=5, log=log)
    run_s(world, 1)
    sent = len(world.sent)
    trigger(world, "TriggerMessage", "DiagnosticsStatusNotification")
    trigger(world, "ExtendedTriggerMessage", "LogStatusNotification")
    assert [payload for _, payload in messages(world, sent)] == [
        {"status": "Uploading"},
        {"status": "Uploading", "requestId": 5},
    ]
    run_s(world, 30)
    sent = len(world.sent)
    trigger(world, "ExtendedTriggerMessage", "LogStatusNotification")
    assert messages(world, sent) == [("LogStatusNotification", {"status": "Idle"})]


def test_firmware_update_under_way_is_told_by_its_own_kind(world: World) -> None:
    ask(world, "UpdateFirmware", location="ftp://example.org/f", retrieveDate=wall(world, 0))
    run_s(world, 1)
    sent = len(world.sent)
    trigger(world, "TriggerMessage", "FirmwareStatusNotification")
    trigger(world, "ExtendedTriggerMessage", "FirmwareStatusNotification")
    assert [payload["status"] for _, payload in messages(world, sent)] == ["Downloading", "Idle"]


def test_last_status_of_a_signed_update_is_told(world: World) -> None:
    """Whitepaper L01.FR.29: also when the update has failed."""
    from certificate_makers import Authority

    firmware = {
        "location": "gopher://example.org/f",
        "retrieveDateTime": wall(world, 0),
        "signingCertificate": Authority("Maker").pem,
        "signature": "YQ==",
    }
    ask(world, "SignedUpdateFirmware", requestId=9, firmware=firmware)
    run_s(world, 40)
    sent = len(world.sent)
    trigger(world, "ExtendedTriggerMessage", "FirmwareStatusNotification")
    trigger(world, "TriggerMessage", "FirmwareStatusNotification")
    assert [payload for _, payload in messages(world, sent)] == [
        {"status": "DownloadFailed", "requestId": 9},
        {"status": "Idle"},
    ]


def test_signing_request_names_operator_and_serial_number(world: World) -> None:
    """Whitepaper A02.FR.13 and A00.FR.511."""
    assert trigger(world, "ExtendedTriggerMessage", "SignChargePointCertificate") == "Accepted"
    (payload,) = told(world, "SignCertificate")
    request = x509.load_pem_x509_csr(payload["csr"].encode())
    assert request.is_signature_valid
    names = {attribute.oid: attribute.value for attribute in request.subject}
    assert names == {x509.NameOID.COMMON_NAME: "cp-000000", x509.NameOID.ORGANIZATION_NAME: "Operator"}
    world.answer({"status": "Rejected"})


@pytest.mark.parametrize("operator", ["O" * 500, "Größte Stromgesellschaft", '"/CN=', " "])
def test_any_operator_makes_a_signing_request(operator: str) -> None:
    with World(configuration={"CpoName": operator}, id_prefix="y" * 300) as world:
        world.register()
        assert trigger(world, "ExtendedTriggerMessage", "SignChargePointCertificate") == "Accepted"
        (payload,) = told(world, "SignCertificate")
        assert x509.load_pem_x509_csr(payload["csr"].encode()).is_signature_valid


def test_without_an_operator_there_is_no_signing_request() -> None:
    """A02, prerequisites: CpoName is set."""
    with World() as world:
        world.register()
        assert trigger(world, "ExtendedTriggerMessage", "SignChargePointCertificate") == "Rejected"


# Pending ---------------------------------------------------------------------------------------------------------


def test_while_pending_what_is_asked_for_is_sent(pending: World) -> None:
    """OCPP 1.6 section 4.2: nothing unasked, but what a TriggerMessage asks for; one after the other."""
    assert trigger(pending, "TriggerMessage", "StatusNotification") == "Accepted"
    assert pending.new() == ["StatusNotification"]
    pending.answer_all()
    assert pending.new() == ["StatusNotification"] * 2
    assert trigger(pending, "ExtendedTriggerMessage", "SignChargePointCertificate") == "Accepted"
    assert pending.new() == ["SignCertificate"]


def test_while_pending_a_boot_notification_may_be_asked_for(pending: World) -> None:
    assert trigger(pending, "TriggerMessage", "BootNotification") == "Accepted"
    pending.answer({"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "interval": 300})
    assert pending.one.is_registered


def test_while_pending_meter_values_are_rejected(pending: World) -> None:
    assert trigger(pending, "TriggerMessage", "MeterValues") == "Rejected"


def test_while_pending_a_refusal_ends_the_row_and_the_rest_is_counted(pending: World) -> None:
    trigger(pending, "TriggerMessage", "StatusNotification")
    pending.answer_error()
    assert pending.new() == ["StatusNotification"]
    assert pending.row("StatusNotification").dropped == 2


def test_while_pending_a_lost_connection_ends_the_row_and_the_rest_is_counted(pending: World) -> None:
    trigger(pending, "TriggerMessage", "StatusNotification")
    pending.wire().end()
    assert pending.row("StatusNotification").cut_off == 1
    assert pending.row("StatusNotification").dropped == 2


def test_while_a_call_is_outstanding_a_triggered_message_is_dropped(pending: World) -> None:
    trigger(pending, "TriggerMessage", "Heartbeat")
    trigger(pending, "TriggerMessage", "StatusNotification")
    assert pending.new() == ["Heartbeat"]
    assert pending.row("StatusNotification").dropped == 3


def test_before_the_first_answer_nothing_is_promised() -> None:
    with World() as world:
        world.open()
        assert trigger(world, "TriggerMessage", "Heartbeat") == "Rejected"


def test_boot_notification_that_falls_due_behind_a_triggered_message_comes_after_it(pending: World) -> None:
    """Its interval ends while the answer to a triggered message is still to come."""
    pending.advance_s(599)
    trigger(pending, "TriggerMessage", "Heartbeat")
    pending.advance_s(3)
    assert pending.new() == ["Heartbeat"]
    pending.answer_all()
    pending.advance_s(3)
    assert pending.new() == ["BootNotification"]
