"""The states of a connector and the transitions between them (OCPP 1.6 edition 2, section 4.9).

Connector 0 stands for the charge point as a whole and knows three of the states.
"""

from __future__ import annotations

AVAILABLE = b"Available"
PREPARING = b"Preparing"
CHARGING = b"Charging"
SUSPENDED_EV = b"SuspendedEV"
SUSPENDED_EVSE = b"SuspendedEVSE"
FINISHING = b"Finishing"
RESERVED = b"Reserved"
UNAVAILABLE = b"Unavailable"
FAULTED = b"Faulted"

STATES = (AVAILABLE, PREPARING, CHARGING, SUSPENDED_EV, SUSPENDED_EVSE, FINISHING, RESERVED, UNAVAILABLE, FAULTED)
"""In the order of the specification's table: its columns 1 to 9, its rows A to I."""

OF_THE_WHOLE = frozenset({AVAILABLE, UNAVAILABLE, FAULTED})
"""What connector 0 can be."""

_TABLE = {  # row: the columns the specification fills in
    AVAILABLE: "2345789",
    PREPARING: "134569",
    CHARGING: "145689",
    SUSPENDED_EV: "135689",
    SUSPENDED_EVSE: "134689",
    FINISHING: "1289",
    RESERVED: "1289",
    UNAVAILABLE: "123459",
    FAULTED: "12345678",
}

TRANSITIONS: dict[bytes, frozenset[bytes]] = {
    state: frozenset(STATES[int(column) - 1] for column in columns) for state, columns in _TABLE.items()
}
"""Which states may follow a state at once."""


def allowed(connector: int, before: bytes, after: bytes) -> bool:
    """Whether a connector may change from one state to another."""
    if connector == 0:
        return after in OF_THE_WHOLE and before != after
    return after in TRANSITIONS[before]
