"""A gateway process's configuration, as its parent sends it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from loadtest.control.settings import read_fields
from loadtest.errors import UsageError
from loadtest.gateway.topic_routes import topic_faults
from loadtest.transport import mqtt_url

if TYPE_CHECKING:
    from collections.abc import Mapping

Seconds = Annotated[float, Meta(ge=0)]
PositiveSeconds = Annotated[float, Meta(gt=0)]
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
        fail_if_no_subprotocol: Refuse who offers no subprotocol. EMQX's default up to 5.9.
        check_origins: Values of an ``Origin`` header that are let in; none: any. No header is always let in.
        heartbeat_checking_times_backoff: Heartbeat intervals without text after which a connection is cut.
        mountpoint: What every topic begins with.
        upstream_topic: Where CALLs are published, made with ``${cid}``, ``${action}``, ``${id}`` and ``${type}``.
        upstream_reply_topic: Where their CALLRESULTs are.
        upstream_error_topic: Where their CALLERRORs are.
        topic_override_mapping: Other topics for CALLs, by action; EMQX has the option, but it has no effect there.
        dnstream_topic: Where the central system publishes, with one ``${cid}``.
        upstream_qos: Quality of service of publishing when it is not ``qos``.
        message_format_checking: Which CALLs are held against the official schemas; only upstream ones are, as in EMQX.
        check_downstream: Hold CALLs of the central system against the schemas too. Not in EMQX.
        call_error_on_invalid: Answer a CALL that is malformed or not valid with a CALLERROR. Not in EMQX.
        close_on_invalid_json: Close, with 1007, over text that is no JSON. Not in EMQX.
        piggyback: ``single``: what leaves in one turn of the event loop shares a text frame, as in EMQX by default.
        strict: One CALL under way in each direction (:mod:`loadtest.gateway.strict`). Not in EMQX.
        strict_awaiting_timeout_s: How long a charge point's CALL counts as unanswered.
        strict_retry_interval_s: Pause after which a central system's CALL is sent again.
        strict_max_retries: How often it is.
        downstream_queue: CALLs of the central system that may wait for each charge point in strict mode.
        max_frame_bytes: Longest message taken; a longer one closes the connection with 1009. EMQX has no limit.
        max_unsent_bytes: Most that may wait for a charge point that does not read, before it is cut.
        max_connections: Most charge points in this process; 0: as many as there are file descriptors.
        max_handshakes: Most connections in this process whose request has not come yet.
        epoch_ns: Start of interval 0 of the reports, on the monotonic clock.
        process_index: This process's position in ``peer_sockets``.
        peer_sockets: Unix socket paths of all processes that share the port, this one included; none: it is alone.
        password_file: Passwords for HTTP Basic (:mod:`loadtest.gateway.passwords`); empty: everyone is let in.
        check_identity: A charge point may use its own credentials only; see :func:`loadtest.gateway.admission.admit`.
        tls_certificate: PEM file of the certificate to show; empty: plain ``ws://``.
        tls_key: PEM file of its private key; empty: it is in ``tls_certificate``.
        tls_client_ca: PEM file of the authorities of client certificates; given, every client must show one.
    """

    port: Annotated[int, Meta(ge=1, le=65535)]
    broker_url: str
    host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"
    path: Annotated[str, Meta(pattern=r"^(/[^/%?#\s]+)+$")] = "/ocpp"
    qos: Literal[0, 1, 2] = 1
    idle_timeout_s: Seconds = 30.0
    default_heartbeat_interval_s: Seconds = 60.0
    handshake_timeout_s: Seconds = 10.0
    fail_if_no_subprotocol: bool = True
    check_origins: tuple[str, ...] = ()
    heartbeat_checking_times_backoff: Annotated[int, Meta(ge=0)] = 1
    mountpoint: str = "ocpp/"
    upstream_topic: str = "cp/${cid}"
    upstream_reply_topic: str = "cp/${cid}/Reply"
    upstream_error_topic: str = "cp/${cid}/Reply"
    topic_override_mapping: dict[str, str] = {}
    dnstream_topic: str = "cs/${cid}"
    upstream_qos: Literal[0, 1, 2] | None = None
    message_format_checking: Literal["disable", "upstream_only", "dnstream_only", "all"] = "disable"
    check_downstream: bool = False
    call_error_on_invalid: bool = False
    close_on_invalid_json: bool = False
    piggyback: Literal["multiple", "single"] = "multiple"
    strict: bool = False
    strict_awaiting_timeout_s: PositiveSeconds = 30.0
    strict_retry_interval_s: PositiveSeconds = 30.0
    strict_max_retries: Annotated[int, Meta(ge=0)] = 3
    downstream_queue: Annotated[int, Meta(ge=0)] = 100
    max_frame_bytes: Annotated[int, Meta(ge=1)] = 1024 * 1024
    max_unsent_bytes: Annotated[int, Meta(ge=1)] = 256 * 1024
    max_connections: Annotated[int, Meta(ge=0)] = 0
    max_handshakes: Annotated[int, Meta(ge=1)] = 10_000
    epoch_ns: int = 0
    process_index: Annotated[int, Meta(ge=0)] = 0
    peer_sockets: tuple[str, ...] = ()
    password_file: str = ""
    check_identity: bool = True
    tls_certificate: str = ""
    tls_key: str = ""
    tls_client_ca: str = ""


def gateway_settings(plain: Mapping[str, Any]) -> GatewaySettings:
    """Read and check a gateway's configuration.

    Raises:
        UsageError: With one sentence for each field that is missing, unknown, of the wrong type or out of range.
    """
    values, faults = read_fields(GatewaySettings, "gateway", plain)
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
    defaults = {field.name: field.default for field in msgspec.structs.fields(GatewaySettings)}
    faults += topic_faults({**defaults, "topic_override_mapping": {}, **values})
    faults += [
        f"gateway.{name}: needs tls_certificate as well"
        for name in ("tls_key", "tls_client_ca")
        if values.get(name) and not values.get("tls_certificate")
    ]
    return faults
