"""Links as they are in the field: four to use as they are, or to vary.

::

    from msgspec.structs import replace

    profile = replace(AC_PUBLIC, link=replace(LTE_GARAGE, time_scale=60))

Where each figure comes from, and which are assumptions, is told in ``docs/links.md``.
"""

from __future__ import annotations

from loadtest.scenario.links import LinkModel, RegionalOutages

_MINUTE_S = 60.0
_HOUR_S = 3600.0
_DAY_S = 86_400.0
_MS = 1e-3
_KBIT_S = 1e3
_MBIT_S = 1e6

_OPERATORS_OUTAGES = RegionalOutages(regions=10, mean_between_s=90 * _DAY_S, median_s=2 * _HOUR_S, spread=2.0)

FIBER = LinkModel(
    mean_up_s=14 * _DAY_S,
    down_median_s=2 * _MINUTE_S,
    down_spread=4.0,
    close_weight=1,
    reset_weight=8,
    half_open_weight=1,
    latency_s=5 * _MS,
    jitter_s=2 * _MS,
    bandwidth_bit_s=50 * _MBIT_S,
)
"""A site with a line of its own: fails twice a month."""

LTE_GOOD = LinkModel(
    mean_up_s=6 * _HOUR_S,
    down_median_s=15,
    down_spread=3.5,
    bad_share=0.2,
    bad_factor=10,
    close_weight=1,
    reset_weight=4,
    half_open_weight=5,
    latency_s=25 * _MS,
    jitter_s=20 * _MS,
    bandwidth_bit_s=5 * _MBIT_S,
    regional=_OPERATORS_OUTAGES,
)
"""A modem at the kerb: two minutes a day without a network, but one in five of them more than ten."""

LTE_GARAGE = LinkModel(
    mean_up_s=1.5 * _HOUR_S,
    down_median_s=30,
    down_spread=4.0,
    bad_share=0.2,
    bad_factor=3,
    close_weight=1,
    reset_weight=4,
    half_open_weight=10,
    latency_s=60 * _MS,
    jitter_s=80 * _MS,
    bandwidth_bit_s=500 * _KBIT_S,
    regional=_OPERATORS_OUTAGES,
)
"""A modem below the ground, at the edge of its cell."""

RURAL_2G = LinkModel(
    mean_up_s=45 * _MINUTE_S,
    down_median_s=45,
    down_spread=4.0,
    bad_share=0.2,
    bad_factor=3,
    close_weight=1,
    reset_weight=4,
    half_open_weight=10,
    latency_s=300 * _MS,
    jitter_s=300 * _MS,
    bandwidth_bit_s=27 * _KBIT_S,
    regional=_OPERATORS_OUTAGES,
)
"""GPRS far from the next mast: slow, and away every hour."""

LINKS = {"fiber": FIBER, "lte_good": LTE_GOOD, "lte_garage": LTE_GARAGE, "rural_2g": RURAL_2G}
"""All of them, by name."""
