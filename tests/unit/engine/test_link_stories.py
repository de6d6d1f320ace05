"""Links, faults, restarts and a gateway that loses messages, at random: the books balance, and blame the right one.

Three truths are known here that a real run does not know: which CALLs reached the gateway, which of them the system
behind it lost, and when links took connections away. Whatever happens, the ledger says the same.
"""

from __future__ import annotations

import random
from array import array
from typing import TYPE_CHECKING, Any

import pytest
from virtual_fleet import ACCEPTED, REFUSED, Wire, World

from loadtest.engine.link_cuts import IN_DOUBT_NS
from loadtest.engine.network_fault import NetworkFault
from loadtest.engine.sending import OPEN, REGISTERED, REJECTED, RETIRED, SendingConnection
from loadtest.measure import ledger
from loadtest.measure.interval import DeliveryRow, IntervalReport
from loadtest.measure.link_cuts import LinkCutBooks
from loadtest.measure.sequence import DUPLICATE, REORDERED, SequenceWindows
from loadtest.measure.tags import INTENDED, SERVICE, UPLINK, Tag, parse
from loadtest.measure.transaction_join import TransactionJoin
from loadtest.measure.transaction_ledger import settle_transactions
from loadtest.measure.transaction_records import FATE_BITS, RECORD, sending_key
from loadtest.protocol.phases import PHASES, RAMP, STEADY
from loadtest.scenario.links import CLOSE, HALF_OPEN, RESET, LinkModel, RegionalOutages
from loadtest.scenario.reconnect import BackOff
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from virtual_fleet import Sent

    from loadtest.engine.charge_point import ChargePoint
    from loadtest.engine.registration import RegisteringConnection

CHARGE_POINTS, OTHERS = 3, 2


