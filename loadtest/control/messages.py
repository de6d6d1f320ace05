"""What travels on the control channel. One frame is a 4-byte big-endian length and one msgpack document.

Parent to child: :data:`Command`. Child to parent: :data:`Notice`. All instants are ``monotonic_ns``.
"""

from __future__ import annotations

from typing import Any

import msgspec

from loadtest.measure.interval import IntervalReport

MAX_FRAME_BYTES = 64 * 1024 * 1024


class Configure(msgspec.Struct, tag="configure"):
    """First command to every child. ``settings`` is the child's own configuration, validated by it."""

    settings: dict[str, Any]


class AddCohort(msgspec.Struct, tag="add_cohort"):
    """Take charge of the charge points ``first`` to ``first + count - 1`` of the fleet.

    ``profile`` holds the fields of their :class:`~loadtest.scenario.profile.ChargePointProfile`; without it they
    are of the kind the child was configured with. ``path`` is ``gateway`` or ``direct``.
    """

    first: int
    count: int
    profile: dict[str, Any] | None = None
    path: str = "gateway"


class RemoveCohort(msgspec.Struct, tag="remove_cohort"):
    """Disconnect a cohort added before, and forget it once its counts are reported."""

    first: int


class EnterPhase(msgspec.Struct, tag="enter_phase"):
    """From ``start_ns`` on, what is intended belongs to ``phase``."""

    phase: str
    start_ns: int


class BeginFault(msgspec.Struct, tag="begin_fault"):
    """Break something at ``at_ns``. ``fault`` holds the fields of a :mod:`loadtest.scenario.faults` fault."""

    name: str
    fault: dict[str, Any]
    at_ns: int


class EndFault(msgspec.Struct, tag="end_fault"):
    """Give back at ``at_ns`` what the fault begun before has taken away."""

    name: str
    at_ns: int


class CutOff(msgspec.Struct, tag="cut_off"):
    """Reset connections of charge points at ``at_ns``, and let them make none before ``until_ns``.

    ``share`` of them: those whose random number ``draw`` is below it; of ``regions`` only, if any are given.
    """

    share: float
    draw: int
    at_ns: int
    until_ns: int = 0
    regions: list[int] = []


class RefuseHandshakes(msgspec.Struct, tag="refuse_handshakes"):
    """A gateway is to turn down ``share`` of all handshakes with an HTTP status; with share 0 no more."""

    status: int
    share: float


class Drain(msgspec.Struct, tag="drain"):
    """Offer nothing new, wait for what is under way until ``deadline_ns``, then send the final report."""

    deadline_ns: int


class Stop(msgspec.Struct, tag="stop"):
    """Close everything and exit."""


class Ready(msgspec.Struct, tag="ready"):
    """Answer to :class:`Configure`: the child can take work. ``facts`` describe it for the run record."""

    pid: int
    facts: dict[str, Any] = {}


class Refused(msgspec.Struct, tag="refused"):
    """Answer to :class:`Configure`: the child cannot work, for reasons to show as they stand."""

    faults: list[str]
    hint: str = ""


class Report(msgspec.Struct, tag="report"):
    """An interval report."""

    report: IntervalReport


class Facts(msgspec.Struct, tag="facts"):
    """What is known of a part of the system under test only later, for the run record."""

    part: str
    facts: dict[str, Any]


class FaultState(msgspec.Struct, tag="fault_state"):
    """A fault has begun, or what it took away is back: when that really was."""

    name: str
    begun: bool
    at_ns: int


class Event(msgspec.Struct, tag="event"):
    """Something worth a line in the run record. ``kind`` is ``part_died``, ``broker_lost`` and the like."""

    kind: str
    text: str


Command = (
    Configure | AddCohort | RemoveCohort | EnterPhase | BeginFault | EndFault | CutOff | RefuseHandshakes | Drain | Stop
)
Notice = Ready | Refused | Report | Facts | FaultState | Event

_command: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
_notice: msgspec.msgpack.Decoder[Notice] = msgspec.msgpack.Decoder(Notice)
_encoder = msgspec.msgpack.Encoder()


def encode(message: Command | Notice) -> bytes:
    """One frame, length included."""
    body = _encoder.encode(message)
    return len(body).to_bytes(4, "big") + body


def decode_command(body: bytes) -> Command:
    """Read a frame's body in a child."""
    return _command.decode(body)


def decode_notice(body: bytes) -> Notice:
    """Read a frame's body in the parent."""
    return _notice.decode(body)


class FrameSplitter:
    """Cuts a byte stream into frame bodies.

    Raises:
        ValueError: A frame announces more than :data:`MAX_FRAME_BYTES`.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take what has arrived; return the bodies that are complete."""
        self._buffer += data
        bodies: list[bytes] = []
        while len(self._buffer) >= 4:
            length = int.from_bytes(self._buffer[:4], "big")
            if length > MAX_FRAME_BYTES:
                raise ValueError(f"control frame of {length} bytes")
            if len(self._buffer) < 4 + length:
                break
            bodies.append(bytes(self._buffer[4 : 4 + length]))
            del self._buffer[: 4 + length]
        return bodies
