"""Firmware updates, unsigned and signed: what is told, when, and what it does to the connectors."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import TYPE_CHECKING, Any

import pytest
from certificate_makers import Authority
from commanding import ask, boot, run_s, statuses, told, wall
from virtual_fleet import World

from loadtest.protocol.frames import CallError

if TYPE_CHECKING:
    from collections.abc import Iterator

PROFILE: dict[str, Any] = {"connectors": 2, "download_s": 4.0, "install_s": 6.0, "reboot_s": 10.0}
PLAIN = "FirmwareStatusNotification"
SIGNED = "SignedFirmwareStatusNotification"
LOCATION = "https://example.org/firmware/station-2.4.1.bin"
VENDOR = Authority("Manufacturer")


@pytest.fixture
def world() -> Iterator[World]:
    with World(**PROFILE) as world:
        world.register()
        yield world
        world.assert_balanced()


def update(world: World, retrieve_s: float = 0.0, **more: Any) -> dict[str, Any]:
    return ask(world, "UpdateFirmware", **{"location": LOCATION, "retrieveDate": wall(world, retrieve_s)} | more)


def signed_update(world: World, request_id: int = 7, retrieve_s: float = 0.0, **firmware: Any) -> str:
    request: dict[str, Any] = {
        "location": LOCATION,
        "retrieveDateTime": wall(world, retrieve_s),
        "signingCertificate": VENDOR.issue("Signer")[0],
        "signature": "c2lnbmF0dXJl",
    }
    status = ask(world, "SignedUpdateFirmware", requestId=request_id, firmware=request | firmware)["status"]
    return str(status)


def connector_states(world: World) -> list[str]:
    return [f"{each['connectorId']} {each['status']}" for each in told(world, "StatusNotification")]


def events(world: World) -> list[str]:
    return [payload["type"] for payload in told(world, "SecurityEventNotification")]


# Unsigned --------------------------------------------------------------------------------------------------------


def test_update_goes_its_way_and_a_restart_ends_it(world: World) -> None:
    """OCPP 1.6 section 4.5: each step is told, the last one after the BootNotification with the new version."""
    assert update(world, retrieve_s=5) == {}
    run_s(world, 4)
    assert statuses(world, PLAIN) == []
    run_s(world, 2)
    assert statuses(world, PLAIN) == ["Downloading"]
    run_s(world, 4)
    assert statuses(world, PLAIN) == ["Downloading", "Downloaded", "Installing"]
    assert connector_states(world)[-2:] == ["1 Unavailable", "2 Unavailable"]
    run_s(world, 6)
    assert world.wire().ending
    world.wire().end()
    world.advance_s(10.5)
    assert boot(world).payload["firmwareVersion"] == "2.4.1"
    assert statuses(world, PLAIN)[-1] == "Installed"
    assert connector_states(world)[-2:] == ["1 Available", "2 Available"]


def test_installation_waits_for_the_transaction() -> None:
    """Section 5.19: who charges may finish; connectors not in use become Unavailable meanwhile."""
    with World(**PROFILE, transaction_duration_s=100_000) as world:
        world.register()
        ask(world, "RemoteStartTransaction", connectorId=1, idTag="TAG")
        run_s(world, 10)
        (transaction,) = world.one.transactions
        update(world)
        run_s(world, 30)
        assert statuses(world, PLAIN) == ["Downloading", "Downloaded"]
        assert connector_states(world)[-1] == "2 Unavailable"
        ask(world, "RemoteStopTransaction", transactionId=transaction.transaction_id)
        run_s(world, 5)
        assert transaction.over
        assert statuses(world, PLAIN) == ["Downloading", "Downloaded", "Installing"]


def test_failed_download_is_tried_again_as_often_as_asked() -> None:
    """Each attempt is told, the failure once; there is no restart."""
    with World(**PROFILE, firmware_failure=1.0) as world:
        world.register()
        world.one._draws = failing_at(world, "DownloadFailed")
        update(world, retries=2, retryInterval=10)
        run_s(world, 60)
        assert statuses(world, PLAIN) == ["Downloading"] * 3 + ["DownloadFailed"]
        starts = [call.at_ns / 1e9 for call in world.sent if call.payload.get("status") == "Downloading"]
        assert [round(b - a) for a, b in itertools.pairwise(starts)] == [14, 14]
        assert not world.wire().ending
        assert connector_states(world)[-3:] == ["0 Available", "1 Available", "2 Available"]


def test_failed_installation_opens_the_connectors_again() -> None:
    with World(**PROFILE, firmware_failure=1.0) as world:
        world.register()
        world.one._draws = failing_at(world, "InstallationFailed")
        update(world)
        run_s(world, 15)
        assert statuses(world, PLAIN) == ["Downloading", "Downloaded", "Installing", "InstallationFailed"]
        assert connector_states(world)[-4:] == ["1 Unavailable", "2 Unavailable", "1 Available", "2 Available"]
        assert not world.wire().ending


def test_a_connector_taken_out_of_service_meanwhile_stays_so() -> None:
    with World(**PROFILE, firmware_failure=1.0) as world:
        world.register()
        world.one._draws = failing_at(world, "InstallationFailed")
        update(world)
        run_s(world, 6)
        ask(world, "ChangeAvailability", connectorId=1, type="Inoperative")
        run_s(world, 9)
        assert connector_states(world)[-1] == "2 Available"
        assert world.one.connector_status(1) == b"Unavailable"


@pytest.mark.parametrize("location", ["mailto:nobody@example.org", "gopher://example.org/firmware"])
def test_location_out_of_reach_fails_in_the_download(world: World, location: str) -> None:
    """``SupportedFileTransferProtocols`` names the schemes."""
    update(world, location=location)
    run_s(world, 6)
    assert statuses(world, PLAIN) == ["Downloading", "DownloadFailed"]


def test_new_request_replaces_an_update_until_it_installs(world: World) -> None:
    update(world, retrieve_s=100)
    run_s(world, 2)
    update(world, location="ftp://example.org/9.0.bin")
    run_s(world, 7)
    assert statuses(world, PLAIN) == ["Downloading", "Downloaded", "Installing"]
    update(world, location="ftp://example.org/10.0.bin")
    run_s(world, 4)
    world.wire().end()
    world.advance_s(10.5)
    assert boot(world).payload["firmwareVersion"] == "9.0"
    run_s(world, 120)
    assert statuses(world, PLAIN) == ["Downloading", "Downloaded", "Installing", "Installed"]


def test_installation_ends_reservations_and_stops_who_slipped_in() -> None:
    with World(**PROFILE) as world:
        world.register()
        ask(world, "ReserveNow", connectorId=1, expiryDate=wall(world, 3600), idTag="MINE", reservationId=1)
        update(world)
        run_s(world, 5)
        assert world.one.connector_status(1) == b"Unavailable"
        assert ask(world, "CancelReservation", reservationId=1) == {"status": "Rejected"}
        run_s(world, 4.5)
        ask(world, "ChangeAvailability", connectorId=1, type="Operative")
        world.answer_all()
        world.charge()
        run_s(world, 1)
        world.wire().end()
        world.advance_s(10.5)
        boot(world)
        assert [stop["reason"] for stop in told(world, "StopTransaction")] == ["Reboot"]
        world.assert_balanced()


def test_reset_while_installing_keeps_the_connectors_closed() -> None:
    """L01.FR.07: until the firmware is installed; then it restarts once more."""
    with World(**PROFILE | {"install_s": 30.0}) as world:
        world.register()
        update(world)
        run_s(world, 5)
        ask(world, "Reset", type="Hard")
        world.wire().end()
        world.advance_s(10.5)
        boot(world)
        run_s(world, 5)
        assert statuses(world, PLAIN)[-1] == "Installing"
        assert {world.one.connector_status(number) for number in (1, 2)} == {b"Unavailable"}
        run_s(world, 20)
        assert world.wire().ending
        world.wire().end()
        world.advance_s(10.5)
        boot(world)
        assert statuses(world, PLAIN)[-1] == "Installed"
        assert {world.one.connector_status(number) for number in (1, 2)} == {b"Available"}
        world.assert_balanced()


def test_installed_is_told_once_the_registration_is_accepted(world: World) -> None:
    update(world)
    run_s(world, 12)
    world.wire().end()
    world.advance_s(10.5)
    world.open()
    world.answer({"status": "Pending", "currentTime": "2026-01-01T00:00:00Z", "interval": 20})
    world.advance_s(19)
    assert statuses(world, PLAIN)[-1] == "Installing"
    world.advance_s(2)
    world.answer({"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "interval": 300})
    world.answer_all()
    assert statuses(world, PLAIN)[-1] == "Installed"


def test_location_without_a_version_changes_none(world: World) -> None:
    update(world, location="http://example.org/latest")
    run_s(world, 12)
    world.wire().end()
    world.advance_s(10.5)
    assert boot(world).payload["firmwareVersion"] == "1.0.0"


def test_instant_that_does_not_exist_is_refused(world: World) -> None:
    """RFC 3339 allows a 61st second that no clock here has."""
    reply = world.ask("UpdateFirmware", {"location": LOCATION, "retrieveDate": "2026-12-31T23:59:60Z"})
    assert isinstance(reply, CallError)
    assert reply.code == "PropertyConstraintViolation"
    assert "retrieveDate" in reply.description


def test_a_retired_charge_point_does_nothing_more(world: World) -> None:
    update(world, retrieve_s=5)
    world.fleet.draining = True
    world.one.retire()
    world.advance_s(60)
    assert statuses(world, PLAIN) == []


# Signed ----------------------------------------------------------------------------------------------------------


def test_signed_update_goes_its_way(world: World) -> None:
    """Whitepaper L01: every step with the request's id, and the event FirmwareUpdated in the end."""
    assert signed_update(world, retrieve_s=5, installDateTime=wall(world, 20)) == "Accepted"
    run_s(world, 15)
    assert statuses(world, SIGNED) == [
        "DownloadScheduled",
        "Downloading",
        "Downloaded",
        "SignatureVerified",
        "InstallScheduled",
    ]
    run_s(world, 13)
    assert statuses(world, SIGNED)[5:] == ["Installing", "InstallRebooting"]
    assert world.wire().ending
    world.wire().end()
    world.advance_s(10.5)
    assert boot(world).payload["firmwareVersion"] == "2.4.1"
    assert statuses(world, SIGNED)[7:] == ["Installed"]
    assert {payload["requestId"] for payload in told(world, SIGNED)} == {7}
    assert events(world) == ["FirmwareUpdated"]
    assert statuses(world, PLAIN) == []


