"""Seeded random instants, the same for a charge point whichever process emulates it.

Every draw is a function of (seed, charge point, how many draws before), so that no generator state has to be
kept per charge point and the schedule does not depend on how a fleet is cut into cohorts and engines.
"""

from __future__ import annotations

import math
from functools import lru_cache

_MASK = 0xFFFF_FFFF_FFFF_FFFF
_STEP = 0x9E37_79B9_7F4A_7C15


def _mix(value: int) -> int:
    """Scramble 64 bits: the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    value = ((value ^ (value >> 30)) * 0xBF58_476D_1CE4_E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D0_49BB_1331_11EB) & _MASK
    return value ^ (value >> 31)


def uniform(seed: int, charge_point: int, draw: int) -> float:
    """Draw number ``draw`` of a charge point, uniform in [0, 1)."""
    stream = _mix((seed * _STEP + charge_point + 1) & _MASK)
    return (_mix((stream + (draw + 1) * _STEP) & _MASK) >> 11) / 2**53  # what a float holds: rounding would reach 1


def exponential_s(mean_s: float, share: float) -> float:
    """The exponential quantile of ``share`` in [0, 1): waiting times between independent events."""
    return -mean_s * math.log1p(-share)


def connect_offset_s(ramp_s: float, charge_points: int, number: int, share: float) -> float:
    """When a charge point connects, from the start of the ramp.

    The ramp is cut into one slot per charge point; slots are taken in a scattered order, so that cohorts and
    engines ramp side by side, and each connects at a random place (``share``) in its slot.
    """
    slot = (number * _coprime_stride(charge_points)) % charge_points
    return ramp_s * (slot + share) / charge_points


@lru_cache(maxsize=1)
def _coprime_stride(count: int) -> int:
    """A step near the golden section of ``count`` that visits each of its residues once."""
    stride = max(1, int(count * 0.618033988749895))
    while math.gcd(stride, count) != 1:
        stride += 1
    return stride
