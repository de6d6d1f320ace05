"""What the connection of a charge point can be like: states that exclude each other, so that counts of them add up."""

from __future__ import annotations

OFFLINE = "offline"
"""No connection, and none due after a failure: not begun yet, restarting, cut off a moment ago, or done."""
BACKING_OFF = "backing_off"
"""No connection; waits before it tries again."""
CONNECTING = "connecting"
"""An attempt at a connection is under way."""
HALF_OPEN = "half_open"
"""Nothing passes through its connection, and it has not noticed."""
REGISTERING = "registering"
"""Connected; its BootNotification is not accepted yet."""
IDLE = "idle"
"""Registered, and no transaction under way."""
CHARGING = "charging"
"""Registered, with a transaction under way."""

CONNECTION_STATES = (OFFLINE, BACKING_OFF, CONNECTING, HALF_OPEN, REGISTERING, IDLE, CHARGING)
"""All of them, from the furthest away to the busiest."""
