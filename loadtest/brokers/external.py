"""A broker of the user's, known by its URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.brokers import probe
from loadtest.brokers.adaptations import for_features
from loadtest.brokers.broker import Broker, BrokerFacts
from loadtest.brokers.readiness import answers_connect
from loadtest.transport import mqtt_url

if TYPE_CHECKING:
    from loadtest.brokers.kind import Demand

KIND = "external"


def check_url(url: str) -> None:
    """Refuse what is not ``mqtt://[user:password@]host[:port]``.

    Raises:
        UsageError: Says what is wrong with it.
    """
    mqtt_url.parse(url)


async def reach(url: str, *, why: str, demand: Demand) -> Broker:
    """Make sure it answers, and find out what it can do.

    Raises:
        UsageError: ``url`` is not a broker URL.
        EnvironmentNotReady: It cannot be reached or refuses; says which.
    """
    await answers_connect(url)
    features = await probe.features(url)
    facts = BrokerFacts(
        kind=KIND,
        version="",
        url=url,
        why=why,
        embedded=False,
        features=features,
        qos=min(demand.qos, features.highest_qos),
        adaptations=list(for_features(str(mqtt_url.parse(url)), features, demand)),
    )
    return Broker(facts)
