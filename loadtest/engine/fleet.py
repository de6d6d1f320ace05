"""The charge points of one process: what they share, how they connect, and how they end."""

from __future__ import annotations

import itertools
import ssl
from typing import TYPE_CHECKING

from loadtest.clock import monotonic_ns
from loadtest.engine import fleet_states, in_vain
from loadtest.engine.comings import Comings
from loadtest.engine.commands_received import CommandsReceived
from loadtest.engine.configuration import initial
from loadtest.engine.connect_failures import (
    ENDED,
    NO_NETWORK,
    TIMED_OUT,
    TLS,
    ConnectFailures,
    cause_of_error,
    in_words,
)
from loadtest.engine.dialling import Dialler
from loadtest.engine.direct import DirectLinks
from loadtest.engine.fleet_counters import FleetCounters
from loadtest.engine.link_cuts import LinkCuts
from loadtest.engine.link_transport import LinkTransport
from loadtest.engine.links import Links
from loadtest.engine.mqtt_charge_point import MqttChargePoint
from loadtest.engine.operations import Operations, PhaseClock
from loadtest.engine.reconnecting import Reconnecting
from loadtest.engine.sampled_checks import SampledChecks
from loadtest.engine.sending import CONNECTING, OFFLINE, OPEN, REGISTERED, REJECTED, RETIRED
from loadtest.engine.transaction_messages import TransactionBook
from loadtest.engine.wall_clock import WallClock
from loadtest.engine.websocket_charge_point import WebSocketChargePoint
from loadtest.engine.wire_bytes import WireBytes
from loadtest.measure.interval import SentCounts
from loadtest.measure.tags import CONNECT, INTENDED, RECONNECT, REGISTER, SERVICE, Tag
from loadtest.scenario.schedule import connect_offset_s, uniform
from loadtest.scenario.settings import DIRECT, GATEWAY
from loadtest.transport import tcp, tls
from loadtest.units import NS_PER_MS, NS_PER_S, NS_PER_US

if TYPE_CHECKING:
    import asyncio

    from loadtest.engine.charge_point import ChargePoint
    from loadtest.engine.network_fault import NetworkFault
    from loadtest.engine.registration import RegisteringConnection
    from loadtest.engine.sending import SendingConnection
    from loadtest.engine.settings import EngineSettings
    from loadtest.measure.interval import RegionalOutage
    from loadtest.measure.recorder import Recorder
    from loadtest.pacing.pacer import Pacer
    from loadtest.scenario.profile import ChargePointProfile

_SWEEP_INTERVAL_NS = 100 * NS_PER_MS
_SWEEP_SHARES = 10


