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
STOP = "stop"
"""The gateway stops."""

CAUSES = (BY_PEER, LOST, VIOLATION, BINARY, TAKEOVER, KEEPALIVE, IDLE, SLOW_READER, STOP)
"""Why an open connection ended."""

OFFLINE = "offline"
"""Why an envelope is dropped: its charge point left before it arrived."""


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
        paused: Times a connection was not read for a while because the broker was slow or away.
        refused: Handshakes refused, by reason word.
        closed: Open connections that ended, by cause.
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
    paused: int = 0
    upstream_dropped: Counter[str] = field(default_factory=partial(_from_zero, NOT_JSON, NOT_OCPP))
    downstream_dropped: Counter[str] = field(default_factory=partial(_from_zero, NOT_JSON, NOT_OCPP, OFFLINE))
    refused: Counter[str] = field(default_factory=Counter)
    closed: Counter[str] = field(default_factory=partial(_from_zero, *CAUSES))

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
