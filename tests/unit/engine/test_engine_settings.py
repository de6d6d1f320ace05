"""An engine's configuration is checked by the engine, all faults at once."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from loadtest.engine.settings import EngineSettings, cohort_profile, engine_settings
from loadtest.errors import UsageError
from loadtest.scenario.profile import ChargePointProfile

GOOD: dict[str, Any] = {
    "run_tag": 7,
    "epoch_ns": 1,
    "seed": 1,
    "gateway_url": "ws://127.0.0.1:33033/ocpp",
    "engine": 0,
    "charge_points": 10,
    "ramp_s": 0,
}


def faults_of(**changes: Any) -> tuple[str, ...]:
    with pytest.raises(UsageError) as refused:
        engine_settings(GOOD | changes)
    return refused.value.faults


def test_what_is_left_out_takes_its_default() -> None:
    assert engine_settings(GOOD).profile == ChargePointProfile()
    assert isinstance(engine_settings(GOOD), EngineSettings)


def test_all_faults_are_told_at_once() -> None:
    faults = faults_of(
        run_tag=0x10000,
        gateway_url="http://host",
        charge_points=0,
        ramp_s=-1,
        call_timeout_s=0,
        profile={"connectors": 0, "power_w": -1},
    )
    names = [fault.partition(":")[0] for fault in faults]
    assert sorted(names) == [
        "call_timeout_s",
        "charge_points",
        "gateway_url",
        "profile.connectors",
        "profile.power_w",
        "ramp_s",
        "run_tag",
    ]


@pytest.mark.parametrize("url", ["ws://", "ws://host:0", "ws://host:99999", "ws://[::1", ""])
def test_what_is_no_gateway_url(url: str) -> None:
    (fault,) = faults_of(gateway_url=url)
    assert fault.startswith("gateway_url: ")


def test_a_password_is_not_repeated() -> None:
    assert "s3cret" not in str(faults_of(gateway_url="http://u:s3cret@host"))


def test_a_missing_field_and_a_wrong_type_are_named() -> None:
    with pytest.raises(UsageError, match="run_tag"):
        engine_settings({})
    assert "seed" in str(faults_of(seed="one"))


def test_a_cohort_may_be_of_a_kind_of_its_own() -> None:
    settings = engine_settings(GOOD)
    own = ChargePointProfile(connectors=5, id_prefix="depot-")
    assert cohort_profile(None, settings) is settings.profile
    assert cohort_profile(msgspec.to_builtins(own), settings) == own
    with pytest.raises(UsageError, match=r"profile\.connectors"):
        cohort_profile({"connectors": 99}, settings)
    with pytest.raises(UsageError, match="profile"):
        cohort_profile({"connectors": "two"}, settings)
