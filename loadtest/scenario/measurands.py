"""What the meter of a charge point measures, by the kind of its supply."""

from __future__ import annotations

from typing import Literal, NamedTuple

Supply = Literal["AC1", "AC3", "DC"]
"""Alternating current on one or three phases, or direct current."""

ENERGY_REGISTER = "Energy.Active.Import.Register"
"""The measurand of a sampled value that names none (OCPP 1.6 section 7.33)."""

PHASES: dict[Supply, tuple[str, ...]] = {"AC1": ("L1",), "AC3": ("L1", "L2", "L3"), "DC": ()}

_EVERYWHERE = (ENERGY_REGISTER, "Power.Active.Import", "Power.Offered", "Current.Offered", "Temperature")
_PER_PHASE = {"Current.Import": "", "Voltage": "-N"}  # and how the phase is written after L1: to the neutral conductor
_ONLY = {"AC1": ("Frequency",), "AC3": ("Frequency",), "DC": ("SoC",)}


class Measured(NamedTuple):
    """One value that is measured: what, and on which phase; the phase is empty for the whole."""

    measurand: str
    phase: str


def measured(supply: Supply, name: str) -> tuple[Measured, ...]:
    """The values that a configured measurand stands for; none, when the meter does not measure it.

    A measurand alone stands for all its phases; it may name one of them, ``Current.Import.L1`` or ``Voltage.L1-N``
    (OCPP 1.6 section 9.1.17).
    """
    if name in _EVERYWHERE or name in _ONLY[supply]:
        return (Measured(name, ""),)
    for measurand, suffix in _PER_PHASE.items():
        if name == measurand:
            return tuple(Measured(name, phase + suffix) for phase in PHASES[supply]) or (Measured(name, ""),)
        phase = name.removeprefix(f"{measurand}.")
        if phase != name and phase.removesuffix(suffix) in PHASES[supply]:
            return (Measured(measurand, phase.removesuffix(suffix) + suffix),)
    return ()


def measurands_of(supply: Supply) -> tuple[str, ...]:
    """Every measurand of a supply, without phases."""
    return (*_EVERYWHERE, *_PER_PHASE, *_ONLY[supply])


def faults(name: str, supply: Supply, measurands: tuple[str, ...]) -> list[str]:
    """What cannot be measured, one sentence each that begins with ``name``."""
    known = ", ".join(measurands_of(supply))
    found = [
        f"{name}: {measurand!r} is not measured on {supply}; there are {known}"
        for measurand in measurands
        if not measured(supply, measurand)
    ]
    if len(set(measurands)) < len(measurands):
        found.append(f"{name}: a measurand is named twice")
    return found
