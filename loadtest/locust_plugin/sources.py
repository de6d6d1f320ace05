"""Which processes report in a run, and the last each one said."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from loadtest.locust_plugin import wire

if TYPE_CHECKING:
    from loadtest.measure.interval import IntervalReport


class UnderWay(NamedTuple):
    """CALLs of one phase that have not arrived.

    Attributes:
        missing: How many; 1 or more.
        link_cut: How many CALLs of the phase links took the connection of: they may have arrived, and may not.
        last_sent_s: By when after the run's epoch the last CALL of the phase had been sent.
    """

    missing: int
    link_cut: int
    last_sent_s: int


class Sources:
    """Engines and subscribers of all workers, by source name such as ``worker-0/engine-1``."""

    def __init__(self) -> None:
        self._roles: dict[str, str] = {}
        self._workers: dict[str, str] = {}
        self._last: dict[str, IntervalReport] = {}
        self._lost: set[str] = set()
        self._sent: dict[tuple[str, str], int] = {}
        self._last_sent_s: dict[str, int] = {}

    def add(self, source: str, role: str, worker: str) -> None:
        """A child of a worker is ready."""
        self._roles[source] = role
        self._workers[source] = worker

    def __contains__(self, source: str) -> bool:
        """Whether it is one of ours."""
        return source in self._roles

    def take(self, source: str, report: IntervalReport) -> None:
        """A report came; a final one stands whatever comes after it."""
        last = self._last.get(source)
        if last is None or not last.final:
            self._last[source] = report
            self._note_sendings(source, report)

    def _note_sendings(self, source: str, report: IntervalReport) -> None:
        sent = Counter[str]()
        for row in report.operations:
            sent[row.phase] += row.sent
        for phase, count in sent.items():
            if count > self._sent.get((source, phase), 0):
                self._sent[source, phase] = count
                self._last_sent_s[phase] = max(self._last_sent_s.get(phase, 0), report.index + 1)

    def lose(self, source: str) -> None:
        """Nothing more will come from a child."""
        self._lost.add(source)

    def lose_worker(self, worker: str) -> list[str]:
        """Nothing more will come from a worker; returns its children."""
        children = [source for source, owner in self._workers.items() if owner == worker]
        self._lost.update(children)
        return children

    def workers(self) -> set[str]:
        """Workers with children that can still report."""
        return {worker for source, worker in self._workers.items() if source not in self._lost}

    def ready(self, role: str) -> int:
        """How many children of a role are ready."""
        return sum(known == role for known in self._roles.values())

    def missing_final(self, role: str) -> list[str]:
        """Children of a role whose final report is still to come."""
        return [
            source
            for source, known in self._roles.items()
            if known == role and source not in self._lost and not (source in self._last and self._last[source].final)
        ]

    @property
    def registered(self) -> int:
        """Charge points that have registered at least once."""
        return sum(report.gauges.get("registered_ever", 0) for report in self._of(wire.ENGINE))

    @property
    def never_by_link(self) -> int:
        """Charge points that never have, because their own links are down."""
        return sum(report.gauges.get("never_by_link", 0) for report in self._of(wire.ENGINE))

    @property
    def all_in_vain(self) -> bool:
        """Charge points have tried to connect, none ever could, and every attempt would fail again."""
        ended = sum(self._counted(f"connect_{how}") for how in ("refused", "failed", "timed_out"))
        return 0 < ended == self._counted("connect_in_vain") and not self._counted("connects")

    @property
    def under_way(self) -> list[UnderWay]:
        """What of each phase was sent and has not arrived, by the last reports."""
        sent, arrived, link_cut = Counter[str](), Counter[str](), Counter[str]()
        for report in self._of(wire.ENGINE):
            for row in report.operations:
                sent[row.phase] += row.sent
                link_cut[row.phase] += row.link_cut
        for report in self._of(wire.SUBSCRIBER):
            for delivered in report.deliveries:
                arrived[delivered.phase] += delivered.delivered
        return [
            UnderWay(sent[phase] - arrived[phase], link_cut[phase], self._last_sent_s[phase])
            for phase in sent
            if sent[phase] > arrived[phase]
        ]

    @property
    def arrived(self) -> int:
        """CALLs that have reached a subscriber, each counted once."""
        return sum(row.delivered for report in self._of(wire.SUBSCRIBER) for row in report.deliveries)

    @property
    def commands_pending(self) -> int:
        """What subscribers wait for before charge points may go; nothing when they send no commands."""
        return sum(
            self._last[source].gauges.get("csms.commands_pending", 0)
            for source, role in self._roles.items()
            if role == wire.SUBSCRIBER and source in self._last and source not in self._lost
        )

    def _counted(self, name: str) -> int:
        return sum(report.counters.get(f"engine.{name}", 0) for report in self._of(wire.ENGINE))

    def _of(self, role: str) -> list[IntervalReport]:
        return [report for source, report in self._last.items() if self._roles.get(source) == role]
