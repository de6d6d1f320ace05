"""Profiles: what cannot be run is refused, all faults together."""

from __future__ import annotations

import json

import msgspec
import pytest

from loadtest.engine import payloads
from loadtest.errors import UsageError
from loadtest.scenario.profile import ChargePointProfile


def test_the_default_can_be_run() -> None:
    ChargePointProfile().check()
    assert ChargePointProfile(id_prefix="RDAM ").charge_point_id(7) == "RDAM 000007"
    assert ChargePointProfile().charge_point_id(12_345_678) == "cp-12345678"


BAD: dict[str, object] = {
    "connectors": 64,
    "id_prefix": "a/b",
    "vendor": "x" * 21,
    "model": "",
    "transaction_gap_s": -1.0,
    "transaction_duration_s": 0.0,
    "meter_interval_s": -5.0,
    "power_w": -1.0,
    "default_heartbeat_s": 0.0,
    "reconnect_min_s": 0.0,
}


def test_all_faults_are_told_at_once_each_with_its_field() -> None:
    with pytest.raises(UsageError) as refused:
        msgspec.convert(BAD, ChargePointProfile).check()
    for name in BAD:
        assert sum(fault.startswith(f"profile.{name}: ") for fault in refused.value.faults) == 1, name
    assert len(refused.value.faults) == len(BAD)


def test_the_longest_wait_is_not_below_the_first() -> None:
    with pytest.raises(UsageError, match=r"reconnect_max_s: 1 is below reconnect_min_s 2"):
        ChargePointProfile(reconnect_min_s=2, reconnect_max_s=1).check()


@pytest.mark.parametrize("prefix", ["", "é", "a#", 'a"b', "a\\b", "a\n", "a+", "a?b", "100%"])
def test_ids_that_would_break_a_url_a_topic_or_json_are_refused(prefix: str) -> None:
    with pytest.raises(UsageError, match=r"profile\.id_prefix"):
        ChargePointProfile(id_prefix=prefix).check()


@pytest.mark.parametrize("text", ['a"b', "a\\b", "a\nb", "x" * 21])
def test_vendor_and_model_fit_their_field(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        ChargePointProfile(vendor=text, model=text).check()
    assert len(refused.value.faults) == 2


def test_whatever_passes_the_check_is_valid_json_on_the_wire() -> None:
    accepted = 0
    for code in range(0x20, 0x180):
        character = chr(code)
        profile = ChargePointProfile(id_prefix=character, vendor=character, model=character)
        try:
            profile.check()
        except UsageError:
            continue
        accepted += 1
        payload = payloads.boot_notification(profile.vendor, profile.model, profile.charge_point_id(1))
        assert json.loads(payload)["chargePointSerialNumber"] == f"{character}000001"
    assert accepted > 80
