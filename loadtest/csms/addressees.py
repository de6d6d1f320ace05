"""The charge points a subscriber sends commands to, and what it has learnt of each: as much as a backend would know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadtest.measure.interval import SentCounts

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

TRIES = 50
"""Charge points looked at for one that an action makes sense for, before any other is taken."""


class Addressee:
    """One charge point. What is not known yet is ``None`` or zero.

    Attributes:
        number: Its number in the fleet.
        topic: Where commands for it are published.
        sequence: How many commands it has been sent.
        asked: It has been sent a command and has not answered it.
        away: Why it is left alone, as :data:`RESTART` or :data:`UPDATE`; empty when it is not.
        away_since_ns: Since when.
        connectors: Its highest connector number heard of, at least 1.
        transaction_id: Of a transaction that is going on.
        reservation_id: Of a reservation it has accepted.
        profile_id: Of a charging profile it has accepted.
        chain: The certificate it has asked for, signed and not yet sent.
        certificate: How a certificate installed there is named, ``CertificateHashDataType``.
        inoperative: Number of a connector that was put out of service.
        list_version: Of the local list it was sent last.
    """

    __slots__ = (
        "asked",
        "away",
        "away_since_ns",
        "certificate",
        "chain",
        "connectors",
        "inoperative",
        "list_version",
        "number",
        "place",
        "profile_id",
        "reservation_id",
        "sequence",
        "topic",
        "transaction_id",
    )

    def __init__(self, number: int, topic: bytes) -> None:
        self.number = number
        self.topic = topic
        self.sequence = 0
        self.asked = False
        self.away = ""
        self.away_since_ns = 0
        self.connectors = 1
        self.list_version = 0
        self.transaction_id: int | None = None
        self.reservation_id: int | None = None
        self.profile_id: int | None = None
        self.certificate: dict[str, Any] | None = None
        self.chain: str | None = None
        self.inoperative: int | None = None
        self.place = -1


RESTART, UPDATE = "restart", "update"
"""It will boot; it updates its firmware and boots meanwhile."""


class Addressees:
    """All of them by number; those that are free can be picked at random in constant time."""

    def __init__(self) -> None:
        self.away = 0
        self._by_number: dict[int, Addressee] = {}
        self._free: list[Addressee] = []

    def get(self, number: int) -> Addressee | None:
        """A charge point that has been heard of."""
        return self._by_number.get(number)

    def hear(self, number: int, topic: bytes) -> Addressee:
        """A charge point has been heard for the first time."""
        addressee = self._by_number[number] = Addressee(number, topic)
        self._free_again(addressee)
        return addressee

    def pick(self, choice: random.Random, suits: Callable[[Addressee], bool] | None) -> Addressee | None:
        """A free charge point at random, one that ``suits`` if that can be had; ``None`` when nobody is free."""
        if not self._free:
            return None
        picked = choice.choice(self._free)
        for _ in range(TRIES if suits is not None else 0):
            if suits is not None and suits(picked):
                break
            picked = choice.choice(self._free)
        return picked

    def ask(self, addressee: Addressee) -> None:
        """It is sent a command: nothing else until it has answered (OCPP-J 1.6 section 4.1.1)."""
        addressee.asked = True
        last = self._free.pop()
        if last is not addressee:
            self._free[addressee.place] = last
            last.place = addressee.place
        addressee.place = -1

    def answered(self, addressee: Addressee) -> None:
        """It has answered, or is no longer waited for."""
        addressee.asked = False
        if not addressee.away:
            self._free_again(addressee)

    def leave(self, addressee: Addressee, why: str, now_ns: int) -> None:
        """It is about to go away, by the answer that is being taken: it is still ``asked``."""
        self.away += not addressee.away
        addressee.away, addressee.away_since_ns = why, now_ns

    def come_back(self, addressee: Addressee) -> None:
        """It is there again."""
        if addressee.away:
            self.away -= 1
            addressee.away = ""
            if not addressee.asked:
                self._free_again(addressee)

    def sent_counts(self) -> list[SentCounts]:
        """How many commands each charge point was sent."""
        counts = {addressee.number: addressee.sequence for addressee in self._by_number.values() if addressee.sequence}
        if not counts:
            return []
        first, last = min(counts), max(counts)
        packed = b"".join(counts.get(number, 0).to_bytes(4, "little") for number in range(first, last + 1))
        return [SentCounts(first, packed)]

    def _free_again(self, addressee: Addressee) -> None:
        addressee.place = len(self._free)
        self._free.append(addressee)