@pytest.mark.parametrize("signature", ["", "no base64!", "YQ"])
def test_signature_that_is_none_never_verifies(world: World, signature: str) -> None:
    """L01.FR.03: InvalidSignature comes with a security event."""
    assert signed_update(world, signature=signature) == "Accepted"
    run_s(world, 30)
    assert statuses(world, SIGNED) == ["Downloading", "Downloaded", "InvalidSignature"]
    assert events(world) == ["InvalidFirmwareSignature"]


def expired() -> str:
    return VENDOR.issue("Signer", valid_until=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))[0]


@pytest.mark.parametrize(
    "certificate", ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", expired(), VENDOR.pem * 2]
)
def test_certificate_that_is_not_valid_is_refused(world: World, certificate: str) -> None:
    """L01.FR.02, FR.24."""
    assert signed_update(world, signingCertificate=certificate) == "InvalidCertificate"
    run_s(world, 30)
    assert statuses(world, SIGNED) == []
    assert events(world) == ["InvalidFirmwareSigningCertificate"]


def test_installed_root_decides_about_signers(world: World) -> None:
    """Scenario step 2 of L01: the signer is verified against the manufacturer's root."""
    ask(world, "InstallCertificate", certificateType="ManufacturerRootCertificate", certificate=VENDOR.pem)
    stranger = Authority("Stranger").issue("Signer")[0]
    assert signed_update(world, signingCertificate=stranger) == "InvalidCertificate"
    assert signed_update(world) == "Accepted"


