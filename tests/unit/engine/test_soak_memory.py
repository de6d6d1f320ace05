"""Hours of churn leave nothing behind: what hangs on engine and subscriber is as much after four hours as after two."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from soak_world import Soak, reachable

from loadtest.csms import outstanding_commands
from loadtest.scenario.commands import CommandLoad

if TYPE_CHECKING:
    import pytest

CHARGE_POINTS, HOUR_S, MINUTE_S = 2, 3600, 60
COMMANDS = CommandLoad(
    rates={
        "ChangeConfiguration": 0.01,
        "GetConfiguration": 0.01,
        "RemoteStartTransaction": 0.02,
        "RemoteStopTransaction": 0.02,
        "Reset": 0.002,
        "SetChargingProfile": 0.05,
        "TriggerMessage": 0.02,
    },
    payloads={"Reset": {"type": "Soft"}},
)


class Footprint(NamedTuple):
    """What hangs on a part: an object kept for each transaction would be 120 more, 12 bytes for each absence 3,700."""

    objects: int
    size_bytes: int

    def is_no_more_than(self, before: Footprint) -> bool:
        """An open connection may be 30 objects."""
        return self.objects < before.objects + 60 and self.size_bytes < before.size_bytes + 3_000


def footprint(found: list[object]) -> Footprint:
    return Footprint(len(found), sum(map(sys.getsizeof, found)))


def at_rest(soak: Soak) -> tuple[Footprint, Footprint]:
    """The least of engine and of subscriber within ten minutes: links come and go."""
    engine, subscriber = [], []
    for _ in range(10):
        soak.pass_time(MINUTE_S)
        engine.append(footprint(reachable(soak.fleet, without=(soak, soak.commander, soak.central_system))))
        subscriber.append(footprint(reachable(soak.central_system, without=(soak, soak.pacer, soak.fleet))))
    return min(engine), min(subscriber)


def test_four_hours_of_churn_take_no_more_memory_than_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outstanding_commands, "REMEMBERED", 16)  # reached within the first hour
    with Soak(CHARGE_POINTS, COMMANDS) as soak:
        soak.pass_time(2 * HOUR_S - 10 * MINUTE_S)
        engine, subscriber = at_rest(soak)
        answered, stopped = soak.row().answered, soak.fleet.transaction_book.stopped
        disconnects = soak.books.counters.disconnects

        soak.pass_time(2 * HOUR_S - 10 * MINUTE_S)
        engine_later, subscriber_later = at_rest(soak)

        assert soak.row().answered - answered > 2_000
        assert soak.fleet.transaction_book.stopped - stopped > 100
        assert soak.books.counters.disconnects - disconnects > 100
        assert soak.invalid == []
        assert engine_later.is_no_more_than(engine), (engine, engine_later)
        assert subscriber_later.is_no_more_than(subscriber), (subscriber, subscriber_later)
