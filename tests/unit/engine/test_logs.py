"""Uploads of diagnostics and logs: what is told about files that never leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from commanding import ask, run_s, statuses, told
from virtual_fleet import World

if TYPE_CHECKING:
    from collections.abc import Iterator

DIAGNOSTICS = "DiagnosticsStatusNotification"
LOG = "LogStatusNotification"


@pytest.fixture
def world() -> Iterator[World]:
    with World(upload_s=4.0) as world:
        world.register()
        yield world
        world.assert_balanced()


def get_diagnostics(world: World, **more: Any) -> dict[str, Any]:
    return ask(world, "GetDiagnostics", **{"location": "ftp://example.org/logs"} | more)


def get_log(world: World, request_id: int, location: str = "https://example.org/logs", **more: Any) -> dict[str, Any]:
    log = {"remoteLocation": location}
    return ask(world, "GetLog", **{"logType": "SecurityLog", "requestId": request_id, "log": log} | more)


def test_diagnostics_are_named_and_uploaded(world: World) -> None:
    """OCPP 1.6 section 5.9: the answer names the file, then Uploading and Uploaded."""
    name = get_diagnostics(world)["fileName"]
    run_s(world, 3)
    assert statuses(world, DIAGNOSTICS) == ["Uploading"]
    run_s(world, 2)
    assert statuses(world, DIAGNOSTICS) == ["Uploading", "Uploaded"]
    assert get_diagnostics(world)["fileName"] != name


def test_new_diagnostics_replace_an_upload(world: World) -> None:
    get_diagnostics(world)
    run_s(world, 2)
    get_diagnostics(world)
    run_s(world, 10)
    assert statuses(world, DIAGNOSTICS) == ["Uploading", "Uploading", "Uploaded"]


def test_diagnostics_that_cannot_get_there_are_tried_again(world: World) -> None:
    get_diagnostics(world, location="gopher://example.org", retries=1, retryInterval=5)
    run_s(world, 30)
    assert statuses(world, DIAGNOSTICS) == ["Uploading", "Uploading", "UploadFailed"]


@pytest.mark.parametrize(
    ("more", "attempts"),
    [({}, 1), ({"retries": 0}, 1), ({"retries": -5}, 1), ({"retries": 2, "retryInterval": -1}, 3)],
)
def test_upload_fails_after_its_attempts(more: dict[str, Any], attempts: int) -> None:
    with World(upload_s=1.0, upload_failure=1.0) as world:
        world.register()
        assert get_log(world, 1, **more)["status"] == "Accepted"
        run_s(world, 10)
        assert statuses(world, LOG) == ["Uploading"] * attempts + ["UploadFailure"]


def test_log_is_uploaded_under_the_number_of_its_request(world: World) -> None:
    """Whitepaper N01.FR.07 to FR.09."""
    answer = get_log(world, 12)
    assert answer["status"] == "Accepted"
    assert "security" in answer["filename"]
    run_s(world, 6)
    assert told(world, LOG) == [{"status": "Uploading", "requestId": 12}, {"status": "Uploaded", "requestId": 12}]


def test_new_log_cancels_an_upload(world: World) -> None:
    """N01.FR.11; the upload that was cancelled is heard of no more."""
    get_log(world, 1)
    run_s(world, 2)
    assert get_log(world, 2)["status"] == "AcceptedCanceled"
    run_s(world, 10)
    assert [(each["requestId"], each["status"]) for each in told(world, LOG)] == [
        (1, "Uploading"),
        (2, "Uploading"),
        (2, "Uploaded"),
    ]
    assert get_log(world, 3, logType="DiagnosticsLog")["status"] == "Accepted"


@pytest.mark.parametrize("location", ["", "logs.example.org", "gopher://example.org"])
def test_log_for_no_place_is_rejected(world: World, location: str) -> None:
    """``SupportedFileTransferProtocols``; an upload under way goes on."""
    get_log(world, 1)
    assert get_log(world, 2, location) == {"status": "Rejected"}
    run_s(world, 6)
    assert [each["requestId"] for each in told(world, LOG)] == [1, 1]


def test_log_and_diagnostics_do_not_disturb_each_other(world: World) -> None:
    get_log(world, 1)
    get_diagnostics(world)
    run_s(world, 6)
    assert statuses(world, LOG) == ["Uploading", "Uploaded"]
    assert statuses(world, DIAGNOSTICS) == ["Uploading", "Uploaded"]


def test_while_offline_notifications_are_dropped_and_counted(world: World) -> None:
    get_log(world, 1)
    world.answer_all()
    world.wire().end()
    world.advance_s(10)
    assert statuses(world, LOG) == ["Uploading"]
    assert world.books.counters.dropped_offline >= 1


def test_long_identity_makes_no_long_file_name() -> None:
    with World(id_prefix="x" * 400) as world:
        world.register()
        assert len(get_diagnostics(world)["fileName"]) <= 255
        assert len(get_log(world, 1)["filename"]) <= 255
