"""The figures of a run in short: its ledgers, each in one row, and its latencies, each series in one."""

from __future__ import annotations

import msgspec

ALL_TOGETHER = "all"
"""In place of an action, in the name of a series of all of them."""


class OperationTotals(msgspec.Struct, kw_only=True):
    """The operation ledger in one row; the fates are those of :class:`loadtest.measure.interval.OperationRow`."""

    offered: int = 0
    dropped: int = 0
    sent: int = 0
    answered: int = 0
    call_error: int = 0
    timed_out: int = 0
    cut_off: int = 0
    link_cut: int = 0
    expired: int = 0
    unfinished: int = 0


class DeliveryTotals(msgspec.Struct, kw_only=True):
    """The leg ledger in one row; all but ``observed`` mean nothing when no subscriber took part.

    ``link_cut`` vanished with charge points' own links; ``lost`` is what the system under test lost.
    """

    observed: bool = False
    delivered: int = 0
    link_cut: int = 0
    lost: int = 0
    lost_charge_points: int = 0
    duplicated: int = 0
    reordered: int = 0


class CommandSummary(msgspec.Struct, kw_only=True):
    """The commands of one action: their fates, and how often charge points gave which answer.

    ``answers`` is by the names of :class:`loadtest.measure.interval.AnswerRow`, the commonest first.
    """

    action: str
    operations: OperationTotals
    answers: dict[str, int] = {}


class CommandTotals(msgspec.Struct, kw_only=True):
    """The books of the central system's commands in short; in full they stand in ``ledger.json``."""

    operations: OperationTotals
    by_action: list[CommandSummary]
    downlink: DeliveryTotals
    replies: DeliveryTotals


class TransactionTotals(msgspec.Struct, kw_only=True):
    """The ledger of transactions in one row, as in :class:`loadtest.measure.transaction_ledger.TransactionLedger`."""

    started: int = 0
    stopped: int = 0
    complete: int = 0
    flawed: int = 0
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    late: int = 0
    pending: int = 0
    energy_checked: int | None = 0
    energy_backwards: int | None = 0


class HopCount(msgspec.Struct):
    """One place on the way that counted the same messages.

    ``way`` is ``up`` (CALLs of charge points) or ``back`` (their answers), ``down`` (commands) or ``reply`` (their
    answers).
    """

    way: str
    counted_by: str
    count: int


class LatencySummary(msgspec.Struct, kw_only=True):
    """One series in figures; percentiles are HdrHistogram's, extremes exact."""

    tag: str
    count: int
    min_us: int
    p50_us: int
    p90_us: int
    p99_us: int
    p999_us: int
    max_us: int
    mean_us: float
    overflow: int
    non_positive: int


class ClassTotals(msgspec.Struct, kw_only=True):
    """What the charge points of one class have to show, in a run that has several. The classes add up to the run.

    Commands, storms and health are of the whole run only.

    Attributes:
        name: Of the class; ``beyond-fleet`` for charge points added while the run went on, whose class no number tells.
        charge_points: How many there were to be; 0 beyond the fleet.
        registered: How many were ever registered.
        operations: Fates of their operations.
        deliveries: What arrived of their messages.
        transactions: What became of their transactions; ``None`` when nobody had any. Energy is of the whole run only.
        counters: The engines' running totals for them, by name.
        latency: Their series; all samples are in ``latency-classes.hlog``.
        all_actions: The same with all actions of a leg in one series, whose action is ``all``.
    """

    name: str
    charge_points: int
    registered: int
    operations: OperationTotals
    deliveries: DeliveryTotals
    transactions: TransactionTotals | None = None
    counters: dict[str, int] = {}
    latency: list[LatencySummary] = []
    all_actions: list[LatencySummary] = []
