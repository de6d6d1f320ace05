"""Storms: many charge points lose their connection at once, or all come up at once; how long until they are back.

Everything follows from the instants at which charge points were lost and registered, to the millisecond, and from
what was counted second by second. A storm's depth is the level before it less the lowest in it
(:mod:`loadtest.measure.storm_levels`); that a share is back means that the level has risen by that share of the depth.
"""

from __future__ import annotations

import math
from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from loadtest.measure.storm_levels import OVER_SHARE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from loadtest.measure.storm_levels import Levels

WINDOW_S = 10.0
LOST_SHARE = 0.1
"""A storm is the loss of more than this share of the fleet within :data:`WINDOW_S`, less who is back by then."""
SHARES = (50, 90, 99, 100)
"""Percent of the charge points away, for whose return the time is told."""

_MS_PER_S = 1000


class StormSecond(NamedTuple):
    """What was counted in one second.

    Attributes:
        received_bytes: Counted by an embedded gateway.
        backlog: At the second's end.
        failures: Attempts to connect that came to nothing, by cause.
    """

    second: int
    attempts: int = 0
    connects: int = 0
    refused: int = 0
    failed: int = 0
    timed_out: int = 0
    sent: int = 0
    received_bytes: int = 0
    backlog: int = 0
    failures: Mapping[str, int] = MappingProxyType({})


class Storm(msgspec.Struct, kw_only=True):
    """The figures of one storm. Times in seconds; those called ``after`` count from ``start_s``.

    Attributes:
        kind: ``boot`` when the whole fleet came up, ``reconnect`` when it came back.
        phase: The phase it began in.
        start_s: When the first charge point was lost, or was to connect, in seconds after the run's start.
        away: Depth: how many charge points were away together.
        back_after_s: When 50, 90, 99 and 100 % of them were registered (again), by percent; what was never reached is
            left out.
        most_connects_per_s: Handshakes that succeeded in the busiest second.
        mean_connects_per_s: Handshakes that succeeded, per second until 99 % were back, or until the end.
        attempts: Connections attempted until then.
        refused: Of them, handshakes turned down by the gateway.
        failed: Of them, those for which there was no connection, or that lost it during the handshake.
        timed_out: Of them, those given up because they took too long.
        failures: The last three together by cause: ``http_503`` and other statuses, ``connection_refused`` and others
            of :mod:`loadtest.engine.connect_failures`; the commonest first.
        most_messages_per_s: CALLs sent in the busiest second.
        most_bytes_per_s: Bytes an embedded gateway received in the busiest second; 0 when nobody counted.
        backlog_most: Most transaction messages that waited in charge points at the end of a second.
        backlog_drained_after_s: When no more of them waited than before; ``None``: not before the end.
        register_p99_us: Of registrations in the phases of the storm, from the instant they were due.
        transaction_p99_us: Of answers to transaction messages in those phases, from the instant they were due.
    """

    kind: str
    phase: str
    start_s: float
    away: int
    back_after_s: dict[int, float] = {}
    most_connects_per_s: int = 0
    mean_connects_per_s: float = 0.0
    attempts: int = 0
    refused: int = 0
    failed: int = 0
    timed_out: int = 0
    failures: dict[str, int] = {}
    most_messages_per_s: int = 0
    most_bytes_per_s: int = 0
    backlog_most: int = 0
    backlog_drained_after_s: float | None = None
    register_p99_us: int = 0
    transaction_p99_us: int = 0


def most_lost(charge_points: int) -> int:
    """How many of a fleet may be lost together without its being a storm."""
    return math.floor(LOST_SHARE * charge_points)


def boot_storm(levels: Levels, charge_points: int, start_s: float, end_s: float, phase: str) -> Storm:
    """The figures of a fleet of ``charge_points`` that comes up from ``start_s`` on."""
    storm = Storm(kind="boot", phase=phase, start_s=round(start_s, 3), away=charge_points)
    _fill_returns(storm, levels, charge_points, start_s * _MS_PER_S, end_s * _MS_PER_S)
    return storm


