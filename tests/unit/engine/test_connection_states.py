"""What the connections of charge points are like adds up to the fleet, whatever happens to them."""

from __future__ import annotations

from virtual_fleet import World

from loadtest.measure.connection_states import (
    BACKING_OFF,
    CHARGING,
    CONNECTING,
    CONNECTION_STATES,
    HALF_OPEN,
    IDLE,
    OFFLINE,
    REGISTERING,
)
from loadtest.scenario.links import HALF_OPEN as ENDS_HALF_OPEN
from loadtest.scenario.links import RESET, LinkModel
from loadtest.scenario.reconnect import fixed


def state(world: World) -> str:
    """The state of the only charge point there is."""
    gauges = world.fleet.gauges()
    counts = {name: gauges[name] for name in CONNECTION_STATES}
    assert sum(counts.values()) == gauges["charge_points"] == 1
    return next(name for name, count in counts.items() if count)


def test_a_charge_point_is_in_one_state_at_a_time() -> None:
    with World(reconnect=fixed(5), link=LinkModel(mean_up_s=3e8), call_timeout_s=30.0) as world:
        link = world.fleet.links.of(0)
        assert link is not None
        seen = [state(world)]
        wire = world.reach()
        wire.accept()
        seen.append(state(world))
        world.answer({"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "interval": 300})
        seen.append(state(world))
        world.charge()
        seen.append(state(world))
        link.go_down(ENDS_HALF_OPEN)
        seen.append(state(world))
        assert seen == [CONNECTING, REGISTERING, IDLE, CHARGING, HALF_OPEN]


def test_a_charge_point_that_cannot_connect_backs_off() -> None:
    with World(reconnect=fixed(5), link=LinkModel(mean_up_s=3e8)) as world:
        world.register()
        link = world.fleet.links.of(0)
        assert link is not None
        link.go_down(RESET)
        world.wire().end()
        assert state(world) == BACKING_OFF
        world.fleet.retire()
        assert state(world) == OFFLINE
