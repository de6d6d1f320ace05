"""The link between a charge point and the network: how often it fails, for how long, how, and how slow it is.

A link follows a schedule of outages that depends on the run's seed and the charge point's number alone: not on what
the network does, nor on how a fleet is shared out. Draws of their own streams see to it.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Literal, NamedTuple

import msgspec

from loadtest.scenario.schedule import exponential_s, uniform

CLOSE: Literal["close"] = "close"
"""The charge point closes its WebSocket in good order."""
RESET: Literal["reset"] = "reset"
"""The connection is reset: the gateway sees a TCP RST."""
HALF_OPEN: Literal["half_open"] = "half_open"
"""The sockets stay and nothing passes: neither side is told."""

Ending = Literal["close", "reset", "half_open"]
"""How an outage ends the connection."""

_DRAWS = 3
_OWN_DRAW = 1 << 40
_REGION_DRAW = 1 << 41
_REGION_ENDING_DRAW = 1 << 42
_BAD_DRAW = 1 << 43
_JITTER_DRAW = 1 << 44

_DAY_S = 86_400
_TIMES = ("mean_up_s", "down_median_s")
_WEIGHTS = ("close_weight", "reset_weight", "half_open_weight")
_MAX_DELAY_S = 60.0
_LONGEST_S = 10 * 365 * _DAY_S
_SHORTEST_UP_S = 0.1
"""In seconds of the run, for a bad link: more outages than that are no link."""
_STANDARD_NORMAL = NormalDist()


class Outage(NamedTuple):
    """A time without a network, in seconds from the run's epoch.

    Attributes:
        start_s: When it begins.
        end_s: When connections can be made again.
        ending: What becomes of a connection that is there when it begins.
    """

    start_s: float
    end_s: float
    ending: Ending


class RegionalOutages(msgspec.Struct, frozen=True, kw_only=True):
    """Outages that hit every charge point of a region at once. Times in seconds, as in life.

    Attributes:
        regions: How many there are; charge point ``number`` belongs to region ``number`` modulo that.
        mean_between_s: Mean time from the end of one to the next in the same region, exponential.
        median_s: Median duration, log-normal.
        spread: Its geometric standard deviation: two thirds last between ``median_s`` divided by it and times it.
    """

    regions: int = 10
    mean_between_s: float = 30 * 86_400.0
    median_s: float = 3600.0
    spread: float = 2.0

    def faults(self, name: str) -> list[str]:
        """What cannot be run, one sentence each that begins with ``name``."""
        faults = [] if self.regions >= 1 else [f"{name}.regions: {self.regions} is not at least 1"]
        for each in ("mean_between_s", "median_s"):
            faults += _time_faults(f"{name}.{each}", getattr(self, each))
        return faults + _spread_faults(f"{name}.spread", self.spread)


class LinkModel(msgspec.Struct, frozen=True, kw_only=True):
    """What the link of a kind of charge point is like. Times in seconds.

    Attributes:
        mean_up_s: Mean time from the end of an outage to the next, exponential.
        down_median_s: Median duration of an outage, log-normal.
        down_spread: Its geometric standard deviation: two thirds of all outages last between ``down_median_s``
            divided by it and times it; 1: all last the same.
        bad_share: Share of charge points whose link is bad, 0 to 1.
        bad_factor: How many times as often a bad link fails.
        close_weight: How often, in relation to the other two, a connection ends by a closing handshake,
        reset_weight: by a TCP reset,
        half_open_weight: or not at all: it stays half-open.
        latency_s: Added on the way, in each direction.
        jitter_s: Up to so much more, at random for each piece of data; the order is kept.
        bandwidth_bit_s: Bits per second and direction; 0: not limited.
        regional: Outages of whole regions besides; None: there are none.
        time_scale: How many times faster than in life outages come and go, those of regions included. Latency and
            bandwidth are not scaled, nor is anything that OCPP times.
    """

    mean_up_s: float = 6 * 3600.0
    down_median_s: float = 15.0
    down_spread: float = 3.5
    bad_share: float = 0.0
    bad_factor: float = 10.0
    close_weight: float = 1.0
    reset_weight: float = 1.0
    half_open_weight: float = 1.0
    latency_s: float = 0.0
    jitter_s: float = 0.0
    bandwidth_bit_s: float = 0.0
    regional: RegionalOutages | None = None
    time_scale: float = 1.0

    def is_bad(self, seed: int, number: int) -> bool:
        """Whether a charge point belongs to the bad minority."""
        return uniform(seed, number, _BAD_DRAW) < self.bad_share

    def outage(self, seed: int, number: int, index: int, after_s: float) -> Outage:
        """A charge point's own outage ``index`` (from 0), which follows the end of the one before at ``after_s``.

        Both times are seconds of the run: ``time_scale`` is applied.
        """
        first = _OWN_DRAW + index * _DRAWS
        mean_up_s = self.mean_up_s / (self.bad_factor if self.is_bad(seed, number) else 1)
        start_s = after_s + exponential_s(mean_up_s, uniform(seed, number, first)) / self.time_scale
        down_s = log_normal(self.down_median_s, self.down_spread, uniform(seed, number, first + 1))
        return Outage(start_s, start_s + down_s / self.time_scale, self._ending(uniform(seed, number, first + 2)))

    def regional_outage(self, seed: int, region: int, index: int, after_s: float) -> tuple[float, float]:
        """Start and end of outage ``index`` of a region, which follows the end of the one before at ``after_s``."""
        assert self.regional is not None
        first = _REGION_DRAW + index * _DRAWS
        between_s = exponential_s(self.regional.mean_between_s, uniform(seed, region, first))
        down_s = log_normal(self.regional.median_s, self.regional.spread, uniform(seed, region, first + 1))
        start_s = after_s + between_s / self.time_scale
        return start_s, start_s + down_s / self.time_scale

    def regional_ending(self, seed: int, number: int, index: int) -> Ending:
        """How outage ``index`` of its region ends a charge point's connection."""
        return self._ending(uniform(seed, number, _REGION_ENDING_DRAW + index))

    def region_of(self, number: int) -> int:
        """The region of a charge point; 0 when there are none."""
        return number % self.regional.regions if self.regional is not None else 0

    def delay_s(self, seed: int, number: int, piece: int) -> float:
        """How long piece ``piece`` of a charge point's data is on the way, besides what the bandwidth makes of it."""
        return self.latency_s + self.jitter_s * uniform(seed, number, _JITTER_DRAW + piece)

    @property
    def delays(self) -> bool:
        """Data take longer than without the model."""
        return self.latency_s > 0 or self.jitter_s > 0 or self.bandwidth_bit_s > 0

    def down_s_per_day(self, *, bad: bool) -> float:
        """Mean time without a network in a day of life, by the charge point's own outages."""
        mean_down_s = self.down_median_s * math.exp(math.log(self.down_spread) ** 2 / 2)
        mean_up_s = self.mean_up_s / (self.bad_factor if bad else 1)
        return _DAY_S * mean_down_s / (mean_up_s + mean_down_s)

    def _ending(self, share: float) -> Ending:
        position = share * (self.close_weight + self.reset_weight + self.half_open_weight)
        if position < self.close_weight:
            return CLOSE
        return RESET if position < self.close_weight + self.reset_weight else HALF_OPEN

    def faults(self, name: str) -> list[str]:
        """What cannot be run, one sentence each that begins with ``name``; comparisons fail with NaN."""
        numbers: dict[str, float] = msgspec.structs.asdict(self)
        faults = [fault for each in _TIMES for fault in _time_faults(f"{name}.{each}", numbers[each])]
        if not 1e-3 <= self.time_scale <= 1e5:
            faults.append(f"{name}.time_scale: {self.time_scale:g} is not between 0.001 and 100000")
        faults += _spread_faults(f"{name}.down_spread", self.down_spread)
        if not 0 <= self.bad_share <= 1:
            faults.append(f"{name}.bad_share: {self.bad_share:g} is no share, 0 to 1")
        if not 1 <= self.bad_factor < math.inf:
            faults.append(f"{name}.bad_factor: {self.bad_factor:g} must be at least 1, and finite")
        faults += [
            f"{name}.{each}: {numbers[each]:g} must not be negative, and be finite"
            for each in (*_WEIGHTS, "bandwidth_bit_s")
            if not 0 <= numbers[each] < math.inf
        ]
        if all(numbers[each] == 0 for each in _WEIGHTS):
            faults.append(f"{name}.reset_weight: one of {', '.join(_WEIGHTS)} must be above 0")
        faults += [
            f"{name}.{each}: {numbers[each]:g} is not between 0 and {_MAX_DELAY_S:g} seconds"
            for each in ("latency_s", "jitter_s")
            if not 0 <= numbers[each] <= _MAX_DELAY_S
        ]
        if self.regional is not None:
            faults += self.regional.faults(f"{name}.regional")
        if not faults and self.mean_up_s / self.bad_factor / self.time_scale < _SHORTEST_UP_S:
            faults.append(
                f"{name}.mean_up_s: {self.mean_up_s:g} leaves a bad link less than {_SHORTEST_UP_S:g} s between outages"
                " (divided by bad_factor and time_scale)"
            )
        return faults


def log_normal(median: float, spread: float, share: float) -> float:
    """The quantile of ``share`` in [0, 1) of the log-normal with that median and geometric standard deviation."""
    return median * math.exp(math.log(spread) * _STANDARD_NORMAL.inv_cdf(max(share, 2.0**-54)))


def _time_faults(name: str, value: float) -> list[str]:
    return [] if 0 < value <= _LONGEST_S else [f"{name}: {value:g} must be above 0, and at most ten years in seconds"]


def _spread_faults(name: str, spread: float) -> list[str]:
    return [] if 1 <= spread <= 100 else [f"{name}: {spread:g} is not between 1 (all the same) and 100"]
