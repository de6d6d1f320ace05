"""Every charge point keeps the books of its class, and the classes' add up to those of the process."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from virtual_fleet import World

from loadtest.measure.histogram import Histogram
from loadtest.measure.rows import merge_rows
from loadtest.scenario.fleet_classes import BEYOND_FLEET, told_apart

if TYPE_CHECKING:
    from loadtest.measure.interval import Series

ACCEPTED_BOOT = {"status": "Accepted", "currentTime": "now", "interval": 300}
CLASSES = told_apart([("Depot", 1), ("Kerb", 2)])


def connect(world: World) -> None:
    for charge_point in world.charge_points:
        world.open(charge_point)
        world.answer(ACCEPTED_BOOT, charge_point)


def test_a_process_tells_what_each_class_has_done_and_everything_of_all() -> None:
    with World(3, classes=CLASSES, transaction_gap_s=5.0, transaction_duration_s=3.0) as world:
        world.fleet.cohorts.add(3, 1, world.profile)
        world.charge_points = list(world.fleet.cohorts.charge_points.values())
        world.advance_s(0.001)
        connect(world)
        dropped, *others = (world.charge_points[each] for each in (1, 0, 2, 3))
        world.wire(dropped).end(ConnectionResetError())
        for _ in range(60):
            world.advance_s(1)
            for charge_point in others:
                world.answer_all(charge_point)
        books = world.fleet.books
        told = books.report()
        assert {name: part.registered_ever for name, part in told.items()} == {"Depot": 1, "Kerb": 2, BEYOND_FLEET: 1}
        assert {name: part.counters["engine.disconnects"] for name, part in told.items()} == {
            "Depot": 0,
            "Kerb": 1,
            BEYOND_FLEET: 0,
        }
        assert merge_rows(part.operations for part in told.values()) == books.operations()
        counters: Counter[str] = Counter()
        for part in told.values():
            counters.update(part.counters)
        assert dict(counters) == books.counters()
        assert books.registered_ever == 4
        started = [part.transactions_started for part in told.values()]
        assert all(started)
        assert sum(started) == books.transactions_started
        connects = {name: samples(part.series, "ramp.connect.WebSocket.intended") for name, part in told.items()}
        assert connects == {"Depot": 1, "Kerb": 2, BEYOND_FLEET: 1}
        assert world.recorder.take_interval() == [], "samples of a class are told by its own books alone"


def samples(series: list[Series], tag: str) -> int:
    found = Histogram()
    for each in series:
        if each.tag == tag:
            found.add_series(each)
    return found.total


def test_one_class_has_the_books_of_the_process() -> None:
    with World(2) as world:
        connect(world)
        books = world.fleet.books
        assert books.report() == {}
        assert {charge_point.books for charge_point in world.charge_points} == {books.whole}
        assert books.operations() == books.whole.operations.rows()
