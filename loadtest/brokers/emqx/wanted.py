"""How EMQX's OCPP gateway has to be configured for a run, and whether it is.

A configuration is always sent whole: from EMQX 6.1 on, what is left out becomes the generic default of all its
gateways, and an empty ``supported_subprotocols`` refuses every charge point.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

NAME = "ocpp"
LISTENER = "default"
LISTENER_ID = f"{NAME}:ws:{LISTENER}"
PATH = "/ocpp"
DEFAULT_PORT = 33033

GATEWAY: Mapping[str, Any] = {
    "name": NAME,
    "enable": True,
    "mountpoint": "ocpp/",
    "idle_timeout": "2h",  # the real limit of silence; its default of 30 s is shorter than a heartbeat interval
    "default_heartbeat_interval": "600s",
    "heartbeat_checking_times_backoff": 1,
    "message_format_checking": "disable",
    "upstream": {"topic": "cp/${cid}", "reply_topic": "cp/${cid}/Reply", "error_topic": "cp/${cid}/Reply"},
    "dnstream": {"topic": "cs/${cid}", "max_mqueue_len": 100},
}
"""The gateway without its listeners, which are honoured only when it is loaded for the first time."""

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+)(ms|s|m|h|d)")
_ANYWHERE = ("", "0.0.0.0", "[::]", "::")  # noqa: S104 - compared, not bound
_READ_ONLY = ("id", "status", "node_status", "running")


def listener(port: int) -> dict[str, Any]:
    """The listener for charge points on a port of every interface."""
    return {
        "type": "ws",
        "name": LISTENER,
        "bind": f"0.0.0.0:{port}",
        "max_connections": 1_024_000,
        "websocket": {
            "path": PATH,
            "piggyback": "multiple",  # else messages may share a frame, which OCPP-J does not know
            "fail_if_no_subprotocol": False,
            "supported_subprotocols": "ocpp1.6",
        },
    }


def corrected(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """A listener as found with what is wanted put in its place: a PUT replaces it as a whole."""
    kept = {name: value for name, value in found.items() if name not in _READ_ONLY}
    for name, value in wanted.items():
        before = kept.get(name)
        kept[name] = {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value
    return kept


def differences(wanted: Mapping[str, Any], found: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """What is not as wanted, each ``name: found instead of wanted``; what is found besides does not matter."""
    for name, value in wanted.items():
        there = found.get(name)
        if isinstance(value, Mapping) and isinstance(there, Mapping):
            yield from differences(value, there, f"{prefix}{name}.")
        elif _meaning(name, value) != _meaning(name, there):
            before = "nothing" if there is None else json.dumps(there)
            yield f"{prefix}{name}: {before} instead of {json.dumps(value)}"


def _meaning(name: str, value: Any) -> Any:
    """A value such that two ways of writing the same are equal: EMQX does not always return what it was sent."""
    if name == "bind":
        host, _, port = str(value).rpartition(":")
        return ("" if host in _ANYWHERE else host, port)
    if name == "supported_subprotocols" and isinstance(value, (str, list)):
        words = value.split(",") if isinstance(value, str) else value
        return [str(word).strip() for word in words]
    if isinstance(value, str) and (parts := _DURATION.findall(value)) and not _DURATION.sub("", value):
        return sum(int(number) * _SECONDS[unit] for number, unit in parts)
    return value
