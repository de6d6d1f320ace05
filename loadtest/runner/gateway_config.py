"""The gateway's switches from a file, and those a gateway runs with."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from loadtest.control.settings import nearest
from loadtest.errors import UsageError
from loadtest.gateway.settings import GatewaySettings, gateway_settings
from loadtest.gateway.topic_routes import UPSTREAM_FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping

OPTION = "--gateway-config"

_ELSEWHERE = {
    "host": "--bind of loadtest gateway",
    "port": "--bind of loadtest gateway",
    "broker_url": "--broker",
    "qos": "--qos, or with upstream_qos for publishing alone",
}
_INTERNAL = frozenset({"epoch_ns", "process_index", "peer_sockets"})
_TOPICS = ("mountpoint", *UPSTREAM_FIELDS, "topic_override_mapping", "dnstream_topic")
SWITCHES = frozenset(GatewaySettings.__struct_fields__) - _ELSEWHERE.keys() - _INTERNAL
"""Settings of a gateway that a file may contain."""


def read_switches(path: str) -> dict[str, Any]:
    """Read and check a TOML file of switches; names are those of :class:`GatewaySettings`.

    Raises:
        UsageError: With every fault of the file.
    """
    try:
        plain = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{OPTION} {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{OPTION} {path} is not TOML: {error}") from None
    faults = [
        f"{name}: is set with {_ELSEWHERE[name]}"
        if name in _ELSEWHERE
        else f"{name}: there is no such switch{nearest(name, SWITCHES)}"
        for name in plain
        if name not in SWITCHES
    ]
    switches = {name: value for name, value in plain.items() if name in SWITCHES}
    try:
        gateway_settings({"port": 1, "broker_url": "mqtt://localhost"} | switches)
    except UsageError as error:
        faults += [fault.removeprefix("gateway.") for fault in error.faults]
    if faults:
        raise UsageError([f"{OPTION} {path}: {fault}" for fault in faults], hint="docs/gateway.md lists the switches")
    return switches


def unfit_for_runs(switches: Mapping[str, Any]) -> list[str]:
    """Faults of switches in a run, whose central system and measurement know EMQX's default topics only."""
    defaults = resolved({"port": 1, "broker_url": "mqtt://localhost"})
    return [
        f"{OPTION}: {name}: runs need the default, {defaults[name]!r}; other topics are for `loadtest gateway`"
        for name in _TOPICS
        if switches.get(name, defaults[name]) != defaults[name]
    ]


def resolved(plain: Mapping[str, Any]) -> dict[str, Any]:
    """All switches as a gateway configured so runs with them, defaults included, for the record of a run."""
    settings: dict[str, Any] = msgspec.to_builtins(gateway_settings(plain))
    return {name: value for name, value in settings.items() if name in SWITCHES or name == "qos"}
