"""What travels about transactions: a record for each sending of a message, and a word for each arrival.

A transaction is known by its charge point and the charge point's own count of transactions, a message by its place in
the transaction, and a sending by its sequence number, which is in the stamp and so known at both ends. A message that
is sent again has several sendings.
"""

from __future__ import annotations

import struct

import numpy as np

MESSAGES = ("StartTransaction", "MeterValues", "StopTransaction")
"""What a transaction consists of; a record holds the position here."""

ANSWERED, CALL_ERROR, TIMED_OUT, CUT_OFF, LINK_CUT, UNFINISHED = range(6)
"""Fates of a sending."""
GAVE_UP, CROWDED_OUT, RUN_ENDED = range(6, 9)
"""Fates of a message that will not be sent (again): attempts used up; no room to wait; the run was over."""

NOT_SENT = 0xFFFF_FFFF
"""In place of a sequence number, in records of a message's fate."""

RECORD = struct.Struct("<IIIHBBBB")
"""Charge point, sequence number, transaction, place of the message in it, position in :data:`MESSAGES`, fate, phase,
and how often the message was sent before."""

DTYPE = np.dtype(
    [
        *(("charge_point", "<u4"), ("sequence", "<u4"), ("transaction", "<u4"), ("place", "<u2")),
        *(("message", "u1"), ("fate", "u1"), ("phase", "u1"), ("before", "u1")),
    ]
)
"""The same as :data:`RECORD`, for arrays."""

MOST_PLACES = 0xFFFF
MOST_SENDINGS = 0xFF
"""What is beyond is booked under the last number."""

SEQUENCE_BITS = 24
"""A sending, as both ends know it: the sequence number's lowest bits below the charge point."""

FATE_BITS = 48
"""An arrival: how it was judged (:mod:`loadtest.measure.sequence`) above the charge point (24 bits) and the sequence
number (24 bits)."""


def sending_key(charge_point: int, sequence: int) -> int:
    """What both ends know a sending by."""
    return charge_point << SEQUENCE_BITS | sequence & 0xFF_FFFF
