"""A relay before a broker that loses, repeats and swaps: see :mod:`loadtest.calibration.flawed_relay`."""

from loadtest.calibration.flawed_relay import FlawedRelay

__all__ = ["FlawedRelay"]
