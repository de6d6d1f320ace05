"""A gateway process's configuration, as its parent sends it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from loadtest.errors import UsageError
from loadtest.transport import mqtt_url

if TYPE_CHECKING:
    from collections.abc import Mapping

Seconds = Annotated[float, Meta(ge=0)]
MAX_UNIX_PATH_BYTES = 107
"""What ``sockaddr_un`` holds."""


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway process has to know before it takes connections.

    Attributes:
        port: Port to listen on, shared with the other processes.
        broker_url: ``mqtt://[user:password@]host[:port]``.
        host: Address to listen on.
        path: What precedes ``/<charge point id>`` in the URL.
        qos: Quality of service of publishing and of the downstream subscriptions. EMQX publishes with 2, which a
            subscription of QoS 1 cannot tell from 1.
        idle_timeout_s: Silence, pings included, after which a connection is cut; 0: never. EMQX's default.
        default_heartbeat_interval_s: Heartbeat interval until a BootNotification is answered; 0: text silence is
            never looked at. EMQX's default.
        handshake_timeout_s: How long a client may take to send its request.
        epoch_ns: Start of interval 0 of the reports, on the monotonic clock.
        process_index: This process's position in ``peer_sockets``.
        peer_sockets: Unix socket paths of all processes that share the port, this one included; none: it is alone.
        credentials: Passwords by user name for HTTP Basic; none: everyone is let in.
    """

    port: Annotated[int, Meta(ge=1, le=65535)]
    broker_url: str
    host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"
    path: Annotated[str, Meta(pattern=r"^(/[^/%?#\s]+)+$")] = "/ocpp"
    qos: Literal[0, 1, 2] = 1
    idle_timeout_s: Seconds = 30.0
    default_heartbeat_interval_s: Seconds = 60.0
    handshake_timeout_s: Seconds = 10.0
    epoch_ns: int = 0
    process_index: Annotated[int, Meta(ge=0)] = 0
    peer_sockets: tuple[str, ...] = ()
    credentials: dict[str, str] = {}


def gateway_settings(plain: Mapping[str, Any]) -> GatewaySettings:
    """Read and check a gateway's configuration.

    Raises:
        UsageError: With one sentence for each field that is missing, unknown, of the wrong type or out of range.
    """
    fields = {field.name: field for field in msgspec.structs.fields(GatewaySettings)}
    faults = [f"gateway.{name}: there is no such setting" for name in plain if name not in fields]
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in plain:
            try:
                values[name] = msgspec.convert(plain[name], field.type)
            except msgspec.ValidationError as error:
                shown = "what is given" if name == "credentials" else repr(plain[name])
                faults.append(f"gateway.{name}: {shown} does not fit: {error}")
        elif field.required:
            faults.append(f"gateway.{name}: is missing")
    faults += _beyond_types(values)
    if faults:
        raise UsageError(faults)
    return GatewaySettings(**values)


def _beyond_types(values: Mapping[str, Any]) -> list[str]:
    """What only the URL parser or two fields together can tell."""
    faults: list[str] = []
    if "broker_url" in values:
        try:
            mqtt_url.parse(values["broker_url"])
        except UsageError as error:
            faults += [f"gateway.broker_url: {fault}" for fault in error.faults]
    peers: tuple[str, ...] = values.get("peer_sockets", ())
    index: int = values.get("process_index", 0)
    if peers and index >= len(peers):
        faults.append(f"gateway.process_index: {index} has no place in peer_sockets, which has {len(peers)}")
    faults += [
        f"gateway.peer_sockets: {path!r} is longer than {MAX_UNIX_PATH_BYTES} bytes"
        for path in peers
        if len(os.fsencode(path)) > MAX_UNIX_PATH_BYTES
    ]
    return faults
