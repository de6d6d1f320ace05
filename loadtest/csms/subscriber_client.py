"""The subscriber's MQTT client: the lean one, or aiomqtt for a second opinion."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING, Protocol

from loadtest.csms.command_properties import CommandClient
from loadtest.errors import EnvironmentNotReady
from loadtest.scenario.settings import MQTT_5
from loadtest.transport import mqtt_aiomqtt, mqtt_client
from loadtest.transport.mqtt_codec import REFUSED
from loadtest.transport.mqtt_reasons import in_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.csms.settings import CsmsSettings
    from loadtest.transport.mqtt_terms import Terms


class SubscriberClient(CommandClient, Protocol):
    """What a subscriber needs of an MQTT client."""

    dropped: int
    refused: int
    too_large: int
    reconnects: int

    def received_ns(self) -> int:
        """When the message being delivered arrived."""
        ...

    async def subscribed(self, filters: list[tuple[bytes, int]]) -> list[int]:
        """Subscribe and wait for the broker's word on each filter."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...


_TOKEN = secrets.token_hex(3)
"""Makes ids unique, for a broker throws out the earlier owner of one; the same as long as this process lives."""


def _client_id(settings: CsmsSettings) -> str:
    """Section 3.1.3.1: every broker takes 23 characters."""
    return f"lt-csms-{settings.run_tag:04x}-{settings.subscriber_index}-{_TOKEN}"


async def forget_session(settings: CsmsSettings) -> None:
    """Have the broker drop a session that it was to keep, or it would queue messages for nobody."""
    if settings.keep_session:
        with contextlib.suppress(EnvironmentNotReady):  # a broker that is gone keeps nothing for us
            client = await mqtt_client.connect(
                settings.broker_url,
                client_id=_client_id(settings),
                on_message=lambda _topic, _payload: None,
                mqtt5=settings.mqtt_version == MQTT_5,
            )
            await client.close()


async def connect(
    settings: CsmsSettings,
    *,
    on_message: Callable[[bytes, bytes], None],
    on_lost: Callable[[str], None],
    on_restored: Callable[[], None],
) -> SubscriberClient:
    """Connect the client that the settings name.

    Raises:
        EnvironmentNotReady: The broker does not answer, or refuses us.
    """
    client_id, mqtt5 = _client_id(settings), settings.mqtt_version == MQTT_5
    if settings.client == "aiomqtt":
        return await mqtt_aiomqtt.connect(
            settings.broker_url,
            client_id=client_id,
            on_message=on_message,
            on_lost=on_lost,
            on_restored=on_restored,
            mqtt5=mqtt5,
        )
    client = await mqtt_client.connect(
        settings.broker_url,
        client_id=client_id,
        on_message=on_message,
        on_lost=on_lost,
        on_restored=on_restored,
        mqtt5=mqtt5,
        clean_session=not settings.keep_session,
        max_in_flight=mqtt_client.IN_FLIGHT_BY_QOS[settings.qos],
    )
    unfit = _unfit(client.terms, settings)
    if unfit is not None:
        await client.close()
        raise unfit
    return client


def _unfit(terms: Terms, settings: CsmsSettings) -> EnvironmentNotReady | None:
    """What a broker of MQTT 5 does not grant, and without which the run would measure something else."""
    if terms.max_qos < settings.qos:
        return EnvironmentNotReady(
            f"the broker takes QoS {terms.max_qos} at most, the central system is to send QoS {settings.qos}",
            hint="take a lower --qos",
        )
    if settings.keep_session and terms.session_expiry_s == 0:
        return EnvironmentNotReady(
            "the broker keeps no session of a client that is away", hint="allow it there, or leave --persistent out"
        )
    return None


async def subscribe(client: SubscriberClient, filters: list[tuple[bytes, int]]) -> list[int]:
    """Subscribe to everything; returns the quality of service granted to each filter.

    Raises:
        EnvironmentNotReady: The broker refuses one, or does not answer.
    """
    granted = await client.subscribed(filters)
    highest = max(granted)
    if highest >= REFUSED:
        refused = filters[granted.index(highest)][0].decode()
        why = f": {in_words(highest)}" if highest > REFUSED else ""  # only MQTT 5 says why
        raise EnvironmentNotReady(
            f"the broker refuses the subscription to {refused}{why}",
            hint="allow it in the broker's access rules; not every broker has shared subscriptions ($share/…)",
        )
    return granted
