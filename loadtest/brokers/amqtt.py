"""aMQTT, the broker written in Python that comes with the dependencies: when no other broker is installed."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from typing import TYPE_CHECKING, ClassVar

from loadtest.brokers.kind import BrokerKind, Features, Launch
from loadtest.brokers.kind_settings import whole_numbers

if TYPE_CHECKING:
    from loadtest.brokers.kind import Site


class Amqtt(BrokerKind):
    """aMQTT 0.11 and later. Its plugins for statistics and logs of each packet stay off."""

    name = "amqtt"
    title = "amqtt"
    program = "amqtt"
    packages: ClassVar = {"pip": "amqtt"}
    home = "https://amqtt.readthedocs.io"
    tuned: ClassVar = {"max_connections": "0"}
    """0 means without limit."""
    known_settings = frozenset({"max_connections", "timeout_disconnect_delay", "session_expiry_interval"})

    def executable(self) -> str:
        """Python: it is a library, and always there."""
        return sys.executable

    def version(self) -> str:
        """The installed version."""
        return importlib.metadata.version("amqtt")

    def features(self) -> Features:
        """MQTT 3.1.1 complete, in memory."""
        return Features(mqtt5=False, shared_subscriptions=False, persistent=False)

    def prepare(self, site: Site) -> Launch:
        """A file of its settings, which the child of ours reads."""
        config = site.log_dir / "amqtt.json"
        content = {"address": site.address, "port": site.port, **whole_numbers(site.settings)}
        config.write_text(json.dumps(content, indent=2) + "\n")
        return Launch(
            argv=[sys.executable, "-m", "loadtest.brokers.amqtt_child", str(config)],
            config_files=[config],
        )
