"""A gateway's configuration is refused as a whole, with all its faults."""

from __future__ import annotations

import pytest

from loadtest.errors import UsageError
from loadtest.gateway.settings import gateway_settings

GOOD = {"port": 9000, "broker_url": "mqtt://127.0.0.1:1883"}


def test_defaults_are_those_of_emqx() -> None:
    settings = gateway_settings(GOOD)
    assert (settings.path, settings.idle_timeout_s, settings.default_heartbeat_interval_s) == ("/ocpp", 30, 60)


def test_all_faults_are_reported_together() -> None:
    with pytest.raises(UsageError) as caught:
        gateway_settings(
            {
                "broker_url": "http://x",
                "qos": 3,
                "path": "ocpp/",
                "idle_timeout_s": -1,
                "process_index": 2,
                "peer_sockets": ["a", "b" * 200],
                "tls_key": "key.pem",
                "colour": "red",
            }
        )
    text = caught.value.message
    for named in (
        "port: is missing",
        "broker_url",
        "qos",
        "path",
        "idle_timeout_s",
        "process_index",
        "peer_sockets",
        "tls_key: needs tls_certificate",
        "colour: there is no such setting",
    ):
        assert f"gateway.{named}" in text, named


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"upstream_topic": "c${cid}", "dnstream_topic": "cs${cid}"}, "can be the downstream topic"),  # by the id "sA"
        ({"upstream_topic": "x/${cid}", "dnstream_topic": "x/${cid}-down"}, "can be the downstream topic"),
        ({"upstream_reply_topic": "cs/${cid}"}, "can be the downstream topic"),
        ({"mountpoint": "", "upstream_topic": "${action}/${cid}"}, "begins with a placeholder"),
        ({"mountpoint": "", "dnstream_topic": "${cid}/down"}, "begins with a placeholder"),
    ],
)
def test_no_charge_point_can_choose_a_topic_that_is_not_its_own(changed: dict[str, str], fault: str) -> None:
    with pytest.raises(UsageError, match=fault):
        gateway_settings(GOOD | changed)


def test_topics_that_cannot_meet_are_fine() -> None:
    gateway_settings(GOOD | {"upstream_topic": "cs/${cid}/up", "upstream_reply_topic": "cs/up/${cid}"})
