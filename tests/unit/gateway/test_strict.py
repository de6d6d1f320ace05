"""Strict mode in virtual time: one CALL under way in each direction, and every CALL down has a fate."""

from __future__ import annotations

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from loadtest.gateway.strict import Due, Offer, StrictLimits, StrictMode

LIMITS = StrictLimits(awaiting_timeout_s=30, retry_interval_s=10, max_retries=2, downstream_queue=2)
PEERS = st.sampled_from("AB")
IDS = st.sampled_from([b'"1"', b'"2"', b'"3"'])


def strict() -> StrictMode[str]:
    return StrictMode(LIMITS)


def test_a_second_call_waits_for_the_answer_to_the_first_unless_it_is_the_same() -> None:
    mode = strict()
    assert mode.take_call("A", b'"1"', b"one", 0)
    assert not mode.take_call("A", b'"2"', b"two", 1)
    assert not mode.take_call("A", b'"1"', b"another of that id", 1)
    assert mode.take_call("A", b'"1"', b"one", 2)
    assert mode.take_call("B", b'"1"', b"one", 2), "charge points do not know each other"
    mode.answer_down("A", b'"2"')
    assert not mode.take_call("A", b'"2"', b"two", 3)
    mode.answer_down("A", rb'"\u0031"')
    assert mode.take_call("A", b'"2"', b"two", 4)


def test_an_unanswered_call_is_forgotten_in_time() -> None:
    mode = strict()
    assert mode.take_call("A", b'"1"', b"one", 0)
    assert mode.take_call("A", b'"1"', b"one", 20), "which begins the wait anew"
    assert not mode.take_call("A", b'"2"', b"two", 49.9)
    assert mode.take_call("A", b'"2"', b"two", 50)


def test_a_call_down_is_repeated_then_given_up_for_the_next() -> None:
    mode = strict()
    assert mode.offer("A", b'"1"', b"one", 0) is Offer.SEND
    assert mode.offer("A", b'"2"', b"two", 1) is Offer.QUEUED
    assert mode.offer("A", b'"3"', b"three", 1) is Offer.QUEUED
    assert mode.offer("A", b'"4"', b"four", 1) is Offer.FULL
    assert list(mode.due(9.9)) == []
    assert list(mode.due(10)) == [Due("A", b"one", given_up=False)]
    assert list(mode.due(20)) == [Due("A", b"one", given_up=False)]
    assert list(mode.due(30)) == [Due("A", b"two", given_up=True)]
    assert mode.answer_up("A", b'"1"', 31) is None, "too late"
    assert mode.answer_up("A", b'"2"', 31) == b"three"
    assert mode.answer_up("A", b'"3"', 32) is None
    assert len(mode) == 0, "who has no CALL under way costs nothing"
    assert list(mode.due(1000)) == []


def test_ids_that_are_no_json_are_compared_as_they_are() -> None:
    mode = strict()
    assert mode.take_call("A", rb'"\q"', b"one", 0)
    assert not mode.take_call("A", b"[" * 5000, b"two", 0)
    mode.answer_down("A", rb'"\q"')
    assert len(mode) == 0


class StrictTraffic(RuleBasedStateMachine):
    """Any traffic: what is offered is sent, refused or waiting, and at most one CALL is under way each way."""

    def __init__(self) -> None:
        super().__init__()
        self.mode = strict()
        self.now_s = 0.0
        self.serial = 0
        self.fates: Counter[str] = Counter()
        self.down: dict[str, bytes] = {}
        self.waiting: Counter[str] = Counter()
        self.up: dict[str, tuple[bytes, bytes, float]] = {}

    def _sent(self, peer: str, text: bytes | None) -> None:
        if text is not None:
            self.down[peer] = text
            self.waiting[peer] -= 1
            self.fates["sent"] += 1

    @rule(peer=PEERS)
    def offer(self, peer: str) -> None:
        self.serial += 1
        frame = b'"%d"' % self.serial
        offer = self.mode.offer(peer, frame, frame, self.now_s)
        self.fates["offered"] += 1
        if offer is Offer.SEND:
            assert peer not in self.down
            self.down[peer] = frame
            self.fates["sent"] += 1
        elif offer is Offer.QUEUED:
            assert peer in self.down
            self.waiting[peer] += 1
        else:
            assert self.waiting[peer] == LIMITS.downstream_queue
            self.fates["refused"] += 1

    @precondition(lambda self: self.down)
    @rule(peer=PEERS, right=st.booleans())
    def answer_up(self, peer: str, right: bool) -> None:
        under_way = self.down.get(peer)
        following = self.mode.answer_up(peer, under_way if right and under_way else b'"unknown"', self.now_s)
        if right and under_way:
            del self.down[peer]
            assert (following is None) == (self.waiting[peer] == 0)
            self._sent(peer, following)
        else:
            assert following is None

    @rule(seconds=st.sampled_from([1, 5, 10, 40]))
    def pass_time(self, seconds: int) -> None:
        self.now_s += seconds
        for peer, text, given_up in self.mode.due(self.now_s):
            if given_up:
                self.fates["given up"] += 1
                del self.down[peer]
                self._sent(peer, text)
            else:
                assert text == self.down[peer]

    @rule(peer=PEERS, message_id=IDS, body=st.sampled_from([b"x", b"y"]))
    def call_up(self, peer: str, message_id: bytes, body: bytes) -> None:
        pending = self.up.get(peer)
        allowed = pending is None or pending[:2] == (message_id, body) or self.now_s >= pending[2]
        assert self.mode.take_call(peer, message_id, body, self.now_s) is allowed
        if allowed:
            self.up[peer] = (message_id, body, self.now_s + LIMITS.awaiting_timeout_s)

    @rule(peer=PEERS, message_id=IDS)
    def answer_down(self, peer: str, message_id: bytes) -> None:
        self.mode.answer_down(peer, message_id)
        if peer in self.up and self.up[peer][0] == message_id:
            del self.up[peer]

    @rule(peer=PEERS)
    def leave(self, peer: str) -> None:
        assert self.mode.forget(peer) == self.waiting[peer]
        self.fates["left"] += self.waiting.pop(peer, 0)
        self.down.pop(peer, None)
        self.up.pop(peer, None)

    @invariant()
    def every_call_has_a_fate(self) -> None:
        fates = self.fates
        assert fates["offered"] == fates["sent"] + fates["refused"] + fates["left"] + self.waiting.total()
        assert len(self.mode) == len(self.down.keys() | self.up.keys())


TestStrictTraffic = StrictTraffic.TestCase
