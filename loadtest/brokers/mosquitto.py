"""Eclipse Mosquitto, configured to be measured: what the defaults hold back is taken off.

Left to its defaults it lets Nagle's algorithm add 7 ms to a two-hop path, keeps 20 messages in flight per client
and drops QoS 1 messages behind the first thousand queued.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from loadtest.brokers.ports import LOOPBACK
from loadtest.brokers.process import BrokerProcess, spawn
from loadtest.errors import EnvironmentNotReady

if TYPE_CHECKING:
    from pathlib import Path

KIND = "mosquitto"

SETTINGS = {
    "allow_anonymous": "true",
    "max_inflight_messages": "0",
    "max_queued_messages": "0",
    "persistence": "false",
    "set_tcp_nodelay": "true",
}
"""What is configured away from the defaults; 0 means without limit."""

PERSISTENT = {"persistence": "true"}
"""What is different when sessions and queued messages are to outlive a restart; they are written when it shuts down."""

_SERVER_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/sbin", "/opt/homebrew/bin")


def executable() -> str | None:
    """The installed Mosquitto, also where a user's PATH does not lead: Debian puts it into ``/usr/sbin``."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=os.pathsep.join(_SERVER_FOLDERS))


def install_command() -> str:
    """What installs Mosquitto on this machine."""
    sudo = "" if os.geteuid() == 0 else "sudo "
    for tool, command in (
        ("apt-get", f"{sudo}apt-get install mosquitto"),
        ("dnf", f"{sudo}dnf install mosquitto"),
        ("apk", f"{sudo}apk add mosquitto"),
        ("pacman", f"{sudo}pacman -S mosquitto"),
        ("brew", "brew install mosquitto"),
    ):
        if shutil.which(tool):
            return command
    return "see https://mosquitto.org/download"


def not_installed() -> EnvironmentNotReady:
    """The error for asking for it where it is not."""
    return EnvironmentNotReady(
        "Mosquitto is not installed", hint=f"install it: {install_command()}; or take --broker amqtt"
    )


def version() -> str:
    """The version the executable states, such as ``2.0.11``; empty when it states none."""
    path = executable()
    if path is None:
        return ""
    try:
        said = subprocess.run([path, "-h"], capture_output=True, text=True, timeout=10, check=False).stdout
    except OSError:  # it does not run; starting it will say why
        return ""
    words = said.split(maxsplit=3)
    return words[2] if words[:2] == ["mosquitto", "version"] else ""


def config_text(port: int, *, as_root: bool, persistence_dir: str = "") -> str:
    """The configuration file for one loopback listener; persistent when there is a folder for it."""
    settings = SETTINGS | (PERSISTENT | {"persistence_location": f"{persistence_dir}/"} if persistence_dir else {})
    lines = [f"listener {port} {LOOPBACK}", *(f"{name} {value}" for name, value in settings.items())]
    lines += ["log_dest stderr", "log_type error", "log_type warning", "log_type notice", "log_timestamp_format %FT%TZ"]
    if as_root:
        # Started by root it would become user `mosquitto`: unable to read its files in a private folder, and no
        # longer bound to our life (see loadtest.control.lifeline). It listens on loopback for one run only.
        lines.append("user root")
    return "\n".join(lines) + "\n"


async def start(port: int, log_dir: Path, *, persistent: bool = False) -> BrokerProcess:
    """Start it on a loopback port; its configuration, its log and what it keeps stay in ``log_dir``.

    Raises:
        EnvironmentNotReady: It is not installed.
    """
    path = executable()
    if path is None:
        raise not_installed()
    config = log_dir / "mosquitto.conf"
    kept_in = str(log_dir) if persistent else ""
    config.write_text(config_text(port, as_root=os.geteuid() == 0, persistence_dir=kept_in))
    return await spawn(KIND, [path, "-c", str(config)], log_dir / "mosquitto.log")
