"""Every answer is valid against the official schemas, and says what time it is."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest

from loadtest.csms.registration import Registration
from loadtest.csms.responses import TIMESTAMP_AGE_NS, Responses
from loadtest.protocol import schemas
from loadtest.protocol.actions import CORE_FROM_CENTRAL_SYSTEM, FROM_CHARGE_POINT

if TYPE_CHECKING:
    from loadtest.csms.settings import RegistrationStatus

MOMENT = dt.datetime(2026, 1, 31, 12, 0, 0, 123_456, tzinfo=dt.UTC)


def responses(registration: Registration | None = None, **transaction_ids: int) -> Responses:
    return Responses(registration or Registration(), utc_now=lambda: MOMENT, **transaction_ids)


def answer(answering: Responses, action: str, now_ns: int = 1) -> dict[str, Any]:
    payload = answering.payload(action, b"a", now_ns)
    assert payload is not None
    found: dict[str, Any] = json.loads(payload)
    return found


def fault(action: str, payload: object) -> schemas.Fault | None:
    validator = schemas.response(action)
    assert validator is not None
    return validator.check_value(payload)


@pytest.mark.parametrize("action", FROM_CHARGE_POINT)
@pytest.mark.parametrize("status", ["Accepted", "Pending", "Rejected"])
def test_answers_are_valid_against_the_official_schemas(action: str, status: RegistrationStatus) -> None:
    assert fault(action, answer(responses(Registration(status)), action)) is None


def test_the_schemas_would_find_a_fault() -> None:
    assert fault("BootNotification", {"status": "Accepted"})


@pytest.mark.parametrize("action", ["", "heartbeat", *sorted(set(CORE_FROM_CENTRAL_SYSTEM) - {"DataTransfer"})])
def test_actions_no_charge_point_sends_have_no_answer(action: str) -> None:
    assert responses().payload(action, b"cp", 1) is None


def test_boot_notification_carries_status_time_and_interval() -> None:
    registration = Registration("Pending", accept_after_boots=1, heartbeat_interval_s=60, retry_interval_s=7)
    answering = responses(registration)
    expected = {"currentTime": "2026-01-31T12:00:00.123Z"}
    assert answer(answering, "BootNotification") == expected | {"status": "Pending", "interval": 7}
    assert answer(answering, "BootNotification") == expected | {"status": "Accepted", "interval": 60}


def test_several_subscribers_never_give_out_the_same_transaction_id() -> None:
    given_out = []
    for index in range(3):
        answering = responses(first_transaction_id=index + 1, transaction_id_step=3)
        given_out += [answer(answering, "StartTransaction")["transactionId"] for _ in range(50)]
    assert sorted(given_out) == list(range(1, 151))


def test_the_time_is_rendered_again_once_it_is_too_old() -> None:
    moments = iter([MOMENT, MOMENT + dt.timedelta(seconds=1)])
    answering = Responses(Registration(), utc_now=lambda: next(moments))
    begin = 10**15
    times = [
        answer(answering, "Heartbeat", now_ns)["currentTime"]
        for now_ns in (begin, begin + TIMESTAMP_AGE_NS - 1, begin + TIMESTAMP_AGE_NS)
    ]
    assert times == ["2026-01-31T12:00:00.123Z", "2026-01-31T12:00:00.123Z", "2026-01-31T12:00:01.123Z"]
