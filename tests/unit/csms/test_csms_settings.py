"""A subscriber's configuration is refused with all its faults at once."""

from __future__ import annotations

import pytest

from loadtest.csms.settings import csms_settings
from loadtest.errors import UsageError

GOOD = {"broker_url": "mqtt://127.0.0.1", "run_tag": 1, "epoch_ns": 5}


def test_defaults_subscribe_to_everything_charge_points_send() -> None:
    assert csms_settings(GOOD).subscription == [(b"ocpp/cp/#", 1)]


def test_a_shared_group_shares_each_filter() -> None:
    settings = csms_settings({**GOOD, "shared_group": "g", "filters": ["ocpp/cp/+", "x/#"], "qos": 2})
    assert settings.subscription == [(b"$share/g/ocpp/cp/+", 2), (b"$share/g/x/#", 2)]


def test_answers_may_come_on_topics_that_commands_name() -> None:
    further = {"mqtt_version": "5", "reply_filter": "r/+", "response_topic": "answers/${cid}/x"}
    assert csms_settings({**GOOD, **further}).subscription == [(b"ocpp/cp/#", 1), (b"r/+", 1), (b"answers/+/x", 1)]
    with pytest.raises(UsageError) as caught:
        csms_settings({**GOOD, "command_expiry_s": 1, "response_topic": "answers/${cid}"})
    assert caught.value.faults == (
        "csms.command_expiry_s: needs mqtt_version 5",
        "csms.response_topic: needs mqtt_version 5",
    )


def test_messages_of_a_higher_quality_of_service_are_subscribed_to_with_it() -> None:
    assert csms_settings({**GOOD, "highest_qos": 2}).subscription == [(b"ocpp/cp/#", 2)]


def test_all_faults_are_reported_together() -> None:
    with pytest.raises(UsageError) as caught:
        csms_settings(
            {"broker_url": "http://x", "run_tag": 65536, "qos": 3, "shared_group": "a/b", "colour": "red",
             "subscriber_index": 2, "subscriber_count": 2, "accept_after_boots": 1, "answer": "yes"}
        )  # fmt: skip
    named = {fault.split(":")[0] for fault in caught.value.faults}
    assert named == {
        "csms.colour", "csms.run_tag", "csms.epoch_ns", "csms.qos", "csms.shared_group", "csms.answer",
        "csms.subscriber_index", "csms.accept_after_boots", "broker URL 'http",
    }  # fmt: skip


def test_an_envelope_is_for_json_only() -> None:
    assert csms_settings({**GOOD, "encoding": "json", "envelope": "maeve"}).envelope == "maeve"
    with pytest.raises(UsageError, match=r"csms\.envelope: is for encoding json"):
        csms_settings({**GOOD, "encoding": "protobuf", "envelope": "maeve"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("registration_status", "accepted"),
        ("heartbeat_interval_s", -1),
        ("heartbeat_interval_s", 1.5),
        ("filters", []),
        ("filters", [""]),
        ("subscriber_count", 0),
        ("client", "paho"),
        ("phases", []),
    ],
)
def test_a_fault_names_its_field(name: str, value: object) -> None:
    with pytest.raises(UsageError) as caught:
        csms_settings({**GOOD, name: value})
    (fault,) = [fault for fault in caught.value.faults if fault.startswith(f"csms.{name}: ")]
    assert repr(value) in fault
