"""Settings: one table, everything checked at once, nothing secret told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.errors import UsageError
from loadtest.scenario.resolve import resolve
from loadtest.scenario.settings import RunSettings, masked
from loadtest.scenario.settings_table import SETTINGS


def faults_of(**values: object) -> tuple[str, ...]:
    with pytest.raises(UsageError) as refused:
        resolve(values)
    return refused.value.faults


def test_without_any_value_every_setting_has_its_default() -> None:
    settings = resolve({})
    assert settings.charge_points == 2000
    assert (settings.duration_s, settings.ramp_s) == (30.0, 10.0)
    assert settings.qos == 1
    assert settings.gateway == "embedded"


def test_every_setting_is_a_field_and_every_field_a_setting() -> None:
    fields = {f"{setting.name}_s" if setting.kind == "duration" else setting.name for setting in SETTINGS}
    assert fields == set(RunSettings.__struct_fields__)
    assert len({setting.flag for setting in SETTINGS}) == len(SETTINGS)


def test_text_as_it_comes_from_a_command_line_becomes_numbers() -> None:
    settings = resolve({"charge_points": "500", "duration": "1m30s", "ramp": "0", "qos": "2", "seed": "7"})
    assert (settings.charge_points, settings.duration_s, settings.ramp_s) == (500, 90.0, 0.0)
    assert (settings.qos, settings.seed) == (2, 7)


BAD: dict[str, object] = {
    "charge_points": "0",
    "duration": "soon",
    "ramp": "-1s",
    "seed": "1.5",
    "engines": "257",
    "gateway": "http://host",
    "embedded_address": "0.0.0.0",
    "gateway_processes": "many",
    "broker": "kafka://host",
    "csms": "maybe",
    "qos": "3",
    "subscribers": "0",
    "subscriber_client": "paho",
    "call_timeout": "10ms",
    "drain_timeout": "never",
    "run_id": "../escape",
}


def test_all_faults_are_told_at_once_each_with_its_flag() -> None:
    faults = faults_of(**BAD)
    assert len(faults) == len(BAD)
    for name in BAD:
        flag = "--" + name.replace("_", "-")
        assert sum(fault.startswith(f"{flag}: ") for fault in faults) == 1, flag


@pytest.mark.parametrize(("name", "value"), BAD.items())
def test_a_fault_alone_is_told_alone(name: str, value: object) -> None:
    (fault,) = faults_of(**{name: value})
    assert fault.startswith(f"--{name.replace('_', '-')}: ")
    assert str(value) in fault


def test_more_engines_than_charge_points_make_no_sense() -> None:
    assert faults_of(charge_points=3, engines=4) == ("--engines: 4 engines for 3 charge points",)


@pytest.mark.parametrize("url", ["ws://host:33033/ocpp", "ws://[::1]:33033", "ws://u:p@host"])
def test_gateway_urls(url: str) -> None:
    assert resolve({"gateway": url}).gateway == url


@pytest.mark.parametrize("url", ["ws://", "ws://host:99999", "ws://host:0", "ws://[::1", "host:33033", "mqtt://host"])
def test_what_is_no_gateway_url(url: str) -> None:
    (fault,) = faults_of(gateway=url)
    assert fault.startswith("--gateway: ")
    assert "ws://host:port" in fault


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ws://host:1/ocpp", "ws://host:1/ocpp"),
        ("ws://user@host", "ws://user@host"),
        ("ws://user:s3cret@host:1/ocpp", "ws://user:***@host:1/ocpp"),
        ("mqtt://user:s3c@ret@host", "mqtt://user:***@host"),
        ("mqtt://:s3cret@host", "mqtt://:***@host"),
        ("--broker=mqtt://user:s3cret@host", "--broker=mqtt://user:***@host"),
        ("user:s3cret@host:1883", "user:***@host:1883"),
        ("ws://host:1/a@b", "ws://host:1/a@b"),
        ("two mqtt://u:s3cret@a and ws://v:s3cret@b", "two mqtt://u:***@a and ws://v:***@b"),
        ("ws://user:s3cret@[::1", "ws://user:***@[::1"),
    ],
)
def test_passwords_are_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    ("setting", "value", "meant"),
    [
        ("broker", "localhost:1883", "; did you mean mqtt://localhost:1883?"),
        ("broker", "ssl://broker:8883", "; did you mean mqtts://broker:8883?"),
        ("broker", "rabbit", "; did you mean rabbitmq?"),
        ("broker", "tcp://u:s3cret@broker:1883", "://host:port"),
        ("gateway", "http://host:33033/ocpp", "; did you mean ws://host:33033/ocpp?"),
        ("gateway", "https://host/ocpp", "; did you mean wss://host/ocpp?"),
        ("gateway", "embeded", "; did you mean embedded?"),
    ],
)
def test_what_is_nearly_a_url_or_a_name_comes_with_it(setting: str, value: str, meant: str) -> None:
    (fault,) = (fault for fault in faults_of(**{setting: value}) if "nor a URL" in fault)
    assert fault.endswith(meant)


def test_passwords_are_neither_published_nor_in_the_text_of_a_fault() -> None:
    settings = resolve({"gateway": "ws://u:s3cret@host", "broker": "mqtt://u:s3cret@host"})
    assert settings.gateway == "ws://u:s3cret@host"
    assert "s3cret" not in str(settings.public())
    for url in ("http://u:s3cret@host", "u:s3cret@host:1883", "mqtt://u:s3cret@[::1"):
        assert "s3cret" not in str(faults_of(gateway=url, broker=url))


@given(st.dictionaries(st.sampled_from([setting.name for setting in SETTINGS]), st.text(max_size=20)))
def test_no_text_whatever_brings_a_traceback(values: dict[str, str]) -> None:
    faults: tuple[str, ...] = ()
    try:
        resolve(values)
    except UsageError as refused:
        faults = refused.faults
    flags = {setting.flag for setting in SETTINGS}
    assert all(fault.partition(": ")[0] in flags for fault in faults)


def test_observing_needs_a_broker_where_somebody_answers() -> None:
    with pytest.raises(UsageError, match=r"^--csms: observe needs --broker mqtt://"):
        resolve({"csms": "observe"})
    assert resolve({"csms": "observe", "broker": "mqtt://host"}).csms == "observe"


def test_a_fault_names_the_variable_of_the_environment_it_came_from() -> None:
    with pytest.raises(UsageError) as refused:
        resolve({"qos": "3", "gateway": "nowhere", "seed": "x"}, from_environment={"qos", "gateway"})
    assert [fault.partition(":")[0] for fault in refused.value.faults] == [
        "--seed",
        "LOADTEST_QOS",
        "LOADTEST_GATEWAY",
    ]
