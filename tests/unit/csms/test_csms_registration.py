"""Registration rules of BootNotification (OCPP 1.6 section 4.2, errata 3.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadtest.csms.registration import Registration

if TYPE_CHECKING:
    from loadtest.csms.settings import RegistrationStatus


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_each_charge_point_is_accepted_after_its_own_number_of_boots(status: RegistrationStatus) -> None:
    registration = Registration(status, accept_after_boots=2, heartbeat_interval_s=300, retry_interval_s=5)
    answers = [registration.boot(b"a") for _ in range(4)]
    assert answers == [(status, 5), (status, 5), ("Accepted", 300), ("Accepted", 300)]
    assert registration.boot(b"b") == (status, 5)


def test_without_a_number_nobody_is_ever_accepted() -> None:
    registration = Registration("Rejected")
    assert {registration.boot(b"a").status for _ in range(100)} == {"Rejected"}


def test_calls_are_admitted_unless_the_last_boot_was_not_accepted() -> None:
    registration = Registration("Pending", accept_after_boots=1)
    assert registration.admits(b"booted before we started")
    registration.boot(b"a")
    assert not registration.admits(b"a")
    registration.boot(b"a")
    assert registration.admits(b"a")


def test_an_open_door_admits_everyone() -> None:
    registration = Registration("Accepted")
    assert registration.boot(b"a").status == "Accepted"
    assert registration.admits(b"a")
