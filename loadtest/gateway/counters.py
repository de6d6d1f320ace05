"""What the gateway counts, as running totals."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from functools import partial

from loadtest.gateway.translation import NOT_JSON, NOT_OCPP

PREFIX = "gateway."

BY_PEER = "by_peer"
"""The charge point closed with a Close frame."""
LOST = "lost"
"""TCP ended without one."""
VIOLATION = "violation"
"""The charge point broke the WebSocket protocol."""
BINARY = "binary"
TAKEOVER = "takeover"
"""A newer connection with the same id won."""
KEEPALIVE = "keepalive"
"""No text for two heartbeat intervals."""
IDLE = "idle"
"""Nothing at all for the idle timeout."""
SLOW_READER = "slow_reader"
"""The charge point does not take what is sent to it."""
INVALID_JSON = "invalid_json"
"""The charge point sent what is no JSON, and the gateway is told to close over it."""
STOP = "stop"
"""The gateway stops."""

CAUSES = (BY_PEER, LOST, VIOLATION, BINARY, TAKEOVER, KEEPALIVE, IDLE, SLOW_READER, INVALID_JSON, STOP)
"""Why an open connection ended."""

TOO_MANY_CONNECTIONS, TOO_MANY_HANDSHAKES = "max_connections", "max_handshakes"
"""Why a newcomer is refused although its request may be good; the latter is not even read."""

SCHEMA = "schema"
"""Message format checking found a fault."""
TOPIC = "topic"
"""Action or message id are part of the topic, and these cannot be."""
OUTSTANDING = "outstanding"
"""Strict mode: the charge point has another CALL unanswered."""

UPSTREAM_DROPS = (NOT_JSON, NOT_OCPP, SCHEMA, TOPIC, OUTSTANDING)
"""Why a charge point's frame is not published."""

OFFLINE, CALL_OFFLINE = "offline", "call_offline"
"""The charge point left before the envelope arrived, or before it could leave: that of an answer, that of a CALL."""
QUEUE_FULL = "queue_full"
"""Strict mode: too many CALLs wait for the charge point already."""

DOWNSTREAM_DROPS = (NOT_JSON, NOT_OCPP, SCHEMA, OFFLINE, CALL_OFFLINE, QUEUE_FULL)
"""Why a central system's envelope is not passed on."""


def _from_zero(*names: str) -> Counter[str]:
    return Counter(dict.fromkeys(names, 0))


@dataclass(slots=True)
class GatewayCounters:
    """Totals since the start; ``calls``, ``results`` and ``errors`` are OCPP's CALL, CALLRESULT and CALLERROR.

    Attributes:
        accepted: Connections opened.
        handshake_timeouts: Connections cut because they sent no request in time.
        takeovers: Connections that replaced an older one with the same id.
        published: Messages handed to the MQTT client: the three ``upstream`` counts together.
        upstream_dropped: Frames of charge points not translated, by reason.
        downstream_dropped: Envelopes of the central system not passed on, by reason.
        call_errors_sent: CALLERRORs of the gateway itself.
        strict_queued: Strict mode: CALLs of the central system that had to wait.
        strict_repeated: Strict mode: times one was sent again.
        strict_given_up: Strict mode: CALLs sent and never answered.
        pings: Pings of charge points, all answered.
        received_bytes: Read from opened and opening connections, WebSocket and HTTP overhead included.
        sent_bytes: OCPP messages passed to charge points, without WebSocket overhead.
        paused: Times a connection was not read for a while because the broker was slow or away.
        refused: Handshakes refused, by reason word.
        closed: Open connections that ended, by cause.
        tls_handshake_failed: TCP connections that came to nothing before their request, by cause
            (:data:`loadtest.transport.tls.FAILURES`).
    """

    accepted: int = 0
    handshake_timeouts: int = 0
    takeovers: int = 0
    published: int = 0
    upstream_calls: int = 0
    upstream_results: int = 0
    upstream_errors: int = 0
    downstream_calls: int = 0
    downstream_results: int = 0
    downstream_errors: int = 0
    call_errors_sent: int = 0
    strict_queued: int = 0
    strict_repeated: int = 0
    strict_given_up: int = 0
    pings: int = 0
    received_bytes: int = 0
    sent_bytes: int = 0
    paused: int = 0
    upstream_dropped: Counter[str] = field(default_factory=partial(_from_zero, *UPSTREAM_DROPS))
    downstream_dropped: Counter[str] = field(default_factory=partial(_from_zero, *DOWNSTREAM_DROPS))
    refused: Counter[str] = field(default_factory=Counter)
    closed: Counter[str] = field(default_factory=partial(_from_zero, *CAUSES))
    tls_handshake_failed: Counter[str] = field(default_factory=Counter)

    def report(self) -> dict[str, int]:
        """All of them by reported name: ``gateway.accepted``, ``gateway.closed_idle`` and so on."""
        totals: dict[str, int] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, Counter):
                totals |= {f"{PREFIX}{each.name}_{reason}": count for reason, count in value.items()}
            else:
                totals[PREFIX + each.name] = value
        return totals
