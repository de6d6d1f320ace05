"""Charge points as they are in the field: four profiles to use as they are, or to vary.

::

    from msgspec.structs import replace

    profile = replace(AC_PUBLIC, time_scale=60)  # a day in 24 minutes

Where each figure comes from, and which are assumptions, is told in ``docs/profiles.md``.
"""

from __future__ import annotations

from loadtest.scenario.drivers import Drivers
from loadtest.scenario.measurands import ENERGY_REGISTER
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.quantiles import Quantiles

_MINUTE_S = 60.0
_HOUR_S = 3600.0
_KWH = 1000.0


def _quantiles(unit: float, **values: float) -> Quantiles:
    """Percentiles by name, ``p25=1.8``, in some unit."""
    return Quantiles(tuple((int(name[1:]) / 100, value * unit) for name, value in values.items()))


_AC_MEASURANDS = (ENERGY_REGISTER, "Power.Active.Import", "Current.Import", "Voltage")

AC_PUBLIC = ChargePointProfile(
    connectors=2,
    model="AC-22",
    supply="AC3",
    power_w=22_000,
    drivers=Drivers(
        per_day=1.2,
        by_hour=(
            *(0.67, 0.67, 0.67, 0.67, 0.66, 0.66),
            *(6.9, 10.4, 7.9, 6.3, 6.2, 6.5),
            *(7.4, 5.8, 5.8, 6.8, 7.8, 6.7),
            *(4.6, 3.2, 0.9, 0.9, 0.9, 0.9),
        ),
        stay_s=_quantiles(_HOUR_S, p25=1.8, p50=3.8, p75=8.9, p95=17.0),
        energy_wh=_quantiles(_KWH, p25=3.9, p50=7.1, p75=9.9, p95=31.0),
        vehicle_power_w=11_000,
        battery_wh=60_000,
    ),
    measurands=_AC_MEASURANDS,
)
"""Two outlets at the kerb: neighbours overnight, visitors by day; most cars stand there long after they have enough."""

DC_FAST = ChargePointProfile(
    connectors=2,
    model="DC-150",
    supply="DC",
    power_w=150_000,
    voltage_v=400,
    drivers=Drivers(
        per_day=11.7,
        by_hour=(
            *(0.6, 0.4, 0.3, 0.3, 0.4, 0.8),
            *(1.8, 3.2, 4.6, 5.6, 6.6, 7.4),
            *(8.0, 7.6, 7.2, 6.9, 6.6, 6.2),
            *(5.6, 4.8, 3.8, 2.8, 1.8, 1.1),
        ),
        stay_s=_quantiles(_MINUTE_S, p5=9.5, p25=19.5, p50=32.0, p75=52.6, p95=107.6),
        energy_wh=_quantiles(_KWH, p5=5.0, p25=10.2, p50=16.8, p75=27.6, p95=56.4),
        vehicle_power_w=75_000,
        battery_wh=75_000,
    ),
    meter_interval_s=30,
    measurands=(*_AC_MEASURANDS, "SoC"),
)
"""A fast charger at a main road: short visits around noon, most of the time spent charging."""

DEPOT = ChargePointProfile(
    connectors=2,
    model="AC-22",
    supply="AC3",
    power_w=22_000,
    drivers=Drivers(
        per_day=2.0,
        by_hour=(
            *(0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
            *(0.0, 0.0, 0.0, 0.0, 0.0, 0.5),
            *(1.0, 1.0, 2.0, 5.0, 8.0, 8.0),
            *(5.0, 2.0, 1.0, 0.5, 0.0, 0.0),
        ),
        stay_s=_quantiles(_HOUR_S, p5=8.0, p50=12.5, p95=15.0),
        energy_wh=_quantiles(_KWH, p5=15.0, p50=35.0, p95=65.0),
        vehicle_power_w=22_000,
        battery_wh=80_000,
    ),
    clock_aligned_s=900,
    measurands=_AC_MEASURANDS,
)
"""A yard of delivery vans: all come back in the afternoon and stay the night."""

HOME = ChargePointProfile(
    connectors=1,
    model="AC-7",
    supply="AC1",
    power_w=7_360,
    drivers=Drivers(
        per_day=0.63,
        by_hour=(
            *(1.0, 0.5, 0.3, 0.3, 0.3, 0.5),
            *(1.0, 1.5, 2.0, 2.5, 3.0, 3.3),
            *(3.6, 3.8, 4.5, 6.5, 9.5, 12.0),
            *(11.0, 8.5, 6.5, 5.0, 3.8, 2.2),
        ),
        stay_s=_quantiles(_HOUR_S, p5=2.0, p50=12.0, p95=20.0),
        energy_wh=_quantiles(_KWH, p25=4.1, p50=7.5, p75=10.5, p95=32.7),
        vehicle_power_w=7_360,
        battery_wh=60_000,
    ),
    measurands=_AC_MEASURANDS,
)
"""A wall box on one phase: one car, plugged in after work."""

PROFILES = {"ac_public": AC_PUBLIC, "dc_fast": DC_FAST, "depot": DEPOT, "home": HOME}
"""All of them, by name."""
