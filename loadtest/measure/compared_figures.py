"""One figure in all arms of a comparison, and how it changes from each to the next."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

WORSE: Final = "worse"
BETTER: Final = "better"
ALIKE: Final = "alike"
UNDECIDED: Final = "undecided"

LATENCY: Final = "latency"
THROUGHPUT: Final = "throughput"
LOSS: Final = "loss"
REGISTERED: Final = "registered"
BACK: Final = "back"
TRANSACTION_LOSS: Final = "transaction loss"
TRANSACTION_DELAY: Final = "transaction delay"
BROKER_CPU: Final = "broker cpu"
GATEWAY_CPU: Final = "gateway cpu"
BROKER_MEMORY: Final = "broker memory"
GATEWAY_MEMORY: Final = "gateway memory"
ENGINE_CPU: Final = "engine cpu"
TOGETHER_CPU: Final = "broker and gateway cpu"
TOGETHER_SHARE: Final = "broker and gateway memory share"
ENGINE_SHARE: Final = "engine memory share"
BROKER_SHARE: Final = "broker memory share"
GATEWAY_SHARE: Final = "gateway memory share"
SESSION_BYTES: Final = "session bytes"
CHARGE_POINT_BYTES: Final = "charge point bytes"

SHARES = frozenset({LOSS, TRANSACTION_LOSS, TRANSACTION_DELAY})
"""What may be 0, as it should be: any that is really more matters."""
COSTS = (
    ENGINE_CPU,
    BROKER_CPU,
    GATEWAY_CPU,
    TOGETHER_CPU,
    BROKER_MEMORY,
    GATEWAY_MEMORY,
    ENGINE_SHARE,
    BROKER_SHARE,
    GATEWAY_SHARE,
    TOGETHER_SHARE,
    SESSION_BYTES,
    CHARGE_POINT_BYTES,
)
"""What it takes to carry the load: told, but no regression."""

ALL_ACTIONS = "all actions"

Finding = Literal["worse", "better", "alike", "undecided"]
Quantity = Literal[
    "latency",
    "throughput",
    "loss",
    "registered",
    "back",
    "broker cpu",
    "gateway cpu",
    "broker memory",
    "gateway memory",
    "transaction loss",
    "transaction delay",
    "engine cpu",
    "engine memory share",
    "broker memory share",
    "gateway memory share",
    "broker and gateway cpu",
    "broker and gateway memory share",
    "session bytes",
    "charge point bytes",
]


class Change(msgspec.Struct, kw_only=True):
    """One figure of two arms.

    Attributes:
        baseline: The arm that is held against.
        candidate: The arm that is held against it.
        change_percent: From baseline to candidate; of a loss in percentage points.
        low_percent: Lower end of the confidence interval of the change; ``None``: too few runs for one.
        high_percent: Its upper end.
        p_value: Corrected for all figures of all pairs of arms.
        finding: ``worse`` and ``better``: a difference that is real and matters; ``alike``: none that matters;
            ``undecided``: the repeats cannot tell.
        repeats_needed: In each arm, to see a change as large as the tolerance; only where undecided.
    """

    baseline: str
    candidate: str
    change_percent: float
    low_percent: float | None
    high_percent: float | None
    p_value: float
    finding: Finding
    repeats_needed: int | None = None

    def reversed(self, *, shares: bool) -> Change:
        """The same from candidate to baseline; ``shares``: the change is in percentage points."""

        def turned(percent: float) -> float:
            return -percent if shares else 100 * (1 / (1 + percent / 100) - 1)

        return msgspec.structs.replace(
            self,
            baseline=self.candidate,
            candidate=self.baseline,
            change_percent=turned(self.change_percent),
            low_percent=None if self.high_percent is None else turned(self.high_percent),
            high_percent=None if self.low_percent is None else turned(self.low_percent),
            finding={WORSE: BETTER, BETTER: WORSE}.get(self.finding, self.finding),
        )


class ComparedFigure(msgspec.Struct, kw_only=True):
    """One figure in all arms that have it.

    Attributes:
        name: What people call it, and what ``--rank`` takes.
        quantity: What it is; ``back``: seconds until 99 % of the charge points that were lost together were back,
            ``registered``: from the beginning of the ramp until 99 % of the fleet were; ``memory share``: what it grew
            by, for each charge point.
        unit: Of the values: ``µs``, ``messages/s``, ``%``, ``per 100 transactions``, ``s``, ``µs/message`` or
            ``bytes``.
        phase: Empty for the whole run.
        leg: Of a latency.
        action: Of a latency; ``all actions`` for all together.
        percent: Of a latency.
        fleet_class: Of the charge points of one class; empty: of all.
        values: By arm, one of each run that counts.
        means: By arm: geometric, of losses arithmetic.
        changes: Of each pair of arms that was looked at.
    """

    name: str
    quantity: Quantity
    unit: str
    phase: str = ""
    leg: str = ""
    action: str = ""
    percent: float = 0.0
    fleet_class: str = ""
    values: dict[str, list[float]] = {}
    means: dict[str, float] = {}
    changes: list[Change] = []

    @property
    def decides(self) -> bool:
        """Whether it can make a regression: what it costs to carry the load cannot."""
        return self.quantity not in COSTS

    def change(self, baseline: str, candidate: str) -> Change | None:
        """From the one arm to the other, whichever way it was looked at; ``None`` when it was not."""
        for change in self.changes:
            if (change.baseline, change.candidate) == (baseline, candidate):
                return change
            if (change.baseline, change.candidate) == (candidate, baseline):
                return change.reversed(shares=self.unit == "%")
        return None
