"""Energy registers as the central system sees them: what runs backwards is counted, and nothing else."""

from __future__ import annotations

import json

import pytest

from loadtest.csms.energy import EnergyRegisters


def start(meter_wh: int, connector: int = 1) -> bytes:
    return json.dumps({"connectorId": connector, "idTag": "T", "meterStart": meter_wh, "timestamp": "t"}).encode()


def meter(wh: float, *, transaction: int = 7, connector: int = 1, unit: str = "Wh") -> bytes:
    sampled = [{"value": str(wh), "unit": unit}, {"value": "1", "measurand": "Power.Active.Import"}]
    values = [{"timestamp": "t", "sampledValue": sampled}]
    return json.dumps({"connectorId": connector, "transactionId": transaction, "meterValue": values}).encode()


def stop(meter_wh: int, *kept_wh: int, transaction: int = 7) -> bytes:
    data = [{"timestamp": "t", "sampledValue": [{"value": str(wh)}]} for wh in kept_wh]
    return json.dumps({"transactionId": transaction, "meterStop": meter_wh, "transactionData": data}).encode()


@pytest.mark.parametrize(
    ("messages", "backwards"),
    [
        ([start(100), meter(150), meter(150), stop(200, 120, 199), start(200)], 0),
        ([start(100), meter(99.5)], 0),
        ([start(100), meter(0.2, unit="kWh"), meter(150)], 1),
        ([start(100), meter(90)], 1),
        ([start(100), meter(150), stop(140)], 1),
        ([start(100), meter(150), stop(200), start(150)], 1),
        ([start(100), start(50, connector=2), meter(60, connector=2, transaction=8), meter(101)], 0),
        ([stop(200, 120, 110)], 1),
        ([stop(200, 210)], 1),
        ([start(500), stop(200, transaction=9)], 0),
    ],
)
def test_what_runs_backwards_is_counted(messages: list[bytes], backwards: int) -> None:
    registers = EnergyRegisters()
    for message in messages:
        registers.note(0, message)
        registers.note(8, start(0))
    assert registers.backwards == backwards
    assert registers.checked == 2 * len(messages)


@pytest.mark.parametrize("payload", [b"", b"[]", b'{"meterStart":"x"}', meter(1).replace(b"1.0", b"x")])
def test_what_cannot_be_read_is_not_looked_at(payload: bytes) -> None:
    registers = EnergyRegisters()
    registers.note(0, payload)
    assert registers.backwards == 0
