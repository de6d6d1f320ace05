"""Aedes, a broker in JavaScript, run by Node.js in a process of ours (``aedes_server/server.js``).

It is installed into the virtual environment, so that no other program's Node.js modules are touched.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import ClassVar

from loadtest.brokers.installed import find, stated_version
from loadtest.brokers.kind import BrokerKind, Features, Launch, Site
from loadtest.brokers.kind_settings import whole_numbers

SERVER = Path(__file__).parent / "aedes_server"
"""Our server, and the versions of what it needs as npm takes them."""

OLDEST_NODE = 20


def folder() -> Path:
    """Where it is installed: ``brokers/aedes`` in the virtual environment."""
    return Path(sys.prefix) / "brokers" / "aedes"


class Aedes(BrokerKind):
    """Aedes 1.x: MQTT 3.1.1 in memory. Settings are the options of its constructor."""

    name = "aedes"
    title = "Aedes"
    program = "node"
    packages: ClassVar = {"npm": "aedes"}
    home = "https://nodejs.org"
    tuned: ClassVar = {
        "concurrency": "0",
        "maxInflightInbound": "0",
        "queueLimit": "65535",
    }
    """Messages being delivered, and of QoS 2 not yet released, without limit; packets before a session is there."""
    known_settings = frozenset(
        {
            "concurrency",
            "connectTimeout",
            "drainTimeout",
            "heartbeatInterval",
            "keepaliveLimit",
            "maxClientsIdLength",
            "maxInflightInbound",
            "maxTopicLevels",
            "queueLimit",
        }
    )

    def executable(self) -> str | None:
        """Node.js, when it is new enough and Aedes is there for it."""
        node = find(self.program)
        return node if node and self.version() and _node_version(node) >= OLDEST_NODE else None

    def install_command(self) -> str:
        """What installs the version it is tested with; Node.js first, where that is missing or too old."""
        wanted = json.loads((SERVER / "package.json").read_text())["dependencies"]["aedes"]
        command = f"npm install --prefix {folder()} aedes@{wanted}"
        node = find(self.program)
        if node and find("npm") and _node_version(node) >= OLDEST_NODE:
            return command
        return f"Node.js {OLDEST_NODE} or later with npm ({self.home}), then {command}"

    def version(self) -> str:
        """Of the module, whether or not there is a Node.js to run it."""
        try:
            package = json.loads((folder() / "node_modules" / "aedes" / "package.json").read_text())
        except (OSError, ValueError):
            return ""
        return str(package.get("version", ""))

    def features(self) -> Features:
        """An MQTT 5 CONNECT is refused with return code 1; ``$share`` is a topic like any other."""
        return Features(mqtt5=False, shared_subscriptions=False, persistent=False)

    def prepare(self, site: Site) -> Launch:
        """A file of its options, which our server reads."""
        config = site.log_dir / "aedes.json"
        content = {
            "address": site.address,
            "port": site.port,
            "folder": str(folder()),
            "options": whole_numbers(site.settings),
        }
        config.write_text(json.dumps(content, indent=2) + "\n")
        return Launch(
            argv=[find(self.program) or self.program, str(SERVER / "server.js"), str(config)], config_files=[config]
        )


def _node_version(node: str) -> int:
    """Its major version; 0 when it states none."""
    major = re.match(r"\d+", stated_version([node, "--version"], r"v(\d+\.\S+)"))
    return int(major[0]) if major else 0
