"""What a measuring process reports each second; the unit of exchange between processes.

Histograms are deltas of that second. Counters and ledgers are running totals, so the last report that
arrives is complete by itself: a killed process loses at most its last second.
"""

from __future__ import annotations

import msgspec

from loadtest.measure.run_totals import OperationTotals


class Series(msgspec.Struct, frozen=True):
    """The samples of one tag in one interval.

    Attributes:
        tag: ``<phase>.<leg>.<action>.<intended|service>``, see :mod:`loadtest.measure.tags`.
        blob: HdrHistogram V2 compressed encoding (raw bytes, not base64), values in µs.
        min_us: Exact smallest recorded value.
        max_us: Exact largest recorded value, also when it lies above the histogram's range.
        overflow: Samples above the highest trackable value, counted there as the highest trackable.
        non_positive: Samples of 0 µs or less, counted as 1 µs.
    """

    tag: str
    blob: bytes
    min_us: int
    max_us: int
    overflow: int = 0
    non_positive: int = 0


class OperationRow(OperationTotals):
    """Fates of one action's operations in one phase, as totals since the start, at the side that makes the CALLs.

    ``offered = dropped + sent`` and
    ``sent = answered + call_error + timed_out + cut_off + link_cut + expired + unfinished``.
    ``cut_off`` is what the system under test let fall with a connection, ``link_cut`` what ended because the charge
    point's own link, a fault that cut it, or its own restart took the connection away. ``expired`` are commands that
    were never delivered because their charge point was away for longer than they were worth waiting for.
    """

    phase: str
    action: str


class DeliveryRow(msgspec.Struct):
    """Arrivals of one action's CALLs in one phase, as totals since the start (the subscriber's side).

    ``delivered`` counts each message once; ``duplicated`` its further arrivals; ``reordered`` those that arrived
    after a later one of the same charge point.
    """

    phase: str
    action: str
    delivered: int = 0
    duplicated: int = 0
    reordered: int = 0


class CommandArrivalRow(DeliveryRow):
    """Arrivals of one action's commands in one phase at charge points; ``replied``: how many of them were answered."""

    replied: int = 0


class AnswerRow(msgspec.Struct):
    """How often charge points gave one answer to the commands of one action, as a total since the start.

    ``answer`` is the ``status`` of the answer, :data:`NO_STATUS` where the action's answer has none, the code of a
    CALLERROR, or :data:`INVALID`.
    """

    action: str
    answer: str
    count: int = 0


NO_STATUS = "answered"
INVALID = "invalid"
"""The payload does not fit the official schema of the action's response."""


class Health(msgspec.Struct):
    """The state of the reporting process itself over the interval; ``rss_bytes_first`` is from before its work."""

    cpu_ns: int = 0
    rss_bytes: int = 0
    rss_bytes_first: int = 0
    loop_lag_max_us: int = 0
    gc_pauses: int = 0
    gc_pause_max_us: int = 0
    backlog_bytes: int = 0
    coalesced_intervals: int = 0


class ChargePointWindow(msgspec.Struct, array_like=True):
    """Which sequence numbers of one charge point a subscriber has seen.

    All below ``base``, and ``base + k`` for each bit ``k`` set in ``bits`` (little-endian bytes).
    """

    charge_point: int
    base: int
    bits: bytes = b""


class SentCounts(msgspec.Struct):
    """How many CALLs each charge point of one cohort sent: 32-bit little-endian counts from ``first`` on."""

    first: int
    counts: bytes


class RegionalOutage(msgspec.Struct, kw_only=True):
    """The network of a region fails: when, in seconds after the run's epoch, and for how many charge points.

    Regions are counted from 0, those of each link model by themselves.
    """

    region: int
    start_s: float
    end_s: float
    charge_points: int


