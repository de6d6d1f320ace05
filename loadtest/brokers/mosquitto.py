"""Eclipse Mosquitto, configured to be measured: what the defaults hold back is taken off.

Left to its defaults it lets Nagle's algorithm add 7 ms to a two-hop path, keeps 20 messages in flight per client
and drops QoS 1 messages behind the first thousand queued.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar

from loadtest.brokers.installed import stated_version
from loadtest.brokers.kind import BrokerKind, Features, Launch

if TYPE_CHECKING:
    from loadtest.brokers.kind import Site


class Mosquitto(BrokerKind):
    """Mosquitto 1.6 and later. Settings are the directives of ``mosquitto.conf``; 0 means without limit."""

    name = "mosquitto"
    title = "Mosquitto"
    program = "mosquitto"
    packages: ClassVar = dict.fromkeys(("apt-get", "dnf", "apk", "pacman", "brew"), "mosquitto")
    home = "https://mosquitto.org/download"
    tuned: ClassVar = {
        "allow_anonymous": "true",
        "max_inflight_messages": "0",
        "max_queued_messages": "0",
        "persistence": "false",
        "set_tcp_nodelay": "true",
        "sys_interval": "1",
    }
    persistent_settings: ClassVar = {"persistence": "true"}
    """Sessions are written when it shuts down."""
    our_settings = frozenset({"listener", "port", "bind_address", "persistence_location", "user", "log_dest"})

    def version(self) -> str:
        """Of the first line of its help."""
        return stated_version([self.executable(), "-h"], r"mosquitto version (\S+)")

    def features(self) -> Features:
        """Everything there is, since version 1.6."""
        return Features(mqtt5=True, shared_subscriptions=True, persistent=True)

    def prepare(self, site: Site) -> Launch:
        """One file of directives."""
        config = site.log_dir / "mosquitto.conf"
        config.write_text(config_text(site, as_root=os.geteuid() == 0))
        return Launch(argv=[self.executable() or self.program, "-c", str(config)], config_files=[config])


def config_text(site: Site, *, as_root: bool) -> str:
    """The configuration file for one listener."""
    lines = [f"listener {site.port} {site.address}", *(f"{name} {value}" for name, value in site.settings.items())]
    lines += [f"persistence_location {site.data_dir}/"]
    lines += ["log_dest stderr", "log_type error", "log_type warning", "log_type notice", "log_timestamp_format %FT%TZ"]
    if as_root:
        # Started by root it would become user `mosquitto`: unable to read its files in a private folder, and no
        # longer bound to our life (see loadtest.control.lifeline). It listens for one run only.
        lines.append("user root")
    return "\n".join(lines) + "\n"
