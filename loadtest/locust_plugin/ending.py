"""How a run ends: the tail is collected, the record and the reports are written, the parts are taken down.

The drain is a barrier: no sample that exists is lost, whatever Locust does next. It has four steps of at most
``--drain-timeout`` each; who is in a hurry has children report at once, and what is under way counts as unfinished.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

import gevent

from loadtest.clock import monotonic_ns
from loadtest.control.lifeline import ignore_interrupts
from loadtest.locust_plugin import wire
from loadtest.protocol.phases import DRAIN
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loadtest.clock import Clock
    from loadtest.locust_plugin.run import Run
    from loadtest.measure.run_outcome import Verdict
    from loadtest.measure.run_record import State

logger = logging.getLogger(__name__)

_POLL_S = 0.05
SILENCE_S = 3.0
"""Subscribers report each second; what is under way on a link takes less than two."""
_LAST_WORDS_S = 5.0
"""Beyond its deadline a child still needs time to close connections and to report."""
_HURRIED_S = 3.0
"""The same when somebody is in a hurry."""
_REPORTS_TIMEOUT_S = 120.0


def collect(run: Run) -> None:
    """Collect the tail; of a run that has not begun there is none."""
    if run.parts.begun:
        _drain(run)
    run.faults.stop()


def _drain(run: Run) -> None:
    """Offer nothing new, await what is under way, first at charge points and then at subscribers."""
    sources = run.parts.sources
    timeout_s = run.settings.drain_timeout_s
    run.parts.watch_workers()
    run.faults.end_now()
    run.enter(DRAIN)
    # Charge points answer what they have been asked, and come back from restarts, before they disconnect.
    _wait_while(run, lambda: not run.hurried and bool(sources.commands_pending), timeout_s)
    _last_reports(run, wire.ENGINE, timeout_s)
    _wait_while(run, Arrivals(run, monotonic_ns).expected, timeout_s)
    _last_reports(run, wire.SUBSCRIBER, timeout_s)
    for source in sources.missing_final(wire.ENGINE) + sources.missing_final(wire.SUBSCRIBER):
        run.collector.note_silence(source)


class Arrivals:
    """Whether messages under way are still to be waited for.

    Every message has ``--drain-timeout`` from the time it was sent, more only while others arrive: what has been
    missing for longer, such as what a broker lost that was killed long ago, is lost. When it was sent is known by
    phase. Those that links took are counted apart whether they arrive or not: once no other is missing, silence is
    enough.

    Args:
        run: Its charge points have reported for the last time.
        clock: Monotonic nanoseconds; tests pass a virtual one.
    """

    def __init__(self, run: Run, clock: Clock) -> None:
        self._run = run
        self._clock = clock
        self._arrived = -1
        self._since_ns = 0

    def expected(self) -> bool:
        """To be asked a few times a second."""
        run, sources, now_ns = self._run, self._run.parts.sources, self._clock()
        if run.hurried or not sources.missing_final(wire.SUBSCRIBER):
            return False
        if sources.arrived != self._arrived:
            self._arrived, self._since_ns = sources.arrived, now_ns
        overdue_s = (now_ns - run.epoch_ns) / NS_PER_S - run.settings.drain_timeout_s
        under_way = sources.under_way
        silent = now_ns - self._since_ns > SILENCE_S * NS_PER_S
        awaited = any(each.missing > each.link_cut and each.last_sent_s > overdue_s for each in under_way)
        return awaited or (bool(under_way) and not silent)


def conclude(run: Run, state: State) -> Verdict | None:
    """Hear the last of the system under test, settle the ledgers, write the record."""
    if run.plan is not None:  # then there is a stand that was to report every second
        gevent.sleep(_POLL_S)  # what it has said while this process was busy is to be read first
        run.collector.note_silence("stand")
    run.stand.report_finally()
    if run.interrupted:
        state = "partial"
    return run.collector.finish(state, over=run.over, locust=run.parts.totals()).verdict


def take_down(run: Run) -> None:
    """Stop everything that takes part, once it has said all it has to say.

    Who closes many connections may take seconds for it, which nobody who waits for a verdict has to wait for.
    """
    if run.plan is not None:  # else nobody has been told of the run
        run.runner.send_message(wire.END, {})  # before the broker goes, whose end is none of their business
    run.stand.stop()


def write_reports(folder: Path) -> None:
    """Make the reports from the record, in a process of its own that loads no gevent."""
    try:
        with (folder / "logs" / "reports.log").open("ab") as log:
            subprocess.run(
                [sys.executable, "-m", "loadtest.reports", str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=False,
                timeout=_REPORTS_TIMEOUT_S,
                preexec_fn=ignore_interrupts,
            )
    except (OSError, subprocess.TimeoutExpired) as error:  # the record is written, and they can be made from it
        logger.warning("no reports: %s", error)


def _last_reports(run: Run, role: str, timeout_s: float) -> None:
    missing = partial(run.parts.sources.missing_final, role)
    if not run.hurried:
        _ask_for_reports(run, role, timeout_s)
        _wait_while(run, lambda: not run.hurried and bool(missing()), timeout_s + _LAST_WORDS_S)
    if run.hurried:
        _ask_for_reports(run, role, 0.0)
        _wait_while(run, lambda: bool(missing()), _HURRIED_S)


def _ask_for_reports(run: Run, role: str, timeout_s: float) -> None:
    deadline_ns = monotonic_ns() + int(timeout_s * NS_PER_S)
    run.runner.send_message(wire.DRAIN, {"role": role, "deadline_ns": deadline_ns})


def _wait_while(run: Run, pending: Callable[[], bool], timeout_s: float) -> None:
    give_up_ns = monotonic_ns() + int(timeout_s * NS_PER_S)
    while pending() and monotonic_ns() < give_up_ns:
        run.parts.watch_workers()
        gevent.sleep(_POLL_S)