def reconnect_storms(levels: Levels, charge_points: int, start_s: float, end_s: float) -> list[Storm]:
    """Every storm between two instants, without what was counted by the second, and without its phase."""
    end_ms = end_s * _MS_PER_S
    lost_ms = levels.lost_ms[(levels.lost_ms >= start_s * _MS_PER_S) & (levels.lost_ms < end_ms)]
    more = most_lost(charge_points)  # so many more after the first make it a storm
    spans = lost_ms[more:] - lost_ms[: max(len(lost_ms) - more, 0)]
    begins = _begins(levels, lost_ms[: len(spans)], spans, more, end_ms)
    found: list[tuple[Storm, int, float]] = []
    begin = next(iter(begins), None)
    while begin is not None:
        begin = _after_strays(begin, begins, spans)
        begin_ms = float(lost_ms[begin])
        level = levels.before(begin_ms)
        dip = levels.dip(begin_ms, end_ms, level, more)
        storm = Storm(kind="reconnect", phase="", start_s=begin_ms / _MS_PER_S, away=dip.depth)
        found.append((storm, level, dip.lowest_ms))
        over_ms = math.inf if dip.over_ms is None else dip.over_ms
        begin = next((later for later in begins if later > begin + more and lost_ms[later] > over_ms), None)
    watched_ms = [*(storm.start_s * _MS_PER_S for storm, _, _ in found[1:]), end_ms]
    for (storm, level, lowest_ms), until_ms in zip(found, watched_ms, strict=False):
        _fill_returns(storm, levels, level, lowest_ms, until_ms)
    return [storm for storm, _, _ in found]


def _begins(
    levels: Levels, lost_ms: NDArray[np.int64], spans: NDArray[np.int64], more: int, end_ms: float
) -> list[int]:
    """The losses that ``more`` others follow within the window, in which the level falls by more than that as well.

    Not one after the other, or others back meanwhile: then never many are away, or not together.
    """
    dense = np.flatnonzero(spans <= WINDOW_S * _MS_PER_S)
    from_ms = lost_ms[dense]
    falls = levels.falls(from_ms, np.minimum(from_ms + WINDOW_S * _MS_PER_S + 1, end_ms))
    begins: list[int] = dense[falls > more].tolist()
    return begins


def _after_strays(begin: int, begins: Sequence[int], spans: NDArray[np.int64]) -> int:
    """A storm begins with its burst: strays in the seconds before do not count."""
    possible = set(begins)
    while begin + 1 in possible and spans[begin + 1] * 2 < spans[begin]:
        begin += 1
    return begin


def _fill_returns(storm: Storm, levels: Levels, level: int, lowest_ms: float, end_ms: float) -> None:
    for share in SHARES:
        wanted = level - storm.away + math.ceil(storm.away * share / 100)
        at_ms = levels.reached(wanted, lowest_ms, end_ms)
        if at_ms is not None:
            storm.back_after_s[share] = round(at_ms / _MS_PER_S - storm.start_s, 3)


def fill_counts(storm: Storm, seconds: Sequence[StormSecond], end_s: float) -> None:
    """Add what was counted second by second, from the storm's first second to that in which it was over.

    Args:
        storm: Whose figures.
        seconds: Every second of the run, in order.
        end_s: Until when the storm was watched.
    """
    over_s = min(storm.start_s + storm.back_after_s.get(OVER_SHARE, math.inf), end_s)
    during = [second for second in seconds if math.floor(storm.start_s) <= second.second < math.ceil(over_s)]
    storm.attempts = sum(second.attempts for second in during)
    storm.refused = sum(second.refused for second in during)
    storm.failed = sum(second.failed for second in during)
    storm.timed_out = sum(second.timed_out for second in during)
    failures: Counter[str] = Counter()
    for second in during:
        failures.update(second.failures)
    storm.failures = dict(failures.most_common())
    storm.most_connects_per_s = max((second.connects for second in during), default=0)
    connects = sum(second.connects for second in during)
    storm.mean_connects_per_s = round(connects / max(over_s - storm.start_s, 0.001), 1)
    storm.most_messages_per_s = max((second.sent for second in during), default=0)
    storm.most_bytes_per_s = max((second.received_bytes for second in during), default=0)
    _fill_backlog(storm, seconds, over_s, end_s)


def _fill_backlog(storm: Storm, seconds: Sequence[StormSecond], over_s: float, end_s: float) -> None:
    """The backlog is known at the ends of seconds only. What piles up once the storm has left none is another's."""
    before = [second.backlog for second in seconds if second.second + 1 <= storm.start_s]
    usual = before[-1] if before else 0
    watched = [second for second in seconds if storm.start_s < second.second + 1 <= end_s]
    settled = (at for at, second in enumerate(watched) if second.second + 1 >= over_s and second.backlog <= usual)
    watched = watched[: next(settled, len(watched)) + 1]
    peak = max(watched, key=lambda second: second.backlog, default=None)
    if peak is None or peak.backlog <= usual:
        storm.backlog_drained_after_s = 0.0
        return
    storm.backlog_most = peak.backlog
    drained = next(
        (second.second + 1 for second in watched if second.second > peak.second and second.backlog <= usual), None
    )
    storm.backlog_drained_after_s = None if drained is None else round(drained - storm.start_s, 3)
