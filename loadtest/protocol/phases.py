"""The phases of a run, in order; their position travels in the stamp and tags every sample."""

from __future__ import annotations

RAMP, WARMUP, STEADY, DRAIN = "ramp", "warmup", "steady", "drain"

PHASES = (RAMP, WARMUP, STEADY, DRAIN)
"""Phases known to every process without asking. A number in a stamp is a position in this tuple."""
