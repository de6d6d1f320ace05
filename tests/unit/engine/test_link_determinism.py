"""The same seed gives the same links, attempts and sessions, with one engine for the whole fleet or with four."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from virtual_fleet import ACCEPTED, Wire, World

from loadtest.engine.network_fault import NetworkFault
from loadtest.engine.sending import OPEN, REGISTERED
from loadtest.measure.link_cuts import ABSENCE, IN_FLIGHT
from loadtest.scenario.links import LinkModel, RegionalOutages
from loadtest.scenario.reconnect import LIBOCPP, OCPP_GO, Mixture
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from loadtest.engine.registration import RegisteringConnection

CHARGE_POINTS = 8
DURATION_S = 300
STEP_S = 0.1
_SAID = ("connectorId", "status", "meterStart", "meterStop")


class Life(NamedTuple):
    """Everything a fleet has done and suffered that anybody can see, in no order."""

    calls: set[tuple[Any, ...]]
    in_flight: set[tuple[Any, ...]]
    absences: set[tuple[Any, ...]]
    counters: dict[str, int]

    def with_those_of(self, other: Life) -> Life:
        """Both fleets as one."""
        counters = {name: count + other.counters[name] for name, count in self.counters.items()}
        return Life(
            self.calls | other.calls, self.in_flight | other.in_flight, self.absences | other.absences, counters
        )


def life(seed: int, first: int, count: int) -> Life:
    """Charge points ``first`` to ``first + count - 1`` on bad links, and a gateway that answers everything."""
    link = LinkModel(
        mean_up_s=60,
        down_median_s=6,
        bad_share=0.3,
        latency_s=0.05,
        jitter_s=0.1,
        bandwidth_bit_s=20_000,
        regional=RegionalOutages(regions=3, mean_between_s=150, median_s=10),
    )
    reconnect = Mixture(((1, LIBOCPP), (1, OCPP_GO)))
    options: dict[str, Any] = {"call_timeout_s": 10.0, "transaction_gap_s": 30.0, "meter_interval_s": 5.0}
    with World(count, first=first, seed=seed, link=link, reconnect=reconnect, **options) as world:
        fleet, wires = world.fleet, list[Wire]()

        def cancel(charge_point: RegisteringConnection) -> bool:
            return fleet.dialled.pop(charge_point.number, None) is not None

        fleet.connections.diallers["gateway"].cancel = cancel  # type: ignore[method-assign]
        for step in range(int(DURATION_S / STEP_S)):
            if step * STEP_S == DURATION_S / 2:
                fleet.fault_cuts.cut_off(NetworkFault(seed, 0.5, 7, (), world.clock() + 20 * NS_PER_S))
            for number in sorted(fleet.dialled):
                wires.append(world.reach(fleet.cohorts.charge_points[number]))
            for wire in wires:
                serve(world, wire)
            world.advance_s(STEP_S)
            for wire in [each for each in wires if each.ending]:
                wires.remove(wire)
                wire.end()
        in_flight, absences = fleet.link_cuts.report(final=True)
        return Life(
            calls={
                (*call.stamp, call.action, *(call.payload.get(name) for name in _SAID), call.at_ns)
                for call in world.sent
            },
            in_flight=set(IN_FLIGHT.iter_unpack(in_flight)),
            absences=set(ABSENCE.iter_unpack(absences)),
            counters=fleet.books.whole.counters.report(),
        )


def serve(world: World, wire: Wire) -> None:
    """Accept the handshake that has come, or answer the CALL."""
    if wire.ending:
        return
    if wire.path and not wire.accepted:
        wire.accept()
    elif wire.outstanding is not None and wire is current(world, wire):
        boot = {"status": "Accepted", "currentTime": "now", "interval": 20}
        transaction = ACCEPTED | {"transactionId": wire.outstanding.stamp.sequence}
        answers = {"BootNotification": boot, "StartTransaction": transaction, "Authorize": ACCEPTED}
        world.answer(answers.get(wire.outstanding.action, {}), wire._charge_point)


def current(world: World, wire: Wire) -> Wire | None:
    """The connection its charge point has now, unless nothing passes over it."""
    charge_point = wire._charge_point
    link = world.fleet.links.of(charge_point.number)
    usable = charge_point.state in (OPEN, REGISTERED) and charge_point.is_open
    return world.wire(charge_point) if usable and link is not None and not link.is_half_open else None


def test_one_engine_or_four_make_no_difference_and_the_seed_does() -> None:
    whole = life(3, 0, CHARGE_POINTS)
    quarters = [life(3, first, 2) for first in range(0, CHARGE_POINTS, 2)]
    together = quarters[0]
    for quarter in quarters[1:]:
        together = together.with_those_of(quarter)
    assert together == whole
    for name in (
        "link_outages",
        "link_outages_regional",
        "link_resets",
        "link_closes",
        "link_half_open",
        "cut_by_fault",
    ):
        assert whole.counters[f"engine.{name}"] > 0
    assert whole.in_flight
    assert whole.absences
    other = life(6, 0, CHARGE_POINTS)
    assert other.calls.isdisjoint(whole.calls)
    assert other.absences.isdisjoint(whole.absences)