class Fleet:
    """Everything the charge points of a process have in common.

    Args:
        settings: The engine's configuration.
        pacer: Releases every schedule.
        recorder: Takes every sample.

    Attributes:
        comings: When charge points were registered, and lost.
        connect_failures: Why they could not connect.
        link_cuts: What their own links and restarts have taken from them.
        transaction_book: What became of their messages.
        transactions: Those under way.
        wire_bytes: What their connections have carried.
        diallers: What connects charge points, by their path.
        direct: What those on the direct path share; only with any there.

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
        self.operations = Operations(recorder, self.phases)
        self.counters = FleetCounters()
        self.checks = SampledChecks()
        self.commands_received = CommandsReceived(
            recorder, run_tag=self.run_tag, epoch_ns=self.epoch_ns, phases=settings.phases
        )
        self.draining = False
        self._away_before_drain: list[ChargePoint] | None = None
        self._recorder = recorder
        self._charge_points: dict[int, ChargePoint] = {}
        self._cohorts: dict[int, int] = {}
        self._sent: list[SentCounts] = []
        self._ramp_start_ns: int | None = None
        self.schedules_from_ns = 0  # of drivers and links: when the ramp began, the same in every engine; 0: not yet
        self._shares: list[list[ChargePoint]] = [[] for _ in range(_SWEEP_SHARES)]
        self._sweeps = itertools.cycle(self._shares)
        self._intervals_ns: dict[int, int] = {}
        self.diallers = self._make_diallers()
        if settings.direct is not None:
            self.direct = DirectLinks(settings.direct, self.diallers[DIRECT].credentials)
        self._links = Links(self)
        self._reconnecting = Reconnecting(settings.seed)
        self.comings = Comings(settings.epoch_ns)
        self.link_cuts = LinkCuts(settings.epoch_ns)
        self.transaction_book = TransactionBook()
        self.wire_bytes = WireBytes()
        self.registered_ever = 0
        self.transactions = 0
        self.connect_failures = ConnectFailures()
        self._network_fault: NetworkFault | None = None

    def _make_diallers(self) -> dict[str, Dialler]:
        settings, diallers = self.settings, {}
        if settings.gateway_url:
            diallers[GATEWAY] = Dialler(settings, settings.gateway_url, "--gateway", self.connect_failed)
        if settings.direct is not None:
            diallers[DIRECT] = Dialler(settings, settings.direct.broker_url, "--broker", self.connect_failed)
        return diallers

    # What charge points use ------------------------------------------------------------------------------------

    def shared_interval_ns(self, interval_s: float) -> int:
        """An interval in ns, as one object for all charge points that have it."""
        interval_ns = int(interval_s * NS_PER_S)
        return self._intervals_ns.setdefault(interval_ns, interval_ns)

    def draw(self, number: int, draw: int) -> float:
        """Random number ``draw`` of a charge point."""
        return uniform(self.settings.seed, number, draw)

    def connected(self, charge_point: RegisteringConnection, now_ns: int) -> None:
        """A handshake is complete."""
        self.counters.connects += 1
        self._record_leg(CONNECT, charge_point.handshake_name, charge_point, charge_point.connect_intended_ns, now_ns)
        charge_point.connect_intended_ns = 0

    def registered(self, charge_point: RegisteringConnection, now_ns: int) -> None:
        """A BootNotification was accepted, or none was needed."""
        self.counters.registrations += 1
        if charge_point.register_intended_ns:
            self._record_leg(REGISTER, "BootNotification", charge_point, charge_point.register_intended_ns, now_ns)
            self.comings.registered(now_ns)
            if lost_ns := self._reconnecting.lost_since_ns(charge_point):
                self._record_leg(RECONNECT, "BootNotification", charge_point, lost_ns, now_ns)
            charge_point.register_intended_ns = charge_point.connect_started_ns = 0
        self._reconnecting.succeeded(charge_point)
        self.link_cuts.back(charge_point.number, now_ns)

    def not_let_in(self, charge_point: RegisteringConnection) -> None:
        """It was refused, or its BootNotification came to nothing: whatever kept it away before, now others do."""
        if not self.link_cuts.took(charge_point.number):
            self.link_cuts.back(charge_point.number, monotonic_ns())

    def refused(self, charge_point: RegisteringConnection, cause: str, text: str, *, for_good: bool) -> None:
        """The peer turned the handshake down; ``for_good``: as it would tomorrow."""
        self.counters.connect_refused += 1
        self.counters.connect_in_vain += for_good
        charge_point.state = OFFLINE  # the attempt is booked; its connection is still to end
        self.not_let_in(charge_point)
        self.connect_failures.add(cause, f"{charge_point.identity}: {text}")

    def count_bytes(self, charge_point: RegisteringConnection) -> None:
        """The connection of a charge point ends. Of one over a link, the link tells what it has carried."""
        transport = charge_point.transport
        if transport is not None and not isinstance(transport, LinkTransport):
            self.wire_bytes.add(transport)

    def disconnected(self, charge_point: RegisteringConnection, exc: Exception | None = None) -> None:
        """A connection, or the attempt at one, has ended; try again later unless the charge point is done."""
        if not self.link_cuts.ended(charge_point.number) and not self._is_hindered(charge_point):
            self.link_cuts.back(charge_point.number, monotonic_ns())  # if it was away, from now on others are to blame
        if charge_point.state == CONNECTING:
            self._fail(charge_point, exc)
        elif charge_point.state in (OPEN, REJECTED, REGISTERED):
            self.counters.disconnects += 1
            if not charge_point.register_intended_ns:
                now_ns = monotonic_ns()
                self.comings.lost(now_ns)
                self._reconnecting.lost(charge_point, now_ns)
        if charge_point.state != RETIRED:
            charge_point.state = OFFLINE
            if charge_point.restart_due_ns <= monotonic_ns():  # else it connects when it has restarted
                self._connect_later(charge_point)

    def connect_failed(self, charge_point: RegisteringConnection, error: Exception) -> None:
        """TCP or TLS could not be made."""
        if charge_point.state == CONNECTING:
            self.counters.connect_failed += 1
            self.counters.connect_in_vain += in_vain.failure(error)
            self.connect_failures.add(
                cause_of_error(error),
                f"{charge_point.identity}: {in_words(error)}",
            )
            charge_point.state = OFFLINE
        self.disconnected(charge_point)

    def unreachable(self, charge_point: RegisteringConnection) -> None:
        """The charge point knows that it has no network: an attempt that fails at once, through no fault of others."""
        self.counters.connect_failed += 1
        self.connect_failures.add(NO_NETWORK)
        self.link_cuts.keep_away(charge_point.number, monotonic_ns())
        charge_point.state = OFFLINE
        self.disconnected(charge_point)

    def stop_connecting(self, charge_point: RegisteringConnection) -> None:
        """An attempt that has no connection yet comes to nothing, through no fault of others."""
        if charge_point.state == CONNECTING and self._give_up(charge_point):
            self.unreachable(charge_point)

    def take_away(self, charge_point: SendingConnection) -> None:
        """A charge point's own link, a fault that cuts it off, or its restart takes its connection."""
        link = self._links.of(charge_point.number)
        held_since_ns = None if link is None else link.held_since_ns
        self.link_cuts.take(charge_point.number, monotonic_ns(), held_since_ns)

    def _is_hindered(self, charge_point: RegisteringConnection) -> bool:
        """It has no network, or its link was down when it began to connect."""
        fault, link = self._network_fault, self._links.of(charge_point.number)
        if fault is not None and fault.keeps_away(charge_point, monotonic_ns()):
            return True
        return link is not None and (link.is_down or link.up_since_ns > charge_point.connect_started_ns)

    def answer_overdue(self, charge_point: SendingConnection) -> None:
        """An answer, or a pong, has not come in time: the link may be the reason."""
        if (link := self._links.of(charge_point.number)) is not None:
            link.answer_overdue()

    def abandon_connect(self, charge_point: RegisteringConnection) -> None:
        """Give up an attempt to connect that takes too long."""
        self.counters.connect_timed_out += 1
        self.connect_failures.add(TIMED_OUT)
        charge_point.state = OFFLINE
        if charge_point.transport is not None:
            charge_point.abort()
        elif self._give_up(charge_point):
            self.disconnected(charge_point)

    def _give_up(self, charge_point: RegisteringConnection) -> bool:
        """End an attempt that has no connection yet; returns whether there was one."""
        link = self._links.of(charge_point.number)
        return self.diallers[charge_point.path].cancel(charge_point) or (link is not None and link.give_up())

    # What the engine uses ---------------------------------------------------------------------------------------

    def add_cohort(self, first: int, count: int, profile: ChargePointProfile, path: str = GATEWAY) -> None:
        """Take charge of charge points of one kind; they connect with the ramp, or from now on if it has begun."""
        configuration = initial(profile, self.settings.call_timeout_s)
        self._cohorts[first] = count
        kind = MqttChargePoint if path == DIRECT else WebSocketChargePoint
        for number in range(first, first + count):
            self._charge_points[number] = kind(self, number, profile, configuration)
            self._links.add(self._charge_points[number])
        self._share_out()
        if self._ramp_start_ns is not None:
            self._schedule_connects(first, count, monotonic_ns())

    def remove_cohort(self, first: int) -> None:
        """Disconnect a cohort for good; its counts stay."""
        count = self._cohorts.pop(first, 0)
        leaving = [self._charge_points.pop(number) for number in range(first, first + count)]
        self._share_out()
        for charge_point in leaving:
            self._retire(charge_point)
        self._sent.append(_sent_counts(first, leaving))

    def enter_phase(self, name: str, start_ns: int) -> None:
        """From ``start_ns`` on it is phase ``name``. The first one starts the ramp and the sweeping."""
        self.phases.enter(self.phases.names.index(name), start_ns)
        if self._ramp_start_ns is None:
            self.schedules_from_ns = start_ns
            self._links.follow_schedules()
            self._ramp_start_ns = start_ns = max(start_ns, monotonic_ns())  # an engine may join late
            for first, count in self._cohorts.items():
                self._schedule_connects(first, count, start_ns)
            self.at(start_ns, self._sweep)

    def cut_off(self, fault: NetworkFault) -> None:
        """Reset the connections that a fault hits, and have none of them made until it is over."""
        self._network_fault = fault
        for charge_point in self._charge_points.values():
            if not fault.hits(charge_point):
                continue
            if charge_point.transport is not None:
                self.counters.cut_by_fault += 1
                self.take_away(charge_point)
                tcp.reset_when_aborted(charge_point.transport)
                charge_point.abort()
            elif fault.until_ns:
                self.stop_connecting(charge_point)

    def take_regional_outages(self) -> list[RegionalOutage]:
        """Those that have begun since the last call."""
        return self._links.take_regional_outages()

    @property
    def idle(self) -> bool:
        """No charge point waits for an answer or has something to send."""
        return all(charge_point.idle for charge_point in self._charge_points.values())

    def retire(self) -> None:
        """Disconnect every charge point for good."""
        for charge_point in self._charge_points.values():
            self.count_bytes(charge_point)
        self._links.count_bytes()
        for charge_point in self._charge_points.values():
            self._retire(charge_point)

    def begin_drain(self) -> None:
        """From now on nothing is due any more; who is registered now counts as registered at the end.

        Charge points that say nothing are cut by the gateway after a while, rightly, and do not connect again.
        """
        if not self.draining:
            self.draining = True
            self._away_before_drain = [each for each in self._charge_points.values() if each.state != REGISTERED]

    def gauges(self) -> dict[str, int]:
        """How many charge points are in which state now."""
        never_by_link = sum(
            number in self._charge_points and not self._charge_points[number].heartbeat_ns
            for number in self.link_cuts.away
        )
        return fleet_states.count(self._charge_points.values(), self._links) | {
            "registered_ever": self.registered_ever,
            "never_by_link": never_by_link,
            "transactions": self.transactions,
        }

    def at_end(self) -> dict[str, int]:
        """How many charge points are registered, or are not because of their own links or restarts.

        The latter by whether they ever were. To be called when the drain is over, before everybody is disconnected.
        """
        watched = self._charge_points.values() if self._away_before_drain is None else self._away_before_drain
        missing = [charge_point for charge_point in watched if charge_point.state != REGISTERED]
        excused = [
            charge_point
            for charge_point in missing
            if self.link_cuts.is_away(charge_point.number)
            and (charge_point.call_id is None or self.link_cuts.took(charge_point.number))  # else it is let wait
        ]
        ever = sum(charge_point.heartbeat_ns > 0 for charge_point in excused)
        return {
            "registered_at_end": len(self._charge_points) - len(missing),
            "away_by_link": ever,
            "never_by_link": len(excused) - ever,
        }

    def sent(self) -> list[SentCounts]:
        """How many CALLs each charge point has sent."""
        return self._sent + [
            _sent_counts(first, [self._charge_points[number] for number in range(first, first + count)])
            for first, count in self._cohorts.items()
        ]

    # Connecting -------------------------------------------------------------------------------------------------

    def _schedule_connects(self, first: int, count: int, start_ns: int) -> None:
        for number in range(first, first + count):
            offset_s = connect_offset_s(self.settings.ramp_s, self.settings.charge_points, number, self.draw(number, 0))
            self.at(start_ns + int(offset_s * NS_PER_S), self._charge_points[number].connect)

    def _connect_later(self, charge_point: RegisteringConnection) -> None:
        wait_s = self._reconnecting.wait_s(charge_point)
        charge_point.failures += 1
        self.at(monotonic_ns() + int(wait_s * NS_PER_S), charge_point.connect)

    def start_connect(self, charge_point: RegisteringConnection) -> None:
        """Open a charge point's connection; its own hooks tell what comes of it."""
        self.counters.connect_attempts += 1
        link, fault = self._links.of(charge_point.number), self._network_fault
        if fault is not None and fault.keeps_away(charge_point, monotonic_ns()):
            self.unreachable(charge_point)
        elif link is None:
            self.dial(charge_point, charge_point)
        else:
            link.attempt()

    def dial(self, charge_point: RegisteringConnection, protocol: asyncio.Protocol) -> None:
        """Connect a charge point to its peer; ``protocol`` is itself, or its end of a link."""
        self.diallers[charge_point.path].start(charge_point, protocol)

    # Inside -----------------------------------------------------------------------------------------------------

    def _retire(self, charge_point: ChargePoint) -> None:
        self._links.retire(charge_point)
        charge_point.retire()
        self.diallers[charge_point.path].cancel(charge_point)

    def _share_out(self) -> None:
        """Cut the fleet into the shares that are swept in turn, the same whichever engine has a charge point."""
        for share in self._shares:
            share.clear()
        for number, charge_point in self._charge_points.items():
            self._shares[number % _SWEEP_SHARES].append(charge_point)

    def _sweep(self, due_ns: int) -> None:
        """Look after timeouts, a tenth of the fleet at a time, so that each is seen once a second."""
        now_ns = monotonic_ns()
        for charge_point in next(self._sweeps):
            if charge_point.call_id is not None or charge_point.state == CONNECTING:
                charge_point.expire(now_ns)
        self._recorder.fold_if_large()
        self.checks.check_some()
        self.at(max(due_ns + _SWEEP_INTERVAL_NS, now_ns), self._sweep)

    def _record_leg(
        self, leg: str, action: str, charge_point: RegisteringConnection, intended_ns: int, now_ns: int
    ) -> None:
        phase = self.phases.names[self.phases.at(intended_ns)]
        started_ns = charge_point.connect_started_ns
        self._recorder.handle(Tag(phase, leg, action, INTENDED)).append((now_ns - intended_ns) // NS_PER_US)
        self._recorder.handle(Tag(phase, leg, action, SERVICE)).append((now_ns - started_ns) // NS_PER_US)

    def _fail(self, charge_point: RegisteringConnection, exc: Exception | None) -> None:
        """A connection has ended during the handshake."""
        self.counters.connect_failed += 1
        self.counters.connect_in_vain += in_vain.failure(exc)
        text = f"{charge_point.identity}: the connection ended during the handshake"
        if isinstance(exc, ssl.SSLError):
            self.connect_failures.add(TLS, f"{text}: {tls.in_words(exc)}")
        else:
            self.connect_failures.add(ENDED, text)


def _sent_counts(first: int, charge_points: list[ChargePoint]) -> SentCounts:
    counts = b"".join(charge_point.sequence.to_bytes(4, "little") for charge_point in charge_points)
    return SentCounts(first=first, counts=counts)
