"""Thresholds: what a scenario demands of the system under test, and under what circumstances a run is given up.

Each names a metric and a bound on it. Its text, such as ``p99 uplink Heartbeat steady < 50ms``, is what the command
line takes (:mod:`loadtest.scenario.threshold_text`) and what records and reports show.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from loadtest.protocol.actions import FROM_CENTRAL_SYSTEM, FROM_CHARGE_POINT
from loadtest.protocol.phases import RAMP, STEADY
from loadtest.scenario.bounds import US_PER, Bound
from loadtest.scenario.suggestions import did_you_mean
from loadtest.scenario.threshold import Threshold

if TYPE_CHECKING:
    from collections.abc import Iterator

Leg = Literal["uplink", "round_trip", "connect", "register", "reconnect", "command", "downlink", "reply"]
Kind = Literal["intended", "service"]
MessageFate = Literal["lost", "duplicated", "reordered", "unanswered"]
RateOf = Literal["offered", "sent", "answered", "delivered"]
TransactionFate = Literal["lost", "duplicated", "reordered", "flawed"]

BACK_SHARES = (50, 90, 99, 100)
"""Percent of charge points for whose registration the time is known."""

_STAT = re.compile(r"p(\d{1,2}(?:\.\d+)?)")
_OF_CONNECTING = {
    "connect": ("WebSocket", "MQTT"),
    "register": ("BootNotification",),
    "reconnect": ("BootNotification",),
}
LEGS_OF_CLASSES = frozenset({"uplink", "round_trip", "connect", "register", "reconnect"})
"""Legs that are measured for each class of a mixed fleet."""
_IN_RAMP = frozenset({"connect", "register"})
_KNOWN_WHEN_OVER = "is known only when the run is over, so it cannot end one early"


class Latency(Threshold, frozen=True, tag="latency"):
    """A percentile of the latencies of a leg.

    Attributes:
        stat: ``p50`` to ``p99.99``, or ``max``.
        action: Of one action only; empty for all of them together.
        phase: Empty: ``ramp`` for ``connect`` and ``register``, ``steady`` for every other leg.
        kind: ``intended``: from the instant a message was due. ``service``: from when it was sent.
    """

    stat: str
    leg: Leg
    bound: Bound
    action: str = ""
    phase: str = ""
    kind: Kind = "intended"

    @property
    def metric(self) -> str:
        """As ``p99 uplink Heartbeat steady``."""
        service = "service" if self.kind == "service" else ""
        return _words(self.stat, self.leg, self.action, self.watched_phase, self._class_word, service)

    @property
    def watched_phase(self) -> str:
        """The phase its messages were due in."""
        return self.phase or (RAMP if self.leg in _IN_RAMP else STEADY)

    @property
    def percent(self) -> float:
        """Which percentile; 100 for the maximum."""
        return 100.0 if self.stat == "max" else float(self.stat[1:])

    @property
    def _units(self) -> tuple[str, ...]:
        return tuple(US_PER)

    def _mistakes(self) -> Iterator[str]:
        found = _STAT.fullmatch(self.stat)
        if self.stat != "max" and not (found and 0 < float(found[1]) < 100):
            yield f"{self.stat!r} is neither a percentile, p50 to p99.99, nor max"
        if self.fleet_class and self.leg not in LEGS_OF_CLASSES:
            yield f"the leg {self.leg} is measured of the whole fleet; leave {self._class_word} out"
        actions = actions_of(self.leg)
        if self.action and self.action not in actions:
            yield f"no action {self.action!r} on the leg {self.leg}{did_you_mean(self.action, actions)}"


class Messages(Threshold, frozen=True, tag="messages"):
    """How many messages of charge points were lost, duplicated, reordered or not answered: a count, or a share.

    Shares are of the messages sent. Answers after the time limit count as ``unanswered``. With action and phase left
    out it is about all messages of the whole run.
    """

    what: MessageFate
    bound: Bound
    action: str = ""
    phase: str = ""

    @property
    def metric(self) -> str:
        """As ``lost MeterValues recovery:crash``."""
        return _words(self.what, self.action, self.phase, self._class_word)

    @property
    def watched_phase(self) -> str:
        """The phase its messages were due in."""
        return self.phase

    @property
    def _units(self) -> tuple[str, ...]:
        return ("%", "")

    def _mistakes(self) -> Iterator[str]:
        if self.action and self.action not in FROM_CHARGE_POINT:
            yield f"charge points send no {self.action!r}{did_you_mean(self.action, FROM_CHARGE_POINT)}"
        if self.what == "lost" and self.abort_on_fail:
            yield f"what was lost {_KNOWN_WHEN_OVER}"


class Registered(Threshold, frozen=True, tag="registered"):
    """How long until a share of the charge points was registered, in the ramp, or again after they had been lost.

    It is counted from the beginning of the phase; in ``steady``, where storms come unannounced, from the storm's. Of
    several storms in a phase the worst counts. A fault and its recovery share their storms.

    Attributes:
        percent: 50, 90, 99 or 100, of the fleet in the ramp, otherwise of those that were away.
    """

    percent: int
    bound: Bound
    phase: str = RAMP

    @property
    def metric(self) -> str:
        """As ``registered 99% recovery:crash``."""
        return f"registered {self.percent}% {self.phase}"

    @property
    def watched_phase(self) -> str:
        """The phase from whose beginning it counts."""
        return self.phase

    @property
    def _units(self) -> tuple[str, ...]:
        return tuple(US_PER)

    def _mistakes(self) -> Iterator[str]:
        if self.percent not in BACK_SHARES:
            yield f"{self.percent} % is none of {', '.join(map(str, BACK_SHARES))}"
        if self.fleet_class:
            yield "storms are of the whole fleet: it cannot be of one class"


class Rate(Threshold, frozen=True, tag="rate"):
    """Messages of charge points per second, in the mean over all the time a phase lasted.

    Attributes:
        what: ``offered`` (due), ``sent``, ``answered``, or ``delivered`` to a subscriber.
    """

    _more_is_better: ClassVar[bool] = True

    what: RateOf
    bound: Bound
    action: str = ""
    phase: str = STEADY

    @property
    def metric(self) -> str:
        """As ``sent rate steady``."""
        return _words(self.what, "rate", self.action, self.phase, self._class_word)

    @property
    def watched_phase(self) -> str:
        """The phase its messages were due in."""
        return self.phase

    @property
    def _units(self) -> tuple[str, ...]:
        return ("/s",)

    def _mistakes(self) -> Iterator[str]:
        if self.action and self.action not in FROM_CHARGE_POINT:
            yield f"charge points send no {self.action!r}{did_you_mean(self.action, FROM_CHARGE_POINT)}"


class Transactions(Threshold, frozen=True, tag="transactions"):
    """The ledger of transactions: messages lost, duplicated, reordered; or ``flawed`` transactions.

    Only flawed ones can be bounded by a share, of the transactions started.
    """

    what: TransactionFate
    bound: Bound

    @property
    def metric(self) -> str:
        """As ``transactions flawed``."""
        return _words("transactions", self.what, self._class_word)

    @property
    def _units(self) -> tuple[str, ...]:
        return ("%", "") if self.what == "flawed" else ("",)

    def _mistakes(self) -> Iterator[str]:
        if self.abort_on_fail:
            yield f"what became of transactions {_KNOWN_WHEN_OVER}"


def actions_of(leg: str) -> tuple[str, ...]:
    """The actions there are samples of on a leg."""
    if leg in _OF_CONNECTING:
        return _OF_CONNECTING[leg]
    return FROM_CHARGE_POINT if leg in ("uplink", "round_trip") else FROM_CENTRAL_SYSTEM


LEGS: tuple[str, ...] = get_args(Leg)


def _words(*words: str) -> str:
    return " ".join(word for word in words if word)
