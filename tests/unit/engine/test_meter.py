"""Meter values: valid by the official schema, as large as in the field, and in agreement with themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.engine import payloads
from loadtest.engine.meter import Context, Reading, meter_template, supported
from loadtest.protocol import schemas
from loadtest.scenario.measurands import ENERGY_REGISTER, Supply, measurands_of
from loadtest.scenario.profile import ChargePointProfile

if TYPE_CHECKING:
    from collections.abc import Iterable

TIMESTAMP = b"2026-01-01T12:00:00.000Z"
PROFILES: dict[Supply, ChargePointProfile] = {
    "AC1": ChargePointProfile(supply="AC1", power_w=7_400),
    "AC3": ChargePointProfile(supply="AC3", power_w=11_000),
    "DC": ChargePointProfile(supply="DC", power_w=150_000, voltage_v=400),
}
READING = Reading(energy_wh=1234.9, power_w=6900.0, offered_w=11_000.0, soc_percent=55.5)


def check(action: str, payload: bytes) -> None:
    schema = schemas.request(action)
    assert schema is not None
    assert schema.check(payload) is None


def element(
    supply: Supply, measurands: Iterable[str], context: Context = "Sample.Periodic", reading: Reading = READING
) -> bytes:
    return meter_template(PROFILES[supply], tuple(measurands), context).render(reading, TIMESTAMP)


def samples(
    supply: Supply, measurands: Iterable[str], context: Context = "Sample.Periodic", reading: Reading = READING
) -> list[dict[str, Any]]:
    decoded = msgspec.json.decode(element(supply, measurands, context, reading))
    assert decoded["timestamp"] == TIMESTAMP.decode()
    found: list[dict[str, Any]] = decoded["sampledValue"]
    return found


@given(
    st.sampled_from(get_args(Supply)).flatmap(
        lambda supply: st.tuples(
            st.just(supply), st.lists(st.sampled_from(measurands_of(supply)), min_size=1, unique=True)
        )
    ),
    st.sampled_from(get_args(Context)),
    st.builds(Reading, st.floats(0, 1e9), st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 100)),
)
def test_whatever_is_configured_is_valid(
    configured: tuple[Supply, list[str]], context: Context, reading: Reading
) -> None:
    supply, measurands = configured
    text = element(supply, measurands, context, reading)
    check("MeterValues", payloads.meter_values(1, 4711, text))
    check("StopTransaction", payloads.stop_transaction(4711, None, 9, TIMESTAMP, b"Local", b",".join([text, text])))
    if measurands != [ENERGY_REGISTER]:
        found = samples(supply, measurands, context, reading)
        assert {each["context"] for each in found} == {context}
        assert list(dict.fromkeys(each["measurand"] for each in found)) == measurands


@given(st.sampled_from(get_args(Supply)), st.floats(0, 150_000))
def test_power_is_the_sum_of_voltage_times_current(supply: Supply, power_w: float) -> None:
    found = samples(supply, ["Power.Active.Import", "Current.Import", "Voltage"], reading=Reading(0, power_w, power_w))
    power, *others = found
    currents = {each.get("phase"): float(each["value"]) for each in others if each["measurand"] == "Current.Import"}
    voltages = {
        each["phase"].removesuffix("-N") if "phase" in each else None: float(each["value"])
        for each in others
        if each["measurand"] == "Voltage"
    }
    assert set(currents) == set(voltages) == {"AC1": {"L1"}, "AC3": {"L1", "L2", "L3"}, "DC": {None}}[supply]
    rounding_w = 0.005 * sum(voltages.values()) + 0.5
    product_w = sum(voltages[phase] * currents[phase] for phase in currents)
    assert float(power["value"]) == pytest.approx(product_w, abs=rounding_w * (1 + 1e-9))


def test_values_units_and_places() -> None:
    wanted = [ENERGY_REGISTER, "Power.Active.Import", "Power.Offered", "Current.Offered", "SoC", "Temperature"]
    found = samples("DC", wanted, reading=Reading(1234.9, 75_000, 150_000, 55.5))
    assert [(each["value"], each["unit"], each["location"]) for each in found] == [
        ("1234", "Wh", "Outlet"),
        ("75000", "W", "Outlet"),
        ("150000", "W", "Outlet"),
        ("375.00", "A", "Outlet"),
        ("55", "Percent", "EV"),
        ("35.0", "Celsius", "Body"),
    ]
    (frequency,) = samples("AC1", ["Frequency"])
    assert (frequency["value"], "unit" in frequency) == ("50.00", False)


def test_three_phases_and_one_of_them() -> None:
    assert [each["phase"] for each in samples("AC3", ["Current.Import"])] == ["L1", "L2", "L3"]
    assert [each["phase"] for each in samples("AC3", ["Voltage"])] == ["L1-N", "L2-N", "L3-N"]
    for name, phase in {"Current.Import.L2": "L2", "Voltage.L3": "L3-N", "Voltage.L1-N": "L1-N"}.items():
        (found,) = samples("AC3", [name])
        assert (found["measurand"], found["phase"]) == (name.partition(".L")[0], phase)


@pytest.mark.parametrize("context", get_args(Context))
def test_a_lone_energy_register_is_terse_where_ocpp_presumes_the_rest(context: Context) -> None:
    (found,) = samples("AC3", [ENERGY_REGISTER], context)
    if context == "Sample.Periodic":
        assert found == {"value": "1234"}
    else:
        assert found["context"] == context


def test_sizes_are_those_of_the_field() -> None:
    """Payloads of real stations: 128 bytes with one sample, 1,244 with ten, within a tenth."""
    one = payloads.meter_values(1, 1234567, element("AC3", [ENERGY_REGISTER]))
    wanted = [ENERGY_REGISTER, "Power.Active.Import", "Power.Offered", "Current.Offered", "Current.Import", "Voltage"]
    ten = payloads.meter_values(1, 1234567, element("AC3", wanted))
    assert len(samples("AC3", wanted)) == 10
    assert len(one) == pytest.approx(128, rel=0.1)
    assert len(ten) == pytest.approx(1244, rel=0.1)


@pytest.mark.parametrize(
    ("supply", "measurands"),
    [
        ("AC3", ("SoC",)),
        ("DC", ("Frequency",)),
        ("DC", ("Current.Import.L1",)),
        ("AC1", ("Current.Import.L2",)),
        ("AC3", ("Current.Import.L1-N",)),
        ("AC3", ("Power.Active.Import.L1",)),
        ("AC3", ("Energy.Active.Import.Interval",)),
        ("AC3", ("Current.Import.",)),
        ("AC3", ("",)),
        ("AC3", ("Voltage", "Nonsense")),
    ],
)
def test_what_is_not_measured(supply: Supply, measurands: tuple[str, ...]) -> None:
    assert not supported(measurands, supply)
    with pytest.raises(ValueError, match="is not measured on"):
        element(supply, measurands)


def test_what_is_supported() -> None:
    for supply in get_args(Supply):
        assert supported(measurands_of(supply), supply)
    assert supported((), "DC")
    assert not supported(("Voltage", "Voltage"), "DC")
    with pytest.raises(ValueError, match="needs a measurand"):
        element("DC", ())


def test_templates_are_compiled_once() -> None:
    profile = PROFILES["AC3"]
    first = meter_template(profile, ("Voltage",), "Trigger")
    assert meter_template(profile, ("Voltage",), "Trigger") is first
    assert meter_template(profile, ("Voltage",), "Sample.Clock") is not first
