"""RabbitMQ with its MQTT plugin: a queue of AMQP stands behind each subscriber, QoS 2 is taken and treated as QoS 1.

It runs as one Erlang node that listens for MQTT alone. The node needs a name, but not Erlang's port mapper (epmd), a
daemon that would outlive it: its virtual machine is given one, and told neither to listen for others nor to register.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from loadtest.brokers.installed import find
from loadtest.brokers.kind import BrokerKind, Features, Launch

if TYPE_CHECKING:
    from loadtest.brokers.kind import Site

_PACKAGED = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""What ``rabbitmq-server`` of Debian and Fedora wraps: that serves root and its own user only, in fixed folders."""

_NODE = "loadtest@localhost"
_MQTT_5_SINCE = (3, 13)


class RabbitMq(BrokerKind):
    """RabbitMQ 3.10 and later. Settings are those of ``rabbitmq.conf``."""

    name = "rabbitmq"
    title = "RabbitMQ"
    program = "rabbitmq-server"
    packages: ClassVar = {
        **dict.fromkeys(("apt-get", "dnf", "apk"), "rabbitmq-server"),
        **dict.fromkeys(("pacman", "brew"), "rabbitmq"),
    }
    home = "https://www.rabbitmq.com/docs/download"
    tuned: ClassVar = {
        "log.console.level": "warning",
        "mqtt.allow_anonymous": "true",
        "mqtt.prefetch": "65535",
        "mqtt.tcp_listen_options.backlog": "4096",
        "mqtt.tcp_listen_options.nodelay": "true",
    }
    """``prefetch`` is what a subscriber may have in flight: 10 by default."""
    our_settings = frozenset({"listeners.tcp", "mqtt.listeners.tcp", "mqtt.listeners.tcp.1", "log.console", "log.file"})
    unfit_in_topics = ".*"
    """They come out as ``/`` and ``+``: AMQP parts its routing keys with the one and has the other for a wildcard."""
    telling = r"\[error\].* (You've tried|- )|eaddrinuse"
    ready_within_s = 90.0
    """It waits 6 s for other nodes of a cluster before its MQTT plugin starts."""
    stops_within_s = 30.0
    """Of thousands of connections each is closed in good order."""

    def executable(self) -> str | None:
        """The script that becomes the server."""
        return str(_PACKAGED) if _PACKAGED.is_file() else find(self.program)

    def version(self) -> str:
        """Of the folder of its main part; to ask the program takes seconds."""
        path = self.executable()
        if path is None:
            return ""
        plugins = Path(path).resolve().parent.parent / "plugins"
        return next(
            (part.name.removeprefix("rabbit-").removesuffix(".ez") for part in plugins.glob("rabbit-[0-9]*")), ""
        )

    def features(self) -> Features:
        """Queues of sessions that are to last are on disk, always."""
        digits = tuple(int(part) for part in re.findall(r"\d+", self.version())[:2])
        return Features(mqtt5=digits >= _MQTT_5_SINCE, shared_subscriptions=False, persistent=True, highest_qos=1)

    def prepare(self, site: Site) -> Launch:
        """A file of settings and a list of plugins; all it keeps, its cookie as well, in the data folder."""
        config = site.log_dir / "rabbitmq.conf"
        config.write_text(config_text(site))
        plugins = site.data_dir / "enabled_plugins"
        plugins.write_text("[rabbitmq_mqtt].\n")
        return Launch(
            argv=[self.executable() or self.program],
            config_files=[config],
            environment={
                "HOME": str(site.data_dir),
                "RABBITMQ_NODENAME": _NODE,
                "RABBITMQ_CONFIG_FILE": str(config),
                "RABBITMQ_ADVANCED_CONFIG_FILE": str(site.data_dir / "advanced.config"),
                "RABBITMQ_CONF_ENV_FILE": "/dev/null",
                "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
                "RABBITMQ_MNESIA_BASE": str(site.data_dir / "mnesia"),
                "RABBITMQ_LOG_BASE": str(site.data_dir),
                "RABBITMQ_PID_FILE": str(site.data_dir / "pid"),
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"-sname {_NODE} -dist_listen false -start_epmd false",
                "ERL_CRASH_DUMP_SECONDS": "0",
                # As under systemd the script becomes the server, and does not stay in front of it.
                "RUNNING_UNDER_SYSTEMD": "true",
                "NOTIFY_SOCKET": "",
            },
        )


def config_text(site: Site) -> str:
    """The configuration file: MQTT on the port, AMQP nowhere, the log to standard output."""
    ours = {
        "listeners.tcp": "none",
        "mqtt.listeners.tcp.1": f"{site.address}:{site.port}",
        "log.console": "true",
        "log.console.use_colors": "off",
        "log.file": "false",
    }
    return "".join(f"{name} = {value}\n" for name, value in {**ours, **site.settings}.items())
