"""A subscriber is not content with a broker that does not grant what the run is about."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from scripted_broker import ScriptedBroker, connack

from loadtest.csms import subscriber_client
from loadtest.csms.settings import CsmsSettings
from loadtest.errors import EnvironmentNotReady
from loadtest.transport.mqtt_client import MqttClient


def connected(granted: dict[str, Any], **wanted: Any) -> MqttClient:
    async def main() -> MqttClient:
        async with ScriptedBroker(connack(**granted)) as broker:
            settings = CsmsSettings(broker_url=broker.url, run_tag=1, epoch_ns=0, mqtt_version="5", **wanted)
            client = await subscriber_client.connect(
                settings,
                on_message=lambda _topic, _payload: None,
                on_lost=lambda _reason: None,
                on_restored=lambda: None,
            )
            assert isinstance(client, MqttClient)
            client.leave(killed=True)
            return client

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("granted", "wanted", "said"),
    [
        ({"maximum_qos": 1}, {"qos": 2}, "takes QoS 1 at most, the central system is to send QoS 2"),
        ({"session_expiry_s": 0}, {"keep_session": True}, "keeps no session"),
    ],
)
def test_what_is_not_granted_is_told(granted: dict[str, Any], wanted: dict[str, Any], said: str) -> None:
    with pytest.raises(EnvironmentNotReady, match=said) as caught:
        connected(granted, **wanted)
    assert "--" in caught.value.hint


def test_what_is_not_asked_for_need_not_be_granted() -> None:
    assert connected({"maximum_qos": 1, "session_expiry_s": 0}).terms.max_qos == 1
    assert connected({"session_expiry_s": 60}, keep_session=True).terms.session_expiry_s == 60
