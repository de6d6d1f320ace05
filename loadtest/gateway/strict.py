"""Strict mode: one CALL under way in each direction (OCPP-J 1.6 section 4.1.1), which EMQX has never enforced.

Upstream, a second CALL while one is unanswered is refused, unless it is the same once more. Downstream, further CALLs
wait in a queue, and the one under way is sent again until it is answered or given up. Answers pass freely. Nothing
here sends, counts or reads a clock: times come in, decisions go out.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

_json = msgspec.json.Decoder()

Peer = TypeVar("Peer", bound="Hashable")


class StrictLimits(NamedTuple):
    """How patient strict mode is.

    Attributes:
        awaiting_timeout_s: How long a charge point's CALL counts as unanswered.
        retry_interval_s: Pause after which a central system's CALL is sent again.
        max_retries: How often it is.
        downstream_queue: CALLs that may wait for each charge point.
    """

    awaiting_timeout_s: float
    retry_interval_s: float
    max_retries: int
    downstream_queue: int


class Offer(Enum):
    """What becomes of a central system's CALL."""

    SEND = auto()
    QUEUED = auto()
    FULL = auto()


class Due(NamedTuple, Generic[Peer]):
    """What the passing of time asks for.

    Attributes:
        peer: The charge point.
        text: The frame to send, None when a CALL is given up and none waits.
        given_up: The CALL under way was given up; ``text`` is the next one.
    """

    peer: Peer
    text: bytes | None
    given_up: bool


class _Calls:
    """The CALLs under way of one charge point. Message ids are decoded: an id may come back written differently."""

    __slots__ = ("queue", "retries_left", "retry_at_s", "sent", "unanswered", "unanswered_until_s")

    def __init__(self) -> None:
        self.unanswered: tuple[Any, int] | None = None  # id and hash of the charge point's CALL
        self.unanswered_until_s = 0.0
        self.sent: tuple[Any, bytes] | None = None  # id and frame of the central system's CALL
        self.retry_at_s = 0.0
        self.retries_left = 0
        self.queue: deque[tuple[Any, bytes]] = deque()

    @property
    def idle(self) -> bool:
        return self.unanswered is None and self.sent is None


def _decode(message_id: bytes | msgspec.Raw) -> Any:
    """A message id as a value; one that only looks like JSON stands for itself."""
    try:
        return _json.decode(message_id)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return bytes(message_id)


class StrictMode(Generic[Peer]):
    """The CALLs under way of all charge points. State exists only for those that have one."""

    def __init__(self, limits: StrictLimits) -> None:
        self._limits = limits
        self._calls: dict[Peer, _Calls] = {}
        # Who waits for an answer, the longest first: every pause is equally long.
        self._waiting: dict[Peer, None] = {}

    def __len__(self) -> int:
        """Charge points with a CALL under way."""
        return len(self._calls)

    def take_call(self, peer: Peer, message_id: bytes | msgspec.Raw, frame: bytes, now_s: float) -> bool:
        """Whether a charge point's CALL may be published."""
        calls = self._calls.setdefault(peer, _Calls())
        call = (_decode(message_id), hash(frame))
        if calls.unanswered not in (None, call) and now_s < calls.unanswered_until_s:
            return False
        calls.unanswered = call
        calls.unanswered_until_s = now_s + self._limits.awaiting_timeout_s
        return True

    def answer_down(self, peer: Peer, message_id: bytes | msgspec.Raw) -> None:
        """The central system answers."""
        calls = self._calls.get(peer)
        if calls is not None and calls.unanswered is not None and calls.unanswered[0] == _decode(message_id):
            calls.unanswered = None
            self._forget_idle(peer, calls)

    def offer(self, peer: Peer, message_id: bytes | msgspec.Raw, frame: bytes, now_s: float) -> Offer:
        """The central system sends a CALL."""
        calls = self._calls.setdefault(peer, _Calls())
        call = (_decode(message_id), frame)
        if calls.sent is None:
            self._send(peer, calls, call, now_s)
            return Offer.SEND
        if len(calls.queue) >= self._limits.downstream_queue:
            return Offer.FULL
        calls.queue.append(call)
        return Offer.QUEUED

    def answer_up(self, peer: Peer, message_id: bytes | msgspec.Raw, now_s: float) -> bytes | None:
        """The charge point answers; the next frame to send, if one waits."""
        calls = self._calls.get(peer)
        if calls is None or calls.sent is None or calls.sent[0] != _decode(message_id):
            return None
        return self._next(peer, calls, now_s)

    def due(self, now_s: float) -> Iterator[Due[Peer]]:
        """What has to be sent again, or given up, by now. A pause begins anew with each sending."""
        while self._waiting:
            peer = next(iter(self._waiting))
            calls = self._calls[peer]
            if calls.retry_at_s > now_s:
                return
            assert calls.sent is not None
            if calls.retries_left:
                calls.retries_left -= 1
                self._wait(peer, calls, now_s)
                yield Due(peer, calls.sent[1], given_up=False)
            else:
                yield Due(peer, self._next(peer, calls, now_s), given_up=True)

    def forget(self, peer: Peer) -> int:
        """The charge point is gone; how many CALLs it never got."""
        self._waiting.pop(peer, None)
        calls = self._calls.pop(peer, None)
        return 0 if calls is None else len(calls.queue)

    def _next(self, peer: Peer, calls: _Calls, now_s: float) -> bytes | None:
        calls.sent = None
        del self._waiting[peer]
        if not calls.queue:
            self._forget_idle(peer, calls)
            return None
        call = calls.queue.popleft()
        self._send(peer, calls, call, now_s)
        return call[1]

    def _send(self, peer: Peer, calls: _Calls, call: tuple[Any, bytes], now_s: float) -> None:
        calls.sent = call
        calls.retries_left = self._limits.max_retries
        self._wait(peer, calls, now_s)

    def _wait(self, peer: Peer, calls: _Calls, now_s: float) -> None:
        calls.retry_at_s = now_s + self._limits.retry_interval_s
        self._waiting.pop(peer, None)
        self._waiting[peer] = None

    def _forget_idle(self, peer: Peer, calls: _Calls) -> None:
        if calls.idle:
            del self._calls[peer]
