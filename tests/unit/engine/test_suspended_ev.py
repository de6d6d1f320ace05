"""A car that has enough stops taking power at that instant, whatever the meter's interval, and stays."""

from __future__ import annotations

from typing import Any

import pytest
from virtual_fleet import World

from loadtest.engine.visit import Visit
from loadtest.scenario.vehicle import Vehicle

NOTIFICATION = "StatusNotification"


def charged(duration_s: float, **profile: Any) -> list[tuple[float, dict[str, Any]]]:
    """Seconds since the tag, and payload, of all that a car sends that wants 1 kWh and stays 300 s."""
    with World(**{"power_w": 36_000.0, "meter_interval_s": 0.0} | profile) as world:
        world.register()
        begin_ns, known = world.clock(), len(world.sent)
        world.one.welcome(
            Visit(1, 300 * 10**9, 0, Vehicle(60_000, 50_000, 0.5, 0.5 + 1 / 60)), b"TAG", begin_ns, remote=False
        )
        for _ in range(round(duration_s * 10)):
            world.advance_s(0.1)
            world.answer_all()
        return [((call.at_ns - begin_ns) / 1e9, call.payload | {"action": call.action}) for call in world.sent[known:]]


@pytest.mark.parametrize("time_scale", [1.0, 10.0])
def test_the_state_changes_when_the_car_has_enough(time_scale: float) -> None:
    """36 kW are 1 kWh in 100 s."""
    messages = charged(320, time_scale=time_scale)
    at_s = {payload["status"]: second for second, payload in messages if payload["action"] == NOTIFICATION}
    assert list(at_s) == ["Preparing", "Charging", "SuspendedEV", "Finishing", "Available"]
    assert at_s["SuspendedEV"] - at_s["Charging"] == pytest.approx(100 / time_scale, abs=0.12)
    (stop,) = [payload for _, payload in messages if payload["action"] == "StopTransaction"]
    assert stop["meterStop"] in {999, 1000}


def test_the_meter_shows_that_nothing_flows_any_more() -> None:
    readings: dict[int, tuple[int, str]] = {}
    for second, payload in charged(290, meter_interval_s=60.0):
        if payload["action"] == "MeterValues":
            register, power = (sample["value"] for sample in payload["meterValue"][0]["sampledValue"])
            readings[round(second / 60) * 60] = int(register), power
    register_wh, power_w = readings[60]
    assert register_wh == pytest.approx(600, abs=3)
    assert power_w == "36000"
    assert [readings[second][1] for second in (120, 180, 240)] == ["0"] * 3
    assert {readings[second][0] for second in (120, 180, 240)} <= {999, 1000}
