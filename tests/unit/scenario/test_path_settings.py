"""Settings of the two paths: what goes with which, and what contradicts itself."""

from __future__ import annotations

import pytest

from loadtest.errors import UsageError
from loadtest.scenario.direct_path import check_paths, direct_path
from loadtest.scenario.resolve import resolve

DIRECT = {"path": "direct"}


@pytest.fixture(autouse=True)
def _no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOADTEST_PASSWORD", raising=False)


def test_it_is_made_of_the_settings() -> None:
    settings = resolve(DIRECT | {"qos": "2", "session_expiry": "2m", "status_topic": "s/${cid}"})
    made = direct_path(settings, "mqtt://me:secret@host:1")
    assert (made.mqtt_version, made.qos, made.session_expiry_s, made.keep_alive_s) == ("3.1.1", 2, 120, 60)
    assert made.status_topic == "s/${cid}"
    assert "secret" not in repr(made)


@pytest.mark.parametrize(
    ("values", "paths", "flags"),
    [
        ({}, {"gateway"}, []),
        ({"session_expiry": "1s", "mqtt_keep_alive": "9s"}, {"gateway"}, ["--session-expiry", "--mqtt-keep-alive"]),
        ({"status_topic": "s/${cid}"}, {"gateway", "direct"}, []),
        (DIRECT, {"direct"}, []),
        (DIRECT | {"gateway_processes": 2, "security_profile": 1}, {"direct"}, ["--gateway-proc", "--security-pro"]),
        (DIRECT | {"gateway": "ws://h", "broker": "mqtt://h"}, {"direct"}, ["--gateway: is for the gateway, and no"]),
        ({"gateway_processes": 2}, {"gateway", "direct"}, []),
        ({"encoding": "protobuf"}, {"gateway"}, ["--encoding: is for charge points that are MQTT clients"]),
        ({"envelope": "array"}, {"gateway", "direct"}, ["--envelope: some charge points go through the gateway"]),
        (DIRECT | {"encoding": "protobuf", "envelope": "maeve"}, {"direct"}, ["--envelope: is for --encoding json"]),
        (DIRECT | {"encoding": "protobuf"}, {"direct"}, []),
        (DIRECT | {"up_topic": "up/${cid}/${action}", "reply_topic": "r/${cid}"}, {"direct"}, []),
        ({"qos_of": "MeterValues=0"}, {"gateway"}, ["--qos-of: is for charge points that are MQTT clients"]),
        ({"qos_of": "MeterValues=0"}, {"gateway", "direct"}, []),
        ({"down_topic": "d/${cid}"}, {"gateway"}, ["--down-topic: is for charge points that are MQTT clients"]),
        ({"down_topic": "d/${cid}"}, {"gateway", "direct"}, ["--down-topic: some charge points go through the gate"]),
    ],
)
def test_settings_of_a_path_nobody_takes_are_told_all_at_once(
    values: dict[str, object], paths: set[str], flags: list[str]
) -> None:
    settings = resolve(values)
    faults: tuple[str, ...] = ()
    try:
        check_paths(paths, settings)
    except UsageError as error:
        faults = tuple(error.faults)
    assert len(faults) == len(flags)
    assert all(fault.startswith(flag) for fault, flag in zip(faults, flags, strict=True))


@pytest.mark.parametrize(
    ("topic", "says"),
    [
        ("ocpp/status", "once"),
        ("s/${cid}/${cid}", "once"),
        ("s/+/${cid}", "wildcard"),
        ("ocpp/cp/${cid}/status", "among the topics of OCPP messages"),
        ("s/${id}", "once"),
    ],
)
def test_a_status_topic_is_of_one_charge_point_and_no_message_s(topic: str, says: str) -> None:
    with pytest.raises(UsageError, match="^--status-topic: .*" + says):
        resolve({"status_topic": topic})


VERSIONS = DIRECT | {"csms_mqtt_version": "5", "mqtt_version": "5"}


