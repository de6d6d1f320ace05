"""The charge points of one process: what they share, and how they begin and end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.clock import monotonic_ns
from loadtest.engine import fleet_states
from loadtest.engine.class_books import FleetBooks
from loadtest.engine.cohorts import Cohorts
from loadtest.engine.comings import Comings
from loadtest.engine.commands_received import CommandsReceived
from loadtest.engine.connect_failures import ConnectFailures
from loadtest.engine.connections import Connections
from loadtest.engine.direct import DirectLinks
from loadtest.engine.fault_cuts import FaultCuts
from loadtest.engine.link_cuts import LinkCuts
from loadtest.engine.links import Links
from loadtest.engine.operations import PhaseClock
from loadtest.engine.sampled_checks import SampledChecks
from loadtest.engine.sending import REGISTERED
from loadtest.engine.transaction_messages import TransactionBook
from loadtest.engine.wall_clock import WallClock
from loadtest.scenario.schedule import uniform
from loadtest.scenario.settings import DIRECT
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint
    from loadtest.engine.settings import EngineSettings
    from loadtest.measure.recorder import Recorder
    from loadtest.pacing.pacer import Pacer


class Fleet:
    """Everything the charge points of a process have in common.

    Args:
        settings: The engine's configuration.
        pacer: Releases every schedule.
        recorder: Takes every sample.

    Attributes:
        cohorts: The charge points.
        books: What is counted and measured, by class.
        connections: What becomes of their connections.
        fault_cuts: Faults of the network that take them.
        links: Over which they connect, those that have one.
        direct: What those on the direct path share; only with any there.
        comings: When charge points were registered, and lost.
        connect_failures: Why they could not connect.
        link_cuts: What their own links and restarts have taken from them.
        transaction_book: What became of their messages.
        transactions: Those under way.

    Raises:
        UsageError: Gateway or broker have no address, or credentials cannot be used.
    """

    def __init__(self, settings: EngineSettings, pacer: Pacer, recorder: Recorder) -> None:
        self.settings = settings
        self.run_tag = settings.run_tag
        self.epoch_ns = settings.epoch_ns
        self.connect_timeout_ns = int(settings.call_timeout_s * NS_PER_S)
        wall_clock = WallClock()
        self.timestamp = wall_clock.timestamp
        self.instant_ns = wall_clock.instant_ns
        self.next_aligned_ns = wall_clock.next_aligned_ns
        self.pacer = pacer
        self.at = pacer.at
        self.phases = PhaseClock(settings.phases)
        self.books = FleetBooks(settings.classes, recorder, self.phases)
        self.checks = SampledChecks()
        self.commands_received = CommandsReceived(
            recorder, run_tag=self.run_tag, epoch_ns=self.epoch_ns, phases=settings.phases
        )
        self.comings = Comings(settings.epoch_ns)
        self.connect_failures = ConnectFailures()
        self.link_cuts = LinkCuts(settings.epoch_ns)
        self.transaction_book = TransactionBook()
        self.transactions = 0
        self.schedules_from_ns = 0  # of drivers and links: when the ramp began, the same in every engine; 0: not yet
        self.draining = False
        self._away_before_drain: list[ChargePoint] | None = None
        self._intervals_ns: dict[int, int] = {}
        self.links = Links(self)
        self.connections = Connections(self)
        self.fault_cuts = FaultCuts(self)
        self.cohorts = Cohorts(self)
        if settings.direct is not None:
            self.direct = DirectLinks(settings.direct, self.connections.diallers[DIRECT].credentials)

    # What charge points use -------------------------------------------------------------------------------------

    def shared_interval_ns(self, interval_s: float) -> int:
        """An interval in ns, as one object for all charge points that have it."""
        interval_ns = int(interval_s * NS_PER_S)
        return self._intervals_ns.setdefault(interval_ns, interval_ns)

    def draw(self, number: int, draw: int) -> float:
        """Random number ``draw`` of a charge point."""
        return uniform(self.settings.seed, number, draw)

    # What the engine uses ---------------------------------------------------------------------------------------

    def enter_phase(self, name: str, start_ns: int) -> None:
        """From ``start_ns`` on it is phase ``name``. The first one starts the ramp and the sweeping."""
        self.phases.enter(self.phases.names.index(name), start_ns)
        if not self.cohorts.ramp_has_begun:
            self.schedules_from_ns = start_ns
            self.links.follow_schedules()
            self.cohorts.begin_ramp(max(start_ns, monotonic_ns()))  # an engine may join late

    @property
    def idle(self) -> bool:
        """No charge point waits for an answer or has something to send."""
        return all(charge_point.idle for charge_point in self.cohorts.charge_points.values())

    def begin_drain(self) -> None:
        """From now on nothing is due any more; who is registered now counts as registered at the end.

        Charge points that say nothing are cut by the gateway after a while, rightly, and do not connect again.
        """
        if not self.draining:
            self.draining = True
            everybody = self.cohorts.charge_points.values()
            self._away_before_drain = [each for each in everybody if each.state != REGISTERED]

    def at_end(self) -> dict[str, int]:
        """How many charge points are registered, or are not because of their own links or restarts.

        The latter by whether they ever were. To be called when the drain is over, before everybody is disconnected.
        """
        everybody = self.cohorts.charge_points
        watched = everybody.values() if self._away_before_drain is None else self._away_before_drain
        missing = [charge_point for charge_point in watched if charge_point.state != REGISTERED]
        excused = [
            charge_point
            for charge_point in missing
            if self.link_cuts.is_away(charge_point.number)
            and (charge_point.call_id is None or self.link_cuts.took(charge_point.number))  # else it is let wait
        ]
        ever = sum(charge_point.heartbeat_ns > 0 for charge_point in excused)
        return {
            "registered_at_end": len(everybody) - len(missing),
            "away_by_link": ever,
            "never_by_link": len(excused) - ever,
        }

    def retire(self) -> None:
        """Disconnect every charge point for good."""
        charge_points = self.cohorts.charge_points.values()
        for charge_point in charge_points:
            self.connections.count_bytes(charge_point)
        self.links.count_bytes()
        for charge_point in charge_points:
            self.connections.retire(charge_point)

    def gauges(self) -> dict[str, int]:
        """How many charge points are in which state now."""
        charge_points = self.cohorts.charge_points
        never_by_link = sum(
            number in charge_points and not charge_points[number].heartbeat_ns for number in self.link_cuts.away
        )
        return fleet_states.count(charge_points.values(), self.links) | {
            "registered_ever": self.books.registered_ever,
            "never_by_link": never_by_link,
            "transactions": self.transactions,
        }
