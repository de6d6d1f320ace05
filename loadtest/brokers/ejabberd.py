"""ejabberd with mod_mqtt. Whoever connects must name a user of its domain, though any name and password will do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from loadtest.brokers.installed import find
from loadtest.brokers.kind import BrokerKind, Features, Launch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loadtest.brokers.kind import Demand, Site

_LIBRARIES = re.compile(r"^ERL_LIBS=['\"]?([^'\"\n$]+)", re.MULTILINE)


class Ejabberd(BrokerKind):
    """ejabberd 20 and later.

    Settings are those of ``ejabberd.yml``: of the listener as ``listen.…``, of the MQTT module as ``mod_mqtt.…``.
    """

    name = "ejabberd"
    title = "ejabberd"
    program = "ejabberdctl"
    packages: ClassVar = dict.fromkeys(("apt-get", "dnf", "apk", "pacman", "brew"), "ejabberd")
    home = "https://docs.ejabberd.im/admin/install/"
    tuned: ClassVar = {
        "loglevel": "warning",
        "listen.backlog": "4096",
        "mod_mqtt.max_queue": "unlimited",
        "mod_mqtt.max_topic_depth": "infinity",
    }
    """``max_queue``: messages a slow subscriber may have waiting, 5,000 by default, then it is disconnected."""
    our_settings = frozenset(
        {"hosts", "auth_method", "anonymous_protocol", "listen.port", "listen.ip", "listen.module", "log_rotate_count"}
    )
    credentials = "loadtest%40localhost:loadtest"
    telling = r"\[critical\]|eaddrinuse"
    ready_within_s = 40.0
    stops_within_s = 15.0

    def version(self) -> str:
        """Of its application's file; to ask the program takes a running node."""
        libraries = self._libraries()
        folders = [] if libraries is None else libraries.glob("ejabberd-[0-9]*/ebin/ejabberd.app")
        stated = (re.search(r"{vsn, *\"(\d+(?:\.\d+)+)", folder.read_text(errors="replace")) for folder in folders)
        return next((version[1] for version in stated if version), "")

    def features(self) -> Features:
        """Sessions are in memory; a subscription to ``$share/…`` ends the connection."""
        return Features(mqtt5=True, shared_subscriptions=False, persistent=False)

    def fitted(self, demand: Demand) -> tuple[Mapping[str, str], Sequence[str]]:
        """Its window of messages in flight is one, and no setting's."""
        alone = (
            f"{self.title} sends each client one message of QoS {demand.qos} at a time: the next follows its receipt"
        )
        return {}, (alone,) if demand.qos else ()

    def prepare(self, site: Site) -> Launch:
        """One file. The Erlang machine is started itself: the program is a wrapper, for root and its own user only."""
        config = site.log_dir / "ejabberd.yml"
        config.write_text(config_text(site))
        return Launch(
            argv=[
                *(find("erl") or "erl", "-noinput", "+P", "1000000"),
                *("-mnesia", "dir", f'"{site.data_dir}/mnesia"', "-s", "ejabberd"),
            ],
            config_files=[config],
            environment={
                "HOME": str(site.data_dir),
                "EJABBERD_CONFIG_PATH": str(config),
                "EJABBERD_LOG_PATH": str(site.data_dir / "ejabberd.log"),
                "ERL_LIBS": str(self._libraries() or ""),
                "ERL_MAX_PORTS": "1000000",
                "ERL_CRASH_DUMP_SECONDS": "0",
            },
        )

    def _libraries(self) -> Path | None:
        """Where the wrapper says that the program itself is."""
        wrapper = self.executable()
        named = None if wrapper is None else _LIBRARIES.search(Path(wrapper).read_text(errors="replace"))
        return None if named is None else Path(named[1])


def config_text(site: Site) -> str:
    """The configuration file: one domain, open to all, and MQTT on the port."""
    top = {"hosts": "[localhost]", "auth_method": "[anonymous]", "anonymous_protocol": "login_anon"}
    top |= {"log_rotate_count": "0"}  # its log is in the data folder, and goes to standard output as well
    listener = {"port": str(site.port), "ip": f'"{site.address}"', "module": "mod_mqtt"}
    module: dict[str, str] = {}
    for name, value in site.settings.items():
        block, _, key = name.rpartition(".")
        {"listen": listener, "mod_mqtt": module}.get(block, top)[key if block in ("listen", "mod_mqtt") else name] = (
            value
        )
    lines = [
        *_lines(top),
        *("listen:", "  -", *_lines(listener, indent=4)),
        *("modules:", "  mod_mqtt:" if module else "  mod_mqtt: {}", *_lines(module, indent=4)),
    ]
    return "\n".join(lines) + "\n"


def _lines(settings: dict[str, str], indent: int = 0) -> list[str]:
    return [f"{'':{indent}}{name}: {value}" for name, value in settings.items()]