@pytest.mark.parametrize(
    ("values", "faults"),
    [
        (VERSIONS | {"response_topic": "answers/${cid}", "command_expiry": "60s"}, []),
        ({"csms_mqtt_version": "5", "command_expiry": "60s"}, []),
        ({"command_expiry": "60s"}, ["--command-expiry: needs --csms-mqtt-version 5"]),
        (
            DIRECT | {"mqtt_version": "5", "response_topic": "a/${cid}"},
            ["--response-topic: needs --csms"],
        ),
        (
            VERSIONS | {"mqtt_version": "3.1.1", "response_topic": "a/${cid}"},
            ["--response-topic: needs --mqtt"],
        ),
        (VERSIONS | {"command_expiry": "1500ms"}, ["--command-expiry: 1.5 s are no whole seconds"]),
        (
            VERSIONS | {"response_topic": "ocpp/cp/${cid}/Reply"},
            ["--response-topic: 'ocpp/cp/${cid}/Reply' lies"],
        ),
        (VERSIONS | {"response_topic": "answers"}, ["--response-topic: 'answers' must have ${cid}"]),
        (
            VERSIONS | {"response_topic": "a/${cid}", "status_topic": "a/${cid}"},
            ["--response-topic: 'a/${cid}' is"],
        ),
    ],
)
def test_what_commands_are_to_say_needs_mqtt_5(values: dict[str, object], faults: list[str]) -> None:
    found: tuple[str, ...] = ()
    try:
        resolve(values)
    except UsageError as error:
        found = tuple(error.faults)
    assert len(found) == len(faults)
    assert all(text.startswith(begin) for text, begin in zip(found, faults, strict=True))


def test_kinds_of_message_have_a_quality_of_service_of_their_own() -> None:
    settings = resolve(DIRECT | {"qos": "1", "qos_of": "MeterValues=0; StopTransaction = 2;"})
    assert direct_path(settings, "mqtt://h").qos_of == {"MeterValues": 0, "StopTransaction": 2}
    assert (settings.highest_qos, resolve(DIRECT).highest_qos) == (2, 1)
    with pytest.raises(UsageError) as caught:
        resolve(
            DIRECT | {"qos": "1", "qos_of": "MeterValue=0; Reset=0; Heartbeat=3; Authorize; Heartbeat=2; Heartbeat=1"}
        )
    assert [fault.removeprefix("--qos-of: ").partition(",")[0] for fault in caught.value.faults] == [
        "charge points send no 'MeterValue'; did you mean MeterValues?",
        "charge points send no 'Reset'",
        "'Heartbeat=3' is not an action and its QoS (0",
        "'Authorize' is not an action and its QoS (0",
        "Heartbeat is given twice",
    ]


@pytest.mark.parametrize(
    ("values", "flags"),
    [
        ({"up_topic": "a", "reply_topic": "b/+/${cid}", "status_topic": "s"}, ["up", "reply", "status"]),
        ({"up_topic": "a/${cid}", "reply_topic": "a/${cid}", "subscribers": 2}, ["reply"]),
        ({"up_topic": "a/${cid}", "reply_topic": "a/${cid}"}, []),
        ({"up_topic": "a/${cid}/${action}", "status_topic": "a/${cid}/status"}, ["status"]),
    ],
)
def test_topics_that_cannot_be_are_told_all_at_once(values: dict[str, object], flags: list[str]) -> None:
    faults: tuple[str, ...] = ()
    try:
        resolve(DIRECT | values)
    except UsageError as error:
        faults = tuple(error.faults)
    assert [fault.partition(":")[0] for fault in faults] == [f"--{flag}-topic" for flag in flags]


@pytest.mark.parametrize(
    ("values", "password", "faults"),
    [
        ({}, "s", ["LOADTEST_PASSWORD: is for a broker given by its URL"]),
        ({"ca_file": "x"}, "", ["--ca-file: is for a broker given by its URL"]),
        ({"broker": "mqtt://h", "ca_file": "x"}, "", ["--ca-file: has no use without TLS; write --broker mqtts://…"]),
        ({"broker": "mqtts://h", "client_key": "x"}, "", ["--client-key: needs --client-certificate as well"]),
        ({"broker": "mqtt://h", "password_file": "x"}, "s", ["passwords come from LOADTEST_PASSWORD and --password"]),
        ({"broker": "mqtts://me:s@h", "ca_file": "x", "client_certificate": "${cid}.pem"}, "s", []),
    ],
)
def test_credentials_are_shown_to_the_broker(
    values: dict[str, object], password: str, faults: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOADTEST_PASSWORD", password)
    found: tuple[str, ...] = ()
    try:
        resolve(DIRECT | values)
    except UsageError as error:
        found = tuple(error.faults)
    assert len(found) == len(faults)
    assert all(text.startswith(begin) for text, begin in zip(found, faults, strict=True))
