"""Faults of the network that a scenario declares: whom they hit, and that nobody of them connects before the end."""

from __future__ import annotations

import errno
from typing import Any

from virtual_fleet import World

from loadtest.engine.connect_failures import ConnectFailures, cause_of_error, cause_of_status, in_words
from loadtest.engine.network_fault import NetworkFault
from loadtest.engine.sending import CONNECTING, OFFLINE
from loadtest.scenario.links import LinkModel, RegionalOutages
from loadtest.scenario.reconnect import fixed
from loadtest.units import NS_PER_S

REGIONS = LinkModel(mean_up_s=3e8, regional=RegionalOutages(regions=3, mean_between_s=3e8))


def fault(world: World, *, lasts_s: float = 0, **changes: Any) -> NetworkFault:
    until_ns = world.clock() + int(lasts_s * NS_PER_S) if lasts_s else 0
    whom: dict[str, Any] = {"share": 1.0, "draw": 7, "regions": ()} | changes
    return NetworkFault(seed=1, until_ns=until_ns, **whom)


def test_an_outage_keeps_away_until_it_is_over() -> None:
    with World(reconnect=fixed(5)) as world:
        world.register()
        wire = world.wire()
        world.fleet.fault_cuts.cut_off(fault(world, lasts_s=18))
        assert wire.ending
        wire.end()
        world.advance_s(17)
        counters = world.books.counters
        assert (counters.cut_by_fault, counters.connect_attempts, counters.connect_failed) == (1, 4, 3)
        assert world.fleet.connect_failures.report() == {"engine.connect_failures.no_network": 3}
        assert world.fleet.connect_failures.first == {}, "nobody else is to blame"
        assert world.fleet.dialled == {}
        world.advance_s(4)
        assert world.fleet.dialled.keys() == {0}
        world.open()
        world.assert_balanced()


def test_a_cut_lets_them_connect_at_once() -> None:
    with World(reconnect=fixed(5)) as world:
        world.register()
        wire = world.wire()
        world.fleet.fault_cuts.cut_off(fault(world))
        wire.end()
        world.advance_s(5.1)
        assert world.one.state == CONNECTING
        assert world.books.counters.connect_failed == 0


def test_an_attempt_under_way_comes_to_nothing() -> None:
    with World(link=LinkModel(mean_up_s=3e8, latency_s=5), reconnect=fixed(30)) as world:
        assert world.one.state == CONNECTING
        world.fleet.fault_cuts.cut_off(fault(world, lasts_s=20))
        assert world.one.state == OFFLINE
        world.advance_s(20)
        assert world.fleet.dialled == {}
        assert world.books.counters.connect_failed == 1


def test_a_large_fleet_is_cut_bit_by_bit_so_that_nothing_else_is_late() -> None:
    with World(count=450) as world:
        wires = [world.open(each) for each in world.charge_points]
        world.fleet.fault_cuts.cut_off(fault(world, lasts_s=9))
        assert sum(wire.ending for wire in wires) == 200
        world.advance_s(0.01)
        assert all(wire.ending for wire in wires)
        assert world.books.counters.cut_by_fault == 450


def test_only_the_regions_named_are_hit() -> None:
    with World(count=9, link=REGIONS) as world:
        wires = [world.open(each) for each in world.charge_points]
        world.fleet.fault_cuts.cut_off(fault(world, lasts_s=9, regions=(0, 2)))
        assert [wire.ending for wire in wires] == [True, False, True] * 3


def test_who_lies_in_no_region_is_not_hit_by_one() -> None:
    with World() as world:
        wire = world.open()
        world.fleet.fault_cuts.cut_off(fault(world, lasts_s=9, regions=(0,)))
        assert not wire.ending


def test_the_share_is_drawn_anew_for_each_fault() -> None:
    with World(count=200) as world:
        drawn = [
            {each.number for each in world.charge_points if fault(world, share=0.5, draw=draw).hits(each)}
            for draw in (7, 8)
        ]
        assert all(70 < len(numbers) < 130 for numbers in drawn)
        assert drawn[0] != drawn[1]


def test_failures_are_counted_by_cause_and_the_first_of_each_is_told() -> None:
    failures = ConnectFailures()
    for cause, text in (("http_503", "a"), ("http_503", "b"), ("http_401", "c"), ("no_network", "")):
        failures.add(cause, text)
    assert failures.take_untold() == ["a", "c"]
    failures.add("http_401", "d")
    assert failures.take_untold() == []
    assert failures.report() == {
        "engine.connect_failures.http_503": 2,
        "engine.connect_failures.http_401": 2,
        "engine.connect_failures.no_network": 1,
    }
    assert (cause_of_status(503), cause_of_status(0)) == ("http_503", "not_websocket")
    assert cause_of_error(OSError(errno.EMFILE, "Too many open files")) == "no_descriptors"
    assert cause_of_error(OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")) == "no_source_port"
    assert cause_of_error(OSError(errno.ENOBUFS, "No buffer space available")) == "no_memory"
    assert in_words(OSError(errno.EMFILE, "Too many open files")).startswith("no file descriptor left: ")
    assert (cause_of_error(ConnectionRefusedError()), cause_of_error(OSError())) == ("connection_refused", "network")
