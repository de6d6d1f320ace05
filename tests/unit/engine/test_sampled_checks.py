from __future__ import annotations

import pytest

from loadtest.engine.sampled_checks import CAPACITY, FAULTS_TOLD, SampledChecks
from loadtest.measure.validity import Validity

VALID = b'{"idTag":"A1"}'
INVALID = b'{"idTag":"this is a secret of 30 letters"}'


def counted(checks: SampledChecks) -> Validity:
    return Validity.of(checks.counters())


def test_messages_wait_until_somebody_has_time() -> None:
    checks = SampledChecks()
    for _ in range(5):
        checks.note_call(b"Authorize", VALID)
    assert counted(checks) == Validity()
    checks.check_some(3)
    assert counted(checks) == Validity(checked=3)
    checks.check_some(3)
    assert counted(checks) == Validity(checked=5)


def test_ours_and_the_central_systems_are_counted_apart() -> None:
    checks = SampledChecks()
    checks.note_call(b"Authorize", INVALID)
    checks.note_result("Reset", b'{"status":"Perhaps"}')
    checks.note_result("Reset", b'{"status":"Accepted"}')
    checks.note_answer(b"Heartbeat", b"{}")
    checks.note_answer(b"Heartbeat", b'{"currentTime":"2026-01-31T12:00:00Z"}')
    checks.check_all()
    assert counted(checks) == Validity(checked=3, invalid=2, answers_checked=2, answers_invalid=1)


def test_every_different_fault_is_told_once_and_without_its_value() -> None:
    checks = SampledChecks()
    for _ in range(3):
        checks.note_call(b"Authorize", INVALID)
        checks.note_answer(b"Heartbeat", b"{}")
        checks.check_all()
    assert checks.new_faults() == [
        ("invalid_message", "Authorize: idTag is longer than 20 characters"),
        ("invalid_answer", "HeartbeatResponse: payload lacks the field currentTime"),
    ]
    assert checks.new_faults() == []
    for number in range(30):
        checks.note_call(b"Authorize", b'{"idTag":"x","%d":1}' % number)
    checks.check_all()
    assert len(checks.new_faults()) == FAULTS_TOLD - 2


def test_what_comes_too_fast_is_counted_as_unchecked() -> None:
    checks = SampledChecks()
    for _ in range(CAPACITY + 7):
        checks.note_call(b"Authorize", VALID)
    checks.check_all()
    assert counted(checks) == Validity(checked=CAPACITY, unchecked=7)


def test_actions_without_a_schema_are_not_taken() -> None:
    checks = SampledChecks()
    checks.note_answer(b"VendorsOwn\xff", b"{}")
    checks.check_all()
    assert counted(checks) == Validity()


@pytest.mark.parametrize("share", [1, 2, 64])
def test_the_mask_takes_the_share_of_every_charge_points_messages(share: int) -> None:
    mask = SampledChecks(share).mask
    for number in range(100):
        taken = [sequence for sequence in range(share * 10) if number + sequence & mask == 0]
        assert len(taken) == 10


def test_the_line_for_people() -> None:
    assert str(Validity()) == ""
    assert str(Validity(checked=12_345, answers_checked=2, unchecked=1)) == (
        "1 of 64 messages against the official schemas: 12,345 of charge points, 0 invalid; "
        "2 answers of the central system, 0 invalid; 1 more came too fast to be checked"
    )
