"""The stamp: what a one-way measurement needs, inside the OCPP ``UniqueId``.

OCPP-J 1.6 section 4.1.4 allows 36 characters for a message id and passes it through unchanged, as does the
gateway. Ours uses all of them as fixed-width lower-case hexadecimal, so that no table has to be shared
between the sender and the subscriber:

======== ===== ====================================================================
position width meaning
======== ===== ====================================================================
0        4     run tag: messages of other runs are recognised and not counted
4        1     phase: position in the run's phases, :data:`loadtest.protocol.phases.PHASES` first
5        6     charge point: its number in the fleet
11       6     sequence: the charge point's own count of CALLs, from 0
17       11    intended instant, µs after the run's epoch
28       8     send delay, µs from the intended instant to the real send
======== ===== ====================================================================
"""

from __future__ import annotations

from binascii import hexlify, unhexlify
from struct import Struct
from typing import NamedTuple

STAMP_LENGTH = 36
MAX_SEND_DELAY_US = 0xFFFF_FFFF
MAX_CHARGE_POINTS = 1 << 24
MAX_SEQUENCE = 1 << 24

_FIELDS = Struct(">HIQI").pack
"""Of the same bits as the table's; formatting each number by itself costs half as much again."""


class Stamp(NamedTuple):
    """One decoded message id. Times in µs; ``intended_us`` counts from the run's epoch."""

    run_tag: int
    phase: int
    charge_point: int
    sequence: int
    intended_us: int
    send_delay_us: int


def encode(run_tag: int, phase: int, charge_point: int, sequence: int, intended_us: int, send_delay_us: int) -> bytes:
    """Render a stamp as the 36 ASCII characters of a ``UniqueId``.

    A sequence beyond 2^24 wraps; a send delay beyond 71 minutes is capped.
    """
    return hexlify(
        _FIELDS(
            run_tag,
            phase << 28 | charge_point << 4 | sequence >> 20 & 0xF,
            (sequence & 0xF_FFFF) << 44 | intended_us,
            send_delay_us if send_delay_us <= MAX_SEND_DELAY_US else MAX_SEND_DELAY_US,  # noqa: FURB136 - once per message
        )
    )


def decode(unique_id: str | bytes) -> Stamp | None:
    """Read a stamp; ``None`` when the id is not one of ours (another client's uuid, say)."""
    if len(unique_id) != STAMP_LENGTH:
        return None
    try:
        # Takes digits only, where int() takes signs, blanks and underscores as well.
        bits = int.from_bytes(unhexlify(unique_id), "big")
    except ValueError:
        return None
    return Stamp(
        bits >> 128,
        bits >> 124 & 0xF,
        bits >> 100 & 0xFF_FFFF,
        bits >> 76 & 0xFF_FFFF,
        bits >> 32 & 0xFFF_FFFF_FFFF,
        bits & 0xFFFF_FFFF,
    )
