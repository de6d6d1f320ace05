"""The text form of thresholds, which the command line takes and records show.

::

    p99 uplink Heartbeat steady < 50ms          percentile or max, leg, then in any order action, phase, service
    lost < 0.1%                                 lost, duplicated, reordered, unanswered; action, phase
    registered 99% recovery:crash < 20s         50, 90, 99 or 100 %; phase
    sent rate > 500/s                           offered, sent, answered, delivered; action, phase
    transactions flawed <= 0                    lost, duplicated, reordered, flawed
    p99 uplink class:Kerb < 50ms                of one class of a mixed fleet; any but registered
    p99 round_trip < 1s abort after 10s         behind any of them: end the run, after so much of the phase
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, get_args

from loadtest.errors import UsageError
from loadtest.protocol.actions import FROM_CENTRAL_SYSTEM, FROM_CHARGE_POINT
from loadtest.protocol.phases import FAULT, PHASES, RECOVERY
from loadtest.scenario import threshold_set
from loadtest.scenario.bounds import Bound
from loadtest.scenario.suggestions import did_you_mean
from loadtest.scenario.thresholds import (
    BACK_SHARES,
    LEGS,
    Kind,
    Latency,
    MessageFate,
    Messages,
    Rate,
    RateOf,
    Registered,
    TransactionFate,
    Transactions,
)
from loadtest.units import seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from loadtest.scenario.threshold import Threshold

EXAMPLE = "p99 round_trip < 250ms"

_ACTIONS = tuple(dict.fromkeys((*FROM_CHARGE_POINT, *FROM_CENTRAL_SYSTEM, "WebSocket", "MQTT")))
_KINDS: tuple[str, ...] = get_args(Kind)
_FATES: tuple[str, ...] = get_args(MessageFate)
_RATES: tuple[str, ...] = get_args(RateOf)
_TRANSACTION_FATES: tuple[str, ...] = get_args(TransactionFate)
_FIRST_WORDS = ("p50", "p90", "p99", "p99.9", "max", *_FATES, "registered", *_RATES, "transactions")
_MEANS = ("mean", "avg", "average")

_SIDES = re.compile(r"([^<>=≤≥]*)(<=|>=|=<|=>|==|<|>|=|≤|≥)(.*)", re.DOTALL)
_RELATIONS = {"<": "<", "<=": "<=", ">": ">", ">=": ">=", "=<": "<=", "=>": ">=", "≤": "<=", "≥": ">="}
_BOUND = re.compile(r"([-+]?\d[\d_]*(?:\.\d+)?)\s*(us|µs|μs|ms|s|sec|min|m|%|/s)?(?:\s+(abort)(?:\s+after\s+(\S+))?)?")
_UNITS = {"µs": "us", "μs": "us", "sec": "s", "m": "min", None: ""}
_CLASS = "class:"
"""Before the name of a class, which only the scenario knows."""
_PERCENTILE = re.compile(r"p\d.*")


class _MistakeError(ValueError):
    """What is wrong with a text, in words."""


def split(text: str) -> list[str]:
    """The texts of several thresholds, separated by semicolons or line breaks."""
    return [part.strip() for part in re.split(r"[;\n]", text) if part.strip()]


def parse_all(texts: Iterable[str]) -> tuple[Threshold, ...]:
    """Read thresholds.

    Raises:
        UsageError: With one sentence for each that cannot be read or judged.
    """
    found: list[Threshold] = []
    mistakes: list[str] = []
    for text in texts:
        try:
            found.append(_parse(text))
        except _MistakeError as mistake:
            mistakes.append(f"threshold '{text}': {mistake}")
    try:
        # Which faults the scenario has is not known here: their phases are checked with it.
        threshold_set.check(found, [*PHASES, *(each.watched_phase for each in found)])
    except UsageError as error:
        mistakes += error.faults
    if mistakes:
        raise UsageError(mistakes)
    return tuple(found)


def untitled(fault: str) -> str:
    """A fault of :func:`parse_all` for those who begin it with the option that they were given."""
    return fault.removeprefix("threshold ").removeprefix("thresholds: ")


def parse(text: str) -> Threshold:
    """Read one threshold.

    Raises:
        UsageError: With every mistake found.
    """
    return parse_all([text])[0]


def _parse(text: str) -> Threshold:
    sides = _SIDES.fullmatch(text.strip())
    if sides is None:
        raise _MistakeError(f"it says no bound; write for example {EXAMPLE}")
    left, relation, right = sides.groups()
    if relation not in _RELATIONS:
        raise _MistakeError(f"{relation} is no bound; write <, <=, > or >=")
    words = left.split()
    if not words:
        raise _MistakeError(f"it does not say of what; write for example {EXAMPLE}")
    bound = _BOUND.fullmatch(right.strip())
    if bound is None:
        raise _MistakeError(f"{right.strip()!r} is no bound; write for example 50ms, 0.1%, 3 or 500/s")
    number, unit, abort, after = bound.groups()
    ending: dict[str, Any] = {"abort_on_fail": bool(abort)}
    if after:
        try:
            ending["after_s"] = seconds(after)
        except ValueError as error:
            raise _MistakeError(f"abort after: {error}") from None
    limit: Any = Bound(_RELATIONS[relation], float(number), _UNITS.get(unit, unit))  # type: ignore[arg-type]
    return _of_kind(words[0], words[1:], limit, ending)


def _of_kind(first: str, words: Sequence[str], bound: Bound, ending: dict[str, Any]) -> Threshold:
    if first in _MEANS:
        raise _MistakeError("a mean hides what a threshold is to find; take p50 or p99")
    if first == "max" or _PERCENTILE.fullmatch(first):
        found = _sorted(words, leg=LEGS, action=_ACTIONS, phase=PHASES, kind=_KINDS, fleet_class=())
        if "leg" not in found:
            raise _MistakeError(f"it names no leg; there are {', '.join(LEGS)}")
        return Latency(first, bound=bound, **found, **ending)
    if first in _FATES:
        return Messages(first, bound, **_sorted(words, action=_ACTIONS, phase=PHASES, fleet_class=()), **ending)  # type: ignore[arg-type]
    if first == "registered":
        return _registered(words, bound, ending)
    if first in _RATES:
        if not words or words[0] != "rate":
            raise _MistakeError(f"how many were {first} depends on how long a run lasts; write {first} rate, in /s")
        return Rate(first, bound, **_sorted(words[1:], action=_ACTIONS, phase=PHASES, fleet_class=()), **ending)  # type: ignore[arg-type]
    if first == "transactions":
        found = _sorted(words, what=_TRANSACTION_FATES, fleet_class=())
        if "what" not in found:
            raise _MistakeError(f"transactions what? {', '.join(_TRANSACTION_FATES)}")
        return Transactions(bound=bound, **found, **ending)
    raise _MistakeError(
        f"{first!r} is no metric; there are {', '.join(_FIRST_WORDS)}{did_you_mean(first, _FIRST_WORDS)}"
    )


def _registered(words: Sequence[str], bound: Bound, ending: dict[str, Any]) -> Registered:
    share = re.fullmatch(r"(\d+)%", words[0]) if words else None
    if share is None:
        raise _MistakeError(f"registered how many? {', '.join(f'{each}%' for each in BACK_SHARES)}")
    return Registered(int(share[1]), bound, **_sorted(words[1:], phase=PHASES), **ending)


def _sorted(words: Sequence[str], **vocabulary: Sequence[str]) -> dict[str, Any]:
    """What each word is, by the words there are."""
    found: dict[str, Any] = {}
    for word in words:
        meaning = next((name for name, known in vocabulary.items() if word in known), None)
        if meaning is None and "phase" in vocabulary and word.partition(":")[0] in (FAULT, RECOVERY) and ":" in word:
            meaning = "phase"
        if "fleet_class" in vocabulary and word.startswith(_CLASS) and word != _CLASS:
            meaning = "fleet_class"
        if meaning is None and word.startswith(_CLASS) and "fleet_class" not in vocabulary:
            raise _MistakeError(f"it is told of the whole fleet; leave {word} out")
        if meaning is None:
            known = [each for every in vocabulary.values() for each in every]
            raise _MistakeError(f"{word!r} is no {_listed(vocabulary)}{did_you_mean(word, known)}")
        if meaning in found:
            raise _MistakeError(f"it names two of one kind: {found[meaning]} and {word}")
        found[meaning] = word
    if "fleet_class" in found:
        found["fleet_class"] = found["fleet_class"].removeprefix(_CLASS)
    return found


def _listed(vocabulary: Iterable[str]) -> str:
    said = {"kind": "kind of time (service)", "what": "fate of transactions", "fleet_class": "class (class:NAME)"}
    *most, last = (said.get(name, name) for name in vocabulary)
    return f"{', '.join(most)} or {last}" if most else last
