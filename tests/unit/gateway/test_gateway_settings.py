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
