"""The books of a fleet balance after every step of any story: the property the whole record rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from virtual_fleet import ACCEPTED, REFUSED, World

from loadtest.engine.sending import CONNECTING, OPEN, REGISTERED, REJECTED, RETIRED

if TYPE_CHECKING:
    from virtual_fleet import Wire

    from loadtest.engine.charge_point import ChargePoint


class FleetStory(RuleBasedStateMachine):
    """A gateway and a network that do whatever they like to two or four charge points."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(
            2,
            call_timeout_s=5.0,
            transaction_gap_s=6.0,
            transaction_duration_s=8.0,
            meter_interval_s=2.0,
            boot_on_reconnect=True,
        )
        self.world.__enter__()
        self.extra_cohort = 0

    def teardown(self) -> None:
        """Whatever has happened, at the end each operation has a fate."""
        self.world.fleet.draining = True
        self.world.fleet.retire()
        self.world.assert_balanced()
        total = self.world.row()
        assert total.offered == total.dropped + total.sent
        gone = total.cut_off + total.link_cut
        assert total.sent == total.answered + total.call_error + total.timed_out + gone + total.unfinished
        for wire in self.wires():
            wire.end()
        self.world.advance_s(100)
        self.world.assert_balanced()
        assert self.world.row() == total, "nothing comes after the end"
        self.world.__exit__()

    def wires(self) -> list[Wire]:
        return [self.world.wire(each) for each in self.world.charge_points if each.transport is not None]

    def pick(self, number: int, *states: int, wired: bool = True) -> ChargePoint | None:
        """One of the charge points in these states, with or without a connection that can be used."""
        found = [
            each
            for each in self.world.charge_points
            if each.state in states
            and (each.transport is not None) == wired
            and not (wired and self.world.wire(each).ending)
        ]
        return found[number % len(found)] if found else None

    @invariant()
    def the_books_balance(self) -> None:
        self.world.assert_balanced()

    @invariant()
    def every_attempt_to_connect_has_one_outcome(self) -> None:
        counters = self.world.books.counters
        outcomes = counters.connects + counters.connect_refused + counters.connect_failed + counters.connect_timed_out
        under_way = sum(each.state == CONNECTING for each in self.world.charge_points)
        given_up = counters.connect_attempts - outcomes - under_way
        assert 0 <= given_up <= sum(each.state == RETIRED for each in self.world.charge_points)

    @rule(duration_s=st.sampled_from([0.01, 0.5, 3.0, 6.5, 40.0]))
    def time_passes(self, duration_s: float) -> None:
        self.world.advance_s(duration_s)
        for wire in self.wires():
            if wire.ending:
                wire.end()

    @rule(number=st.integers(0, 3), outcome=st.sampled_from(["open", "open", "open", "refuse", "cut", "silence"]))
    def the_network_connects(self, number: int, outcome: str) -> None:
        charge_point = self.pick(number, CONNECTING, wired=False)
        if charge_point is None:
            return
        wire = self.world.reach(charge_point)
        if outcome == "open":
            wire.accept()
        elif outcome == "refuse":
            wire.refuse(503, "busy")
            wire.end()
        elif outcome == "cut":
            wire.end(ConnectionResetError())

    @rule(
        number=st.integers(0, 3),
        how=st.sampled_from(["accept"] * 6 + ["refuse", "pending", "error", "garbage", "twice", "wrong"]),
        times=st.integers(1, 6),
    )
    def the_gateway_answers(self, number: int, how: str, times: int) -> None:
        for _ in range(times):
            charge_point = self.pick(number, OPEN, REJECTED, REGISTERED)
            if charge_point is None or self.world.wire(charge_point).outstanding is None:
                return
            if how == "error":
                self.world.answer_error(charge_point)
            elif how == "garbage":
                self.world.tell(b'[3,"?",{}][[', charge_point)
                return
            elif how == "wrong":
                self.world.answer({"idTagInfo": 7, "status": 7}, charge_point)
            else:
                call = self.world.answer(self.answer_of(charge_point, how), charge_point)
                if how == "twice":
                    self.world.tell(b'[3,"%b",{}]' % call.message_id.encode(), charge_point)

    @rule(seconds=st.integers(1, 20))
    def peace_for_a_while(self, seconds: int) -> None:
        """Everybody is connected, accepted and answered: without it no story gets far."""
        for _ in range(seconds * 2):
            while (charge_point := self.pick(0, CONNECTING, wired=False)) is not None:
                self.world.open(charge_point)
            for charge_point in self.world.charge_points:
                if charge_point.state in (OPEN, REGISTERED) and not self.world.wire(charge_point).ending:
                    while self.world.wire(charge_point).outstanding is not None:
                        self.world.answer(self.answer_of(charge_point, "accept"), charge_point)
            self.time_passes(0.5)

    def answer_of(self, charge_point: ChargePoint, how: str) -> dict[str, Any]:
        call = self.world.wire(charge_point).outstanding
        assert call is not None
        match call.action:
            case "BootNotification":
                status = {"refuse": "Rejected", "pending": "Pending"}.get(how, "Accepted")
                return {"status": status, "currentTime": "now", "interval": 3}
            case "Authorize":
                return REFUSED if how == "refuse" else ACCEPTED
            case "StartTransaction":
                return (REFUSED if how == "refuse" else ACCEPTED) | {"transactionId": len(self.world.sent)}
        return {}

    @rule(number=st.integers(0, 3), orderly=st.booleans())
    def a_connection_ends(self, number: int, orderly: bool) -> None:
        charge_point = self.pick(number, CONNECTING, OPEN, REJECTED, REGISTERED)
        if charge_point is None:
            return
        wire = self.world.wire(charge_point)
        if orderly and charge_point.state != CONNECTING:
            wire.gateway.send_close(1001)
            wire.flush()  # TCP ends when time passes
            wire.ending = True
        else:
            wire.end(ConnectionResetError())

    @rule(
        number=st.integers(0, 3),
        request=st.sampled_from(
            [
                b'[2,"c","RemoteStartTransaction",{"idTag":"APP"}]',
                b'[2,"c","TriggerMessage",{"requestedMessage":"BootNotification"}]',
                b'[2,"c","TriggerMessage",{"requestedMessage":"StatusNotification"}]',
                b'[2,"c","ChangeConfiguration",{"key":"HeartbeatInterval","value":"1"}]',
                b'[2,"c","Reset",{"type":"Hard"}]',
            ]
        ),
    )
    def the_central_system_asks(self, number: int, request: bytes) -> None:
        charge_point = self.pick(number, OPEN, REJECTED, REGISTERED)
        if charge_point is not None:
            self.world.tell(request, charge_point)

    @rule()
    @precondition(lambda self: not self.extra_cohort)
    def a_cohort_comes(self) -> None:
        """Numbers are given out once: a charge point that was removed does not come back."""
        self.extra_cohort = first = 1 + max(each.number for each in self.world.charge_points)
        self.world.fleet.cohorts.add(first, 2, self.world.profile)
        self.world.charge_points += [self.world.fleet.cohorts.charge_points[first + each] for each in range(2)]

    @rule()
    @precondition(lambda self: self.extra_cohort)
    def a_cohort_goes(self) -> None:
        self.world.fleet.cohorts.remove(self.extra_cohort)
        self.extra_cohort = 0

    @rule()
    def the_drain_begins(self) -> None:
        if len(self.world.sent) > 30:
            self.world.fleet.draining = True


FleetStory.TestCase.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestFleetStory = FleetStory.TestCase
