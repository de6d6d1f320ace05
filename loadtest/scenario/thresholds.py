"""Thresholds: what a scenario demands of the system under test, and under what circumstances a run is given up.

Each names a metric and a bound on it. Its text, such as ``p99 uplink Heartbeat steady < 50ms``, is what the command
line takes (:mod:`loadtest.scenario.threshold_text`) and what records and reports show.
"""

from __future__ import annotations

import difflib
import math
import re
from typing import TYPE_CHECKING, Literal, get_args

import msgspec

from loadtest.errors import UsageError
from loadtest.protocol.actions import FROM_CENTRAL_SYSTEM, FROM_CHARGE_POINT
from loadtest.protocol.phases import RAMP, STEADY
from loadtest.scenario.bounds import US_PER, Bound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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
_IN_RAMP = frozenset({"connect", "register"})
_KNOWN_WHEN_OVER = "is known only when the run is over, so it cannot end one early"


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """What all thresholds have in common.

    Attributes:
        abort_on_fail: The run ends, failed, as soon as it is seen not to hold.
        after_s: For so many seconds of its phase it is not looked at for that.
    """

    abort_on_fail: bool = False
    after_s: float = 0.0

    def __str__(self) -> str:
        """The text form, which reads back as the same threshold."""
        ending = f" abort after {self.after_s:.15g}s" if self.after_s else " abort"
        return f"{self.metric} {self.limit}{ending if self.abort_on_fail else ''}"

    @property
    def metric(self) -> str:
        """What is looked at, in the words of the text form."""
        raise NotImplementedError

    @property
    def watched_phase(self) -> str:
        """The phase it is about; empty for the whole run."""
        return ""

    @property
    def limit(self) -> Bound:
        """What the figure is to keep to."""
        bound: Bound = self.bound  # type: ignore[attr-defined]  # each kind has it behind what it is about
        return bound

    def check(self, phases: Sequence[str]) -> None:
        """Refuse what can never be judged in a run of these phases.

        Raises:
            UsageError: With one sentence for each mistake.
        """
        try:
            msgspec.convert(msgspec.structs.asdict(self), type(self))
        except msgspec.ValidationError as error:
            raise UsageError(f"threshold {type(self).__name__}: {error}") from None
        mistakes = [*self._mistakes(), *self._mistakes_of_bound(), *self._mistakes_of_phase(phases)]
        if not 0 <= self.after_s < math.inf:
            mistakes.append(f"after_s: {self.after_s:g} is not 0 or more")
        elif self.after_s and not self.abort_on_fail:
            mistakes.append("after_s: has no use without abort_on_fail")
        if mistakes:
            raise UsageError([f"threshold '{self}': {text}" for text in mistakes])

    @property
    def _units(self) -> tuple[str, ...]:
        """Units its bound can have."""
        raise NotImplementedError

    def _mistakes(self) -> Iterator[str]:
        yield from ()

    def _mistakes_of_bound(self) -> Iterator[str]:
        bound = self.limit
        if bound.unit not in self._units:
            wanted = " or ".join(repr(unit) if unit else "none, for a count" for unit in self._units)
            yield f"the unit {bound.unit!r} does not fit: {wanted}"
        if not bound.upper and not isinstance(self, Rate):
            yield f"{bound.relation} makes no sense here: a small figure is a good one, write <"
        if not 0 <= bound.value < math.inf:
            yield f"the bound {bound.value:g} is not 0 or more"
        elif (bound.value == 0 and bound.relation in ("<", ">=")) or (bound.value == 0 and "ms" in self._units):
            yield f"nothing is decided by {bound}"

    def _mistakes_of_phase(self, phases: Sequence[str]) -> Iterator[str]:
        phase = self.watched_phase
        if phase and phase not in phases:
            yield f"there is no phase {phase!r} in this run{did_you_mean(phase, phases)}; there are {', '.join(phases)}"


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
        return _words(self.stat, self.leg, self.action, self.watched_phase, service)

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
        return _words(self.what, self.action, self.phase)

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


class Rate(Threshold, frozen=True, tag="rate"):
    """Messages of charge points per second, in the mean over all the time a phase lasted.

    Attributes:
        what: ``offered`` (due), ``sent``, ``answered``, or ``delivered`` to a subscriber.
    """

    what: RateOf
    bound: Bound
    action: str = ""
    phase: str = STEADY

    @property
    def metric(self) -> str:
        """As ``sent rate steady``."""
        return _words(self.what, "rate", self.action, self.phase)

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
        return f"transactions {self.what}"

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


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean uplink?``, or nothing when nothing is like it."""
    by_folded = {each.lower(): each for each in known}
    close = difflib.get_close_matches(word.lower(), by_folded, n=1)
    return f"; did you mean {by_folded[close[0]]}?" if close else ""


LEGS: tuple[str, ...] = get_args(Leg)


def _words(*words: str) -> str:
    return " ".join(word for word in words if word)