class Subscriber:
    """What is behind the gateway: hears most messages once, some twice, some never."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.windows = SequenceWindows()
        self.rows: dict[tuple[str, str], DeliveryRow] = {}
        self.lost: list[Sent] = []
        self.heard: set[tuple[int, int]] = set()
        self.transaction_arrivals = array("Q")

    def take(self, call: Sent) -> None:
        times = self.chance.choices([0, 1, 2], [1, 18, 1])[0]
        if not times:
            self.lost.append(call)
        for _ in range(times):
            self.observe(call)

    def observe(self, call: Sent) -> None:
        number, sequence, phase = call.stamp.charge_point, call.stamp.sequence, PHASES[call.stamp.phase]
        self.heard.add((number, sequence))
        row = self.rows.setdefault((phase, call.action), DeliveryRow(phase, call.action))
        fate = self.windows.observe(number, sequence)
        row.duplicated += fate == DUPLICATE
        row.delivered += fate != DUPLICATE
        row.reordered += fate == REORDERED
        if call.action in ("StartTransaction", "StopTransaction") or "transactionId" in call.payload:
            self.transaction_arrivals.append(fate << FATE_BITS | sending_key(number, sequence))


class Story:
    """A few charge points on links of all kinds, and whatever may happen to them."""

    def __init__(self, seed: int, *, on_direct_path: bool = False) -> None:
        self.chance = chance = random.Random(seed)
        link = LinkModel(
            mean_up_s=chance.choice([8.0, 60.0]),
            down_median_s=4.0,
            regional=chance.choice([None, RegionalOutages(regions=2, mean_between_s=40.0, median_s=6.0)]),
            latency_s=chance.choice([0.0, 0.0, 0.3]),
            jitter_s=chance.choice([0.0, 0.2]),
            bandwidth_bit_s=chance.choice([0.0, 0.0, 3_000.0]),
        )
        self.delays = link.delays
        direct: dict[str, Any] | None = {"qos": seed % 3, "status_topic": "status/${cid}"} if on_direct_path else None
        self.world = World(
            CHARGE_POINTS,
            direct=direct,
            call_timeout_s=5.0,
            seed=seed,
            transaction_gap_s=15.0,
            transaction_duration_s=10.0,
            meter_interval_s=2.0,
            boot_on_reconnect=chance.random() < 0.5,
            reconnect=BackOff(minimum_s=1, random_s=2, doublings=2),
            configuration={"WebSocketPingInterval": chance.choice(["0", "3"])},
            link=link,
        )
        self.subscriber = Subscriber(chance)
        self.wires: list[Wire] = []
        self.cuts_ns: dict[int, list[int]] = {number: [] for number in range(CHARGE_POINTS + OTHERS)}
        self.ends_ns: dict[int, list[int]] = {number: [] for number in range(CHARGE_POINTS + OTHERS)}
        self.sent_ns: dict[tuple[int, int], int] = {}
        self.forced: list[int] = []
        self.others = True

    def begin(self) -> None:
        """Watch what nobody can watch in life."""
        world, fleet = self.world, self.world.fleet
        hear, take_away = world.take, fleet.connections.take_away
        send = SendingConnection._send

        def note_sending(each: SendingConnection, *waiting: Any) -> None:
            sequence = each.sequence
            send(each, *waiting)
            if each.sequence > sequence:
                self.sent_ns[each.number, sequence] = each.call_sent_ns

        def take(wire: Wire, charge_point: ChargePoint, text: bytes) -> None:
            before = len(world.sent)
            if self.delays:  # the one before may have been given up, and come late
                wire.outstanding = None
            hear(wire, charge_point, text)
            for call in world.sent[before:]:
                self.subscriber.take(call)

        def note_cut(charge_point: Any) -> None:
            self.cuts_ns[charge_point.number].append(world.clock())
            take_away(charge_point)

        world._patch.setattr(SendingConnection, "_send", note_sending)
        world.take = take  # type: ignore[method-assign]
        fleet.connections.take_away = note_cut  # type: ignore[method-assign]
        fleet.cohorts.add(CHARGE_POINTS, OTHERS, world.profile, world.path)
        world.charge_points += [fleet.cohorts.charge_points[CHARGE_POINTS + index] for index in range(OTHERS)]

        def cancel(charge_point: RegisteringConnection) -> bool:
            return fleet.dialled.pop(charge_point.number, None) is not None

        fleet.connections.diallers[world.path].cancel = cancel  # type: ignore[method-assign]

    # What happens -----------------------------------------------------------------------------------------------

    def step(self) -> None:
        what = self.chance.random()
        if what < 0.3:
            self.pass_time(self.chance.choice([0.01, 0.1, 1.0, 1.9, 2.1, 5.5]))
        elif what < 0.5:
            self.connect()
        elif what < 0.9:
            self.answer_some()
        elif what < 0.93:
            self.force_outage()
        elif what < 0.95:
            self.cut_off()
        elif what < 0.97:
            self.reboot()
        elif what < 0.99:
            self.end_at_gateway()
        elif what < 0.998:
            self.world.fleet.enter_phase(self.chance.choice([RAMP, STEADY]), self.world.clock())
        elif self.others:
            self.remove_others()

    def pass_time(self, duration_s: float) -> None:
        self.world.advance_s(duration_s)
        self.end_what_ends()

    def end_what_ends(self) -> None:
        for wire in [each for each in self.wires if each.ending]:
            self.wires.remove(wire)
            wire.end()

    def connect(self) -> None:
        for number in list(self.world.fleet.dialled):
            charge_point = self.world.charge_points[number]
            how = self.chance.choice(["accept"] * 8 + ["refuse", "end", "silence", "wait"])
            if how == "wait" or number not in self.world.fleet.dialled:  # given up meanwhile
                continue
            wire = self.world.reach(charge_point)
            self.wires.append(wire)
            self.world.advance_s(0.7)
            if wire.ending or not wire.path:
                continue
            match how:
                case "accept":
                    wire.accept()
                case "refuse":
                    wire.refuse(503, "busy")
                case "end":
                    self.end_of(wire)

    def reachable(self) -> list[ChargePoint]:
        """Those whom an answer can reach; over a half-open connection it does not, whoever believes it."""
        links = self.world.fleet.links
        found = []
        for charge_point in self.world.charge_points:
            link = links.of(charge_point.number)
            connection = link.connection if link is not None else None
            alive = connection is not None and isinstance(connection.below, Wire) and not connection.below.ending
            if charge_point.state in (OPEN, REJECTED, REGISTERED) and alive and charge_point.is_open:
                found.append(charge_point)
        return found

    def answer_some(self) -> None:
        for charge_point in self.reachable():
            for _ in range(self.chance.choice([1, 3, 30])):
                wire = self.world.wire(charge_point)
                if wire.outstanding is None or wire.ending:
                    break
                how = self.chance.choice(["accept"] * 16 + ["refuse", "error", "silence"])
                if how == "silence":
                    break
                if how == "error":
                    self.world.answer_error(charge_point)
                else:
                    self.world.answer(self.answer_to(wire.outstanding, refuse=how == "refuse"), charge_point)

    def answer_to(self, call: Sent, *, refuse: bool) -> dict[str, Any]:
        match call.action:
            case "BootNotification":
                status = self.chance.choice(["Rejected", "Pending"]) if refuse else "Accepted"
                return {"status": status, "currentTime": "now", "interval": 3}
            case "Authorize":
                return REFUSED if refuse else ACCEPTED
            case "StartTransaction":
                return ACCEPTED | {"transactionId": len(self.world.sent)}
        return {}

    def force_outage(self) -> None:
        if self.forced and self.chance.random() < 0.6:
            link = self.world.fleet.links.of(self.forced.pop())
            assert link is not None
            link.come_up()
            return
        number = self.chance.randrange(CHARGE_POINTS)
        link = self.world.fleet.links.of(number)
        assert link is not None
        self.forced.append(number)
        link.go_down(self.chance.choice([CLOSE, RESET, HALF_OPEN]))

    def cut_off(self) -> None:
        until_ns = self.chance.choice([0, self.world.clock() + 5 * NS_PER_S])
        draw, share = self.chance.randrange(99), self.chance.choice([0.5, 1.0])
        self.world.fleet.fault_cuts.cut_off(NetworkFault(seed=1, share=share, draw=draw, regions=(), until_ns=until_ns))

    def reboot(self) -> None:
        charge_point = self.chance.choice(self.world.charge_points)
        if charge_point.state != RETIRED:
            charge_point.reboot(self.world.clock(), 2.0)

    def remove_others(self) -> None:
        """A cohort is taken off in the middle of the run."""
        self.others = False
        self.world.fleet.cohorts.remove(CHARGE_POINTS)

    def end_at_gateway(self) -> None:
        if self.wires:
            self.end_of(self.chance.choice(self.wires))

    def end_of(self, wire: Wire) -> None:
        """The gateway ends a connection, and what is on its way to it is lost with it."""
        self.wires.remove(wire)
        self.ends_ns[wire._charge_point.number].append(self.world.clock())
        wire.end(ConnectionResetError())

    def end(self) -> None:
        """The drain, in whatever state links are, and the last reports."""
        self.world.fleet.begin_drain()
        for _ in range(self.chance.choice([0, 3, 30])):
            self.answer_some()
            self.pass_time(0.5)
        self.world.fleet.retire()
        self.check_attempts()

    # What is true -----------------------------------------------------------------------------------------------

    def check(self) -> None:
        world = self.world
        waiting = sum(each.waiting for each in world.charge_points)
        outstanding = sum(each.call_id is not None for each in world.charge_points)
        total = world.row()
        assert total.offered == total.dropped + total.sent + waiting
        assert total.sent == sum(each.sequence for each in world.charge_points)
        gone = total.cut_off + total.link_cut
        assert total.sent == total.answered + total.call_error + total.timed_out + gone + total.unfinished + outstanding
        for each in world.charge_points:
            assert not (each.is_open and each.restart_due_ns > world.clock()), "what restarts has no connection"
        self.check_attempts()

    def check_attempts(self) -> None:
        counters = self.world.books.counters
        outcomes = counters.connects + counters.connect_refused + counters.connect_failed + counters.connect_timed_out
        assert counters.connect_attempts >= outcomes

    def was_on_the_way_to_an_end(self, number: int, sequence: int) -> bool:
        """Sent shortly before the charge point got to know that the gateway had ended the connection."""
        sent_ns = self.sent_ns[number, sequence]
        return any(abs(sent_ns - end_ns) < NS_PER_S for end_ns in self.ends_ns[number])

    def settled(self) -> ledger.Ledger:
        world, fleet = self.world, self.world.fleet
        in_flight, absences = fleet.link_cuts.report(final=True)
        sendings, stopped = fleet.transaction_book.take()
        report = IntervalReport(
            index=0,
            calls_in_flight=in_flight,
            absences=absences,
            transaction_sendings=sendings,
            transactions_stopped=stopped,
            transactions_started=world.books.transactions_started,
            transaction_arrivals=self.subscriber.transaction_arrivals.tobytes(),
        )
        self.sendings = sendings
        books, self.join = LinkCutBooks(), TransactionJoin()
        books.take(report)
        self.join.take("engine", report)
        self.in_flight = books.calls()
        world.samples_of("")
        counts = {parse(tag): histogram.total for tag, histogram in world.samples.items()}
        for row in self.subscriber.rows.values():
            for kind in (INTENDED, SERVICE):
                counts[Tag(row.phase, UPLINK, row.action, kind)] = row.delivered
        return ledger.settle(
            world.books.operations.rows(),
            list(self.subscriber.rows.values()),
            fleet.cohorts.sent(),
            [self.subscriber.windows.export()],
            counts,
            self.in_flight,
            observed=True,
        )

    def check_blame(self) -> None:
        """Nobody is accused of what links took, and no link is an excuse for what the system lost."""
        settled = self.settled()
        assert settled.unbalanced == []
        sent = {(each.number, number) for each in self.world.charge_points for number in range(each.sequence)}
        reached = {(call.stamp.charge_point, call.stamp.sequence) for call in self.world.sent}
        lost_by_system = {(call.stamp.charge_point, call.stamp.sequence): call for call in self.subscriber.lost}
        assert settled.delivered == len(self.subscriber.heard) == len(reached) - len(lost_by_system)
        doubtful = {(each.charge_point, each.sequence) for each in self.in_flight}
        missing = sent - reached
        ended_by_gateway = {key for key in missing - doubtful if self.was_on_the_way_to_an_end(*key)}
        taken_by_links = missing - ended_by_gateway
        assert taken_by_links <= doubtful, "what a link took is never held against the system"
        excused = lost_by_system.keys() & doubtful
        assert settled.link_cut == len(taken_by_links) + len(excused)
        assert settled.lost == len(lost_by_system) + len(ended_by_gateway) - len(excused)
        for key in excused:
            call = lost_by_system[key]
            near = [cut_ns for cut_ns in self.cuts_ns[key[0]] if 0 <= cut_ns - self.sent_ns[key] <= IN_DOUBT_NS]
            assert near, f"{call} excused by no cut near it"
        transactions = settle_transactions(self.join.close(self.in_flight), PHASES)
        assert transactions.unexplained == 0
        messages: dict[tuple[int, ...], bool] = {}
        for number, sequence, transaction, place, *_ in RECORD.iter_unpack(self.sendings):
            message = number, transaction, place
            messages[message] = messages.get(message, False) or (number, sequence) in self.subscriber.heard
        assert transactions.lost + transactions.pending == list(messages.values()).count(False)


@pytest.mark.parametrize(
    ("seed", "on_direct_path"), [*((seed, False) for seed in (*range(12), 37)), *((seed, True) for seed in range(6))]
)
def test_whatever_happens_the_books_balance_and_blame_the_right_one(seed: int, on_direct_path: bool) -> None:
    story = Story(seed, on_direct_path=on_direct_path)
    with story.world:
        story.begin()
        for _ in range(400):
            story.step()
            story.check()
        story.end()
        story.check_blame()
        row = story.world.row()
        assert row.offered == row.dropped + row.sent
        story.world.advance_s(100)
        for wire in story.wires:
            wire.end()
        assert story.world.row() == row, "nothing comes after the end"
