"""Which commands can be sent as load, and how what cannot is refused."""

from __future__ import annotations

import msgspec
import pytest

from loadtest.errors import UsageError
from loadtest.protocol.actions import FROM_CENTRAL_SYSTEM
from loadtest.scenario.commands import CommandLoad


def test_every_action_of_a_central_system_may_have_a_rate() -> None:
    load = CommandLoad(rates=dict.fromkeys(FROM_CENTRAL_SYSTEM, 0.5), charge_points=(0, 7), timeout_s=3)
    load.check()
    assert load
    assert msgspec.convert(msgspec.to_builtins(load), CommandLoad) == load


def test_without_a_rate_there_is_nothing_to_send() -> None:
    assert not CommandLoad()
    assert not CommandLoad(rates={"Reset": 0.0})


def test_all_faults_are_told_at_once() -> None:
    load = CommandLoad(
        rates={"Heartbeat": 1.0, "Reset": -1.0, "ClearCache": float("nan"), "GetLog": float("inf")},
        charge_points=(3, 1 << 24),
        payloads={"UnlockConnector": {"connectorId": 1}},
        timeout_s=0,
    )
    with pytest.raises(UsageError) as refusal:
        load.check()
    words = (
        "'Heartbeat'",
        "Reset: -1",
        "ClearCache: nan",
        "GetLog: inf",
        "16777216",
        "UnlockConnector",
        "timeout_s: 0",
    )
    assert len(refusal.value.faults) == len(words)
    for fault, word in zip(refusal.value.faults, words, strict=True):
        assert word in fault


def test_a_rate_of_the_wrong_type_is_named() -> None:
    with pytest.raises(UsageError, match=r"commands: .*rates"):
        CommandLoad(rates={"Reset": "often"}).check()  # type: ignore[dict-item]


def test_payloads_are_held_against_the_official_schemas_before_the_run() -> None:
    rates = dict.fromkeys(("Reset", "UnlockConnector", "ClearCache", "GetLog"), 1.0)
    load = CommandLoad(
        rates=rates,
        payloads={"Reset": {"type": "Violent"}, "UnlockConnector": {}, "ClearCache": {"x": 1}, "GetLog": {"log": []}},
    )
    with pytest.raises(UsageError) as refusal:
        load.check()
    assert [fault.split(": ")[:2] for fault in refusal.value.faults] == [
        ["commands.payloads", action] for action in load.payloads
    ]
    assert "type is none of Hard, Soft" in refusal.value.faults[0]
    assert "lacks the field connectorId" in refusal.value.faults[1]
    CommandLoad(rates={"Reset": 1.0}, payloads={"Reset": {"type": "Soft"}}).check()