def test_new_signed_request_cancels_an_update_until_it_installs(world: World) -> None:
    """L01.FR.26 and FR.27."""
    assert signed_update(world, request_id=1, retrieve_s=100) == "Accepted"
    assert signed_update(world, request_id=2) == "AcceptedCanceled"
    run_s(world, 6)
    assert signed_update(world, request_id=3) == "Rejected"
    world.answer_all()
    assert [(each["requestId"], each["status"]) for each in told(world, SIGNED)] == [
        (1, "DownloadScheduled"),
        (2, "Downloading"),
        (2, "Downloaded"),
        (2, "SignatureVerified"),
        (2, "Installing"),
    ]


def test_every_draw_fails_somewhere_and_none_without_failures() -> None:
    """The profile's probability decides whether, and evenly where."""
    ends: dict[str, int] = {}
    with World(60, **PROFILE, firmware_failure=0.5) as world:
        from loadtest.engine.firmware_update import FirmwareUpdate

        for charge_point in world.charge_points:
            weak = FirmwareUpdate(charge_point, LOCATION, {}, request_id=1, signature="YQ==")._weak_point
            ends[weak] = ends.get(weak, 0) + 1
    assert set(ends) == {"", "download", "signature", "installation"}
    assert 15 <= ends[""] <= 45


def failing_at(world: World, status: str) -> int:
    """A count of draws after which the next update, certain to fail, does so there."""
    half = {"DownloadFailed": 0, "InstallationFailed": 1}[status]
    return next(draws for draws in range(100) if int(world.fleet.draw(0, draws + 1) * 2) == half)
