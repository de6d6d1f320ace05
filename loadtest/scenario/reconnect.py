"""How long a charge point waits before it connects again: the policies of stacks in the field, as data.

Which wait comes next follows from how often it has failed, from the wait before, and from one uniform draw.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import accumulate

import msgspec

_FAILURES_COUNTED = 30
"""More doublings than this change nothing that anybody waits for."""

_DAY_S = 86_400


class BackOff(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The back-off of OCPP 2.0.1 (part 4, section 5.3), which many stacks for 1.6 follow too.

    The first wait is the minimum and something random. After each failure the wait is doubled and something random
    is added again, until it has been doubled so many times; then it stays what it is. Without randomness and
    doublings it is a fixed delay.

    Attributes:
        minimum_s: ``RetryBackOffWaitMinimum``.
        random_s: ``RetryBackOffRandomRange``: at most so much is added.
        doublings: ``RetryBackOffRepeatTimes``.
        whole_seconds: What is added is 0, 1, 2, … seconds up to ``random_s``, not anything between.
    """

    minimum_s: float
    random_s: float = 0.0
    doublings: int = 0
    whole_seconds: bool = False

    def wait_s(self, failures: int, previous_s: float, share: float) -> float:
        """The wait after ``failures`` failures in a row, ``previous_s`` being the one before."""
        if failures > self.doublings:
            return previous_s
        added_s = math.floor(share * (self.random_s + 1)) if self.whole_seconds else share * self.random_s
        return (2 * previous_s if failures else self.minimum_s) + added_s

    def faults(self, name: str) -> list[str]:
        """What cannot be run, one sentence each that begins with ``name``."""
        faults = _out_of_range(f"{name}.minimum_s", self.minimum_s) + _out_of_range(f"{name}.random_s", self.random_s)
        if self.minimum_s == self.random_s == 0:
            faults += [f"{name}.minimum_s: no wait at all would connect in an endless loop; give some"]
        if not 0 <= self.doublings <= _FAILURES_COUNTED:
            faults += [f"{name}.doublings: {self.doublings} is not between 0 and {_FAILURES_COUNTED}"]
        return faults


class CappedDoubling(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A wait that doubles up to a longest one, each time plus up to as much again at random.

    Attributes:
        minimum_s: The first.
        maximum_s: The longest, before what is random.
    """

    minimum_s: float = 1.0
    maximum_s: float = 30.0

    def wait_s(self, failures: int, previous_s: float, share: float) -> float:
        """The wait after ``failures`` failures in a row."""
        return min(self.maximum_s, self.minimum_s * float(2 ** min(failures, _FAILURES_COUNTED))) * (1 + share)

    def faults(self, name: str) -> list[str]:
        """What cannot be run, one sentence each that begins with ``name``."""
        faults = _out_of_range(f"{name}.minimum_s", self.minimum_s) + _out_of_range(f"{name}.maximum_s", self.maximum_s)
        if self.minimum_s == 0:
            faults += [f"{name}.minimum_s: no wait at all would connect in an endless loop; give some"]
        if 0 <= self.maximum_s < self.minimum_s:
            faults += [f"{name}.maximum_s: {self.maximum_s:g} is below minimum_s {self.minimum_s:g}"]
        return faults


Policy = BackOff | CappedDoubling
"""One way to wait."""


class Mixture(msgspec.Struct, frozen=True, tag=True):
    """Charge points of several makes: each keeps one of the policies.

    Attributes:
        parts: Pairs of weight and policy: ``((3, LIBOCPP), (1, OCPP_GO))``.
    """

    parts: tuple[tuple[float, Policy], ...]

    def faults(self, name: str) -> list[str]:
        """What cannot be run, one sentence each that begins with ``name``."""
        faults = [
            fault for index, (_, each) in enumerate(self.parts) for fault in each.faults(f"{name}.parts[{index}]")
        ]
        weights = [weight for weight, _ in self.parts]
        if not all(0 <= weight < math.inf for weight in weights) or not sum(weights) > 0:
            faults += [f"{name}.parts: weights must not be negative, and be finite and not all 0"]
        return faults


ReconnectPolicy = BackOff | CappedDoubling | Mixture
"""What a profile may say about connecting again."""


def policy_of(reconnect: ReconnectPolicy, share: float) -> Policy:
    """The policy of the charge point that has drawn ``share``, uniform in [0, 1), once and for all."""
    if not isinstance(reconnect, Mixture):
        return reconnect
    bounds = list(accumulate(weight for weight, _ in reconnect.parts))
    return reconnect.parts[bisect_right(bounds, share * bounds[-1], hi=len(bounds) - 1)][1]


def fixed(wait_s: float) -> BackOff:
    """Always the same wait: everybody comes back at once."""
    return BackOff(minimum_s=wait_s)


OCPP_GO = BackOff(minimum_s=10, random_s=15, doublings=4, whole_seconds=True)
"""lorenzodonini/ocpp-go: 10 s and 0 to 15 whole seconds, doubled four times. Waves come a second apart."""

LIBOCPP = BackOff(minimum_s=3, random_s=10, doublings=3, whole_seconds=True)
"""EVerest/libocpp: 3 s and 0 to 10 whole seconds, doubled three times."""

SAP_SIMULATOR_201 = BackOff(minimum_s=30, random_s=10, doublings=5)
"""SAP e-mobility simulator with OCPP 2.0.1: 30 s and up to 10 s, doubled five times."""

SAP_SIMULATOR_16 = fixed(30)
"""SAP e-mobility simulator with OCPP 1.6: 30 s."""

MICRO_OCPP = fixed(5)
"""MicroOcpp: 5 s."""

POLICIES = {
    "ocpp_go": OCPP_GO,
    "libocpp": LIBOCPP,
    "sap_simulator_201": SAP_SIMULATOR_201,
    "sap_simulator_16": SAP_SIMULATOR_16,
    "micro_ocpp": MICRO_OCPP,
}
"""Those of real stacks, by name."""


def _out_of_range(name: str, value: float) -> list[str]:
    """Whether a number is outside its range; written so that NaN is."""
    return [] if 0 <= value <= _DAY_S else [f"{name}: {value:g} is not between 0 and {_DAY_S} seconds"]
