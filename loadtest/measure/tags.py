"""Names of histogram series: ``<phase>.<leg>.<action>.<intended|service>``.

``intended`` runs from the instant an operation was due (response time), ``service`` from when it was really
sent (service time). Both are always kept: their difference is coordinated omission made visible.
"""

from __future__ import annotations

import re
from typing import NamedTuple

INTENDED, SERVICE = "intended", "service"

UPLINK = "uplink"
"""Charge point to subscriber."""
ROUND_TRIP = "round_trip"
"""Charge point to answer back. A timed-out operation counts with the time it was waited for."""
CONNECT = "connect"
"""TCP, TLS and WebSocket handshake; on the direct path MQTT's CONNECT and subscription."""
REGISTER = "register"
"""Connect start to BootNotification accepted."""
RECONNECT = "reconnect"
"""Loss of the connection of a registered charge point, as the charge point noticed it, to its being registered again;
as service time from the start of the attempt that succeeded."""
COMMAND = "command"
"""Central system to answer back. A timed-out command counts with the time it was waited for."""
DOWNLINK = "downlink"
"""Central system to charge point."""
REPLY = "reply"
"""A charge point's answer to a command, on its way to the central system. Nothing plans an answer: it is due when it
is written, so that both kinds of samples are the same."""
PACER = "pacer"
"""The generator's own lateness: intended release to real release; its health, not the system's."""

_PARTS = re.compile(r"[\w:.-]+", re.ASCII)

LEGS = (UPLINK, ROUND_TRIP, CONNECT, REGISTER, RECONNECT)
COMMAND_LEGS = (COMMAND, DOWNLINK, REPLY)
"""Legs of what the central system asks of charge points; their series are by its actions."""
ONE_WAY_LEGS = frozenset({UPLINK, DOWNLINK, REPLY})
"""Legs that begin in one process and end in another, possibly by another clock."""


class Tag(NamedTuple):
    """A series name in parts."""

    phase: str
    leg: str
    action: str
    kind: str

    def __str__(self) -> str:
        """The name as it stands in the interval log."""
        return ".".join(self)


def parse(text: str) -> Tag:
    """Read a series name.

    Raises:
        ValueError: It does not have four parts, or holds what would break a line of the interval log.
    """
    parts = text.split(".")
    if len(parts) != 4 or not _PARTS.fullmatch(text):
        raise ValueError(f"series name {text!r} does not have four parts of letters, digits, : _ and -")
    return Tag(*parts)
