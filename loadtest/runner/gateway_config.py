"""The gateway's switches from a file, and those a gateway runs with."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from loadtest.errors import Faults, UsageError, join_hints
from loadtest.gateway import passwords
from loadtest.gateway.settings import GatewaySettings, gateway_settings
from loadtest.gateway.topic_routes import UPSTREAM_FIELDS
from loadtest.scenario.suggestions import did_you_mean
from loadtest.transport import tls

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

OPTION = "--gateway-config"

_ELSEWHERE = {
    "host": "--bind of loadtest gateway",
    "port": "--bind of loadtest gateway",
    "broker_url": "--broker",
    "qos": "--qos, or with upstream_qos for publishing alone",
}
_INTERNAL = frozenset({"epoch_ns", "process_index", "peer_sockets"})
_FILES = ("password_file", *tls.SWITCHES)
_FILE_SWITCH = re.compile(rf"\b({'|'.join(_FILES)})\b")
_TOPICS = ("mountpoint", *UPSTREAM_FIELDS, "topic_override_mapping", "dnstream_topic")
SWITCHES = frozenset(GatewaySettings.__struct_fields__) - _ELSEWHERE.keys() - _INTERNAL
"""Settings of a gateway that a file may contain."""


def read_switches(path: str, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Read a TOML file of switches, and check them together with the files they name.

    Args:
        path: The file; empty: there is none.
        options: Switches given as options of a command; they outdo the file.

    Returns:
        Switches by the names of :class:`GatewaySettings`, those of the file and the options.

    Raises:
        UsageError: With every fault of everything, each named as it was written.
    """
    options = options or {}
    plain = _read_toml(path)
    switches = {name: value for name, value in plain.items() if name in SWITCHES} | dict(options)
    faults = [
        f"{OPTION} {path}: {name}: is set with {_ELSEWHERE[name]}"
        if name in _ELSEWHERE
        else f"{OPTION} {path}: {name}: there is no such switch{did_you_mean(name, SWITCHES)}"
        for name in plain
        if name not in SWITCHES
    ]
    try:
        gateway_settings({"port": 1, "broker_url": "mqtt://localhost"} | switches)
    except UsageError as error:
        faults += [_as_written(fault.removeprefix("gateway."), path, options) for fault in error.faults]
    hint = "docs/gateway.md lists the switches" if faults and path else ""
    try:
        _check_files(switches, lambda name: _as_written(name, path, options))
    except UsageError as error:
        faults += error.faults
        hint = join_hints((hint, error.hint))
    if faults:
        raise UsageError(faults, hint=hint)
    return switches


def _read_toml(path: str) -> dict[str, Any]:
    if not path:
        return {}
    try:
        plain: dict[str, Any] = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{OPTION} {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{OPTION} {path} is not TOML: {error}") from None
    return plain


def _as_written(fault: str, path: str, options: Mapping[str, Any]) -> str:
    """A fault that begins with the name of a switch: as the option it was, or as a line of the file."""
    name = re.match(r"\w+", fault)
    if name is None or name[0] not in options:
        return f"{OPTION} {path}: {fault}"
    return _option(name[0]) + _FILE_SWITCH.sub(lambda found: _option(found[0]), fault[name.end() :])


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _check_files(switches: Mapping[str, Any], written: Callable[[str], str]) -> None:
    """Refuse passwords and certificates that the gateway could not use.

    Raises:
        UsageError: With every fault of every file.
    """
    files = {name: value for name in _FILES if isinstance(value := switches.get(name), str) and value}
    found = Faults()
    if "password_file" in files:
        with found.gathered():
            passwords.read(Path(files["password_file"]), written("password_file"))
    if "tls_certificate" in files:
        certificate, key, authorities = (files.get(name, "") for name in tls.SWITCHES)
        with found.gathered():
            tls.server_context(certificate, key, authorities, names=tls.Names(*map(written, tls.SWITCHES)))
    found.refuse()


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
