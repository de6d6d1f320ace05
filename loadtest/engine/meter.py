"""Meter values as JSON: one ``meterValue`` element from one reading of the meter.

What a template holds is fixed by the measurands configured, the context and the kind of supply; it is compiled once
and filled in per message. Voltage and frequency are those of the supply and do not waver; current follows from power
(P = sum of U·I over the phases), so the values of an element agree with one another.
"""

from __future__ import annotations

from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Literal, NamedTuple

from loadtest.scenario.measurands import ENERGY_REGISTER, PHASES, Supply, measured

if TYPE_CHECKING:
    from loadtest.scenario.profile import ChargePointProfile

Context = Literal[
    "Interruption.Begin",
    "Interruption.End",
    "Sample.Clock",
    "Sample.Periodic",
    "Transaction.Begin",
    "Transaction.End",
    "Trigger",
]
"""Why a value was taken (OCPP 1.6 section 7.32)."""

_FREQUENCY = b"50.00"
_AMBIENT_C, _RISE_C = 25.0, 20.0  # inside the housing: of an idle charge point, and how much warmer at full power

# How a measurand is written: its place among the values, its format, its unit.
_TIMESTAMP, _ENERGY, _POWER, _CURRENT, _OFFERED_POWER, _OFFERED_CURRENT, _SOC, _TEMPERATURE = range(8)
_RENDERED: dict[str, tuple[int, bytes, bytes]] = {
    ENERGY_REGISTER: (_ENERGY, b"%d", b"Wh"),
    "Power.Active.Import": (_POWER, b"%.0f", b"W"),
    "Power.Offered": (_OFFERED_POWER, b"%.0f", b"W"),
    "Current.Import": (_CURRENT, b"%.2f", b"A"),
    "Current.Offered": (_OFFERED_CURRENT, b"%.2f", b"A"),
    "SoC": (_SOC, b"%d", b"Percent"),
    "Temperature": (_TEMPERATURE, b"%.1f", b"Celsius"),
}
_LOCATIONS = {"SoC": b"EV", "Temperature": b"Body"}


class Reading(NamedTuple):
    """What the meter of a connector shows.

    Attributes:
        energy_wh: The energy register.
        power_w: Power the car takes.
        offered_w: Power it may take: the least of connector, cable and charging profile.
        soc_percent: State of charge of its battery.
    """

    energy_wh: float
    power_w: float = 0.0
    offered_w: float = 0.0
    soc_percent: float = 0.0


class MeterTemplate:
    """A ``meterValue`` element with places for the values."""

    __slots__ = ("_full_w", "_pick", "_text", "_watts_per_ampere")

    def __init__(self, text: bytes, places: tuple[int, ...], watts_per_ampere: float, full_w: float) -> None:
        self._text = text
        self._pick = itemgetter(_TIMESTAMP, *places)
        self._watts_per_ampere = watts_per_ampere
        self._full_w = full_w

    def render(self, reading: Reading, timestamp: bytes) -> bytes:
        """The element, as JSON text."""
        energy_wh, power_w, offered_w, soc_percent = reading
        values: tuple[object, ...] = self._pick(
            (
                timestamp,
                energy_wh,
                power_w,
                power_w / self._watts_per_ampere,
                offered_w,
                offered_w / self._watts_per_ampere,
                soc_percent,
                _AMBIENT_C + _RISE_C * power_w / self._full_w,
            )
        )
        return self._text % values


def supported(measurands: tuple[str, ...], supply: Supply) -> bool:
    """Whether the meter of a supply measures all of them, none being named twice."""
    return len(set(measurands)) == len(measurands) and all(measured(supply, name) for name in measurands)


def meter_template(profile: ChargePointProfile, measurands: tuple[str, ...], context: Context) -> MeterTemplate:
    """The template for some measurands of a profile's supply, at least one, in a context.

    Raises:
        ValueError: There is no measurand, or one that the meter does not measure.
    """
    return _compile(measurands, context, profile.supply, profile.voltage_v, profile.power_w)


@lru_cache(maxsize=256)
def _compile(
    measurands: tuple[str, ...], context: Context, supply: Supply, voltage_v: float, full_w: float
) -> MeterTemplate:
    samples: list[bytes] = []
    places: list[int] = []
    # A lone energy register needs no description: everything it would say is OCPP's default (section 7.33).
    terse = measurands == (ENERGY_REGISTER,) and context == "Sample.Periodic"
    constants = {"Voltage": (b"%.1f" % voltage_v, b"V"), "Frequency": (_FREQUENCY, b"")}  # no unit: section 7.31
    for name in measurands:
        values = measured(supply, name)
        if not values:
            raise ValueError(f"{name!r} is not measured on {supply}")
        for measurand, phase in values:
            if measurand in constants:
                value, unit = constants[measurand]
            else:
                place, value, unit = _RENDERED[measurand]
                places.append(place)
            samples.append(b'{"value":"%b"}' % value if terse else _sample(value, context, measurand, phase, unit))
    if not samples:
        raise ValueError("a meter value needs a measurand")
    text = b'{"timestamp":"%%b","sampledValue":[%b]}' % b",".join(samples)
    return MeterTemplate(text, tuple(places), voltage_v * max(1, len(PHASES[supply])), full_w)


def _sample(value: bytes, context: str, measurand: str, phase: str, unit: bytes) -> bytes:
    """One ``sampledValue``, with all that is known about it (section 7.33)."""
    return b'{"value":"%b","context":"%b","measurand":"%b",%b"location":"%b"%b}' % (
        value,
        context.encode(),
        measurand.encode(),
        b'"phase":"%b",' % phase.encode() if phase else b"",
        _LOCATIONS.get(measurand, b"Outlet"),
        b',"unit":"%b"' % unit if unit else b"",
    )