class ClassReport(msgspec.Struct, kw_only=True):
    """What one process reports of the charge points of one class, in a run that has several.

    Samples are told here alone, and belong to the whole run as well; everything else is in the report's own totals too.

    Attributes:
        series: Histograms of the interval.
        operations: Operation ledger so far (engines).
        deliveries: Leg ledger so far (subscribers).
        counters: Other running totals, by the names of the report's own (engines).
        registered_ever: How many have been registered (engines).
        transactions_started: How many transactions have begun so far (engines).
    """

    series: list[Series] = []
    operations: list[OperationRow] = []
    deliveries: list[DeliveryRow] = []
    counters: dict[str, int] = {}
    registered_ever: int = 0
    transactions_started: int = 0


class IntervalReport(msgspec.Struct, kw_only=True):
    """One process's report for one interval.

    Attributes:
        index: Interval number: whole seconds since the run's epoch.
        final: No further report follows; ``sent`` and ``seen`` are filled in only here.
        series: Histograms of the interval, but for those of ``classes``.
        operations: Operation ledger so far (engines).
        deliveries: Leg ledger so far (subscribers).
        counters: Other running totals by name, such as ``gateway.upstream_calls`` or ``csms.foreign``.
        gauges: States now by name, such as ``connected`` or ``registered``.
        commands: Ledger of the central system's commands so far (subscribers).
        command_answers: What charge points said to them so far (subscribers).
        downlink: Commands that have arrived so far (engines).
        replies: Answers to commands that have arrived so far (subscribers).
        reply_instants: When answers to commands were written (engines) or arrived (subscribers) in the interval, see
            :mod:`loadtest.measure.reply_join`.
        registered_ms: When charge points were registered on a new connection, in ms after the run's epoch, 32 bits
            each in the byte order of the host (engines).
        lost_ms: When the connections of such ended (engines).
        regional_outages: Those that began in the interval, with the charge points of this process (engines).
        transaction_sendings: What became of transaction messages in the interval, see
            :mod:`loadtest.measure.transaction_records` (engines).
        transaction_arrivals: Which of them arrived in the interval (subscribers).
        transactions_started: How many transactions have begun so far (engines).
        transactions_stopped: Which transactions ended in the interval: charge point above 32 bits of its own count,
            64 bits each, little-endian (engines).
        calls_in_flight: CALLs that may have been lost with their charge points' links in the interval, see
            :mod:`loadtest.measure.link_cuts` (engines).
        absences: From when to when links and restarts kept charge points away, told when they are back (engines).
        commands_unanswered: Commands given up in the interval (subscribers).
        classes: What of all this is of one class, by its name; empty where the fleet has only one.
        health: The process's own state.
        sent: Per charge point totals, for naming what was lost (engines).
        seen: Per charge point windows (subscribers).
        commands_sent: Per charge point totals of commands (subscribers); final reports only.
        commands_seen: Per charge point windows of commands (engines); final reports only.
    """

    index: int
    final: bool = False
    series: list[Series] = []
    operations: list[OperationRow] = []
    deliveries: list[DeliveryRow] = []
    counters: dict[str, int] = {}
    gauges: dict[str, int] = {}
    commands: list[OperationRow] = []
    command_answers: list[AnswerRow] = []
    downlink: list[CommandArrivalRow] = []
    replies: list[DeliveryRow] = []
    reply_instants: bytes = b""
    registered_ms: bytes = b""
    lost_ms: bytes = b""
    regional_outages: list[RegionalOutage] = []
    transaction_sendings: bytes = b""
    transaction_arrivals: bytes = b""
    transactions_started: int = 0
    transactions_stopped: bytes = b""
    calls_in_flight: bytes = b""
    absences: bytes = b""
    commands_unanswered: bytes = b""
    classes: dict[str, ClassReport] = {}
    health: Health = msgspec.field(default_factory=Health)
    sent: list[SentCounts] = []
    seen: list[ChargePointWindow] = []
    commands_sent: list[SentCounts] = []
    commands_seen: list[ChargePointWindow] = []
