"""Profiles: what cannot be run is refused, all faults together."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import pytest

from loadtest.engine import payloads
from loadtest.errors import UsageError
from loadtest.scenario.drivers import Drivers
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.quantiles import constant, exponential


def test_the_default_can_be_run() -> None:
    ChargePointProfile().check()
    assert ChargePointProfile(id_prefix="RDAM ").charge_point_id(7) == "RDAM 000007"
    assert ChargePointProfile().charge_point_id(12_345_678) == "cp-12345678"


DRIVERS = Drivers(
    per_day=2,
    stay_s=exponential(3600),
    energy_wh=constant(7000),
    vehicle_power_w=11_000,
    battery_wh=60_000,
)

BAD: dict[str, object] = {
    "connectors": 64,
    "id_prefix": "a/b",
    "vendor": "x" * 21,
    "model": "",
    "firmware_version": "1" * 51,
    "power_w": -1.0,
    "voltage_v": 0.0,
    "time_scale": 0.0,
    "hour_at_start": 24.5,
    "meter_interval_s": -5.0,
    "clock_aligned_s": -1,
    "measurands": ("Energy.Active.Export.Register",),
    "aligned_measurands": ("SoC",),
    "stop_measurands": ("Voltage", "Voltage"),
    "stop_aligned_measurands": ("",),
    "default_heartbeat_s": 0.0,
    "reboot_s": -1.0,
    "download_s": -1.0,
    "install_s": -1.0,
    "firmware_failure": 1.5,
    "upload_s": -1.0,
    "upload_failure": -0.1,
    "minimum_status_s": -1.0,
}
BAD_DRIVERS: dict[str, object] = {
    "per_day": -1.0,
    "by_hour": [1.0] * 23,
    "stay_s": {},
    "energy_wh": {"mean": -1.0},
    "vehicle_power_w": 0.0,
    "battery_wh": 0.0,
}


def test_all_faults_are_told_at_once_each_with_its_field() -> None:
    with pytest.raises(UsageError) as refused:
        msgspec.convert(BAD | {"drivers": BAD_DRIVERS}, ChargePointProfile).check()
    names = [*BAD, *(f"drivers.{name}" for name in BAD_DRIVERS)]
    for name in names:
        assert sum(fault.startswith(f"profile.{name}: ") for fault in refused.value.faults) == 1, name
    assert len(refused.value.faults) == len(names)


def numbers_of(struct: type[msgspec.Struct]) -> list[str]:
    return [field.name for field in msgspec.structs.fields(struct) if field.type is float]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused_everywhere(value: float) -> None:
    assert len(numbers_of(ChargePointProfile)) >= 12
    for name in numbers_of(ChargePointProfile):
        with pytest.raises(UsageError, match=rf"^profile\.{name}: "):
            msgspec.structs.replace(ChargePointProfile(), **{name: value}).check()
    for name in numbers_of(Drivers):
        drivers = msgspec.structs.replace(DRIVERS, **{name: value})
        with pytest.raises(UsageError, match=rf"^profile\.drivers\.{name}: "):
            ChargePointProfile(drivers=drivers).check()


@pytest.mark.parametrize("weights", [(0.0,) * 24, (math.nan,) * 24, (math.inf,) * 24, (-1.0,) + (1.0,) * 23, ()])
def test_a_day_has_24_hours_in_some_of_which_drivers_come(weights: tuple[float, ...]) -> None:
    drivers = msgspec.structs.replace(DRIVERS, by_hour=weights)
    with pytest.raises(UsageError, match=r"^profile\.drivers\.by_hour: "):
        ChargePointProfile(drivers=drivers).check()


@pytest.mark.parametrize("wrong", [{"connectors": "two"}, {"supply": "AC2"}, {"power_w": object()}])
def test_what_has_the_wrong_type_is_one_clear_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"^profile: "):
        ChargePointProfile(**wrong).check()


def test_what_is_no_model_is_told_with_what_to_write() -> None:
    wrong: dict[str, Any] = {"drivers": 3, "link": "lte", "reconnect": "fixed"}
    with pytest.raises(UsageError) as refused:
        ChargePointProfile(**wrong).check()
    assert [fault.partition(":")[0] for fault in refused.value.faults] == [f"profile.{name}" for name in wrong]
    assert "'fixed' is no model; write CappedDoubling(…)" in refused.value.faults[2]


def test_a_profile_travels_as_plain_data() -> None:
    profile = ChargePointProfile(drivers=DRIVERS, configuration={"ConnectionTimeOut": "30"}, supply="DC")
    plain = msgspec.json.decode(msgspec.json.encode(msgspec.to_builtins(profile)))
    assert msgspec.convert(plain, ChargePointProfile) == profile


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
        profile = ChargePointProfile(id_prefix=character, vendor=character, firmware_version=character)
        try:
            profile.check()
        except UsageError:
            continue
        accepted += 1
        payload = payloads.boot_notification(profile, profile.charge_point_id(1), profile.firmware_version)
        assert json.loads(payload)["chargePointSerialNumber"] == f"{character}000001"
    assert accepted > 80
