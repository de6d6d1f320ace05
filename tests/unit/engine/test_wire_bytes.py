"""Bytes on the wire: every connection is counted once, however it ends and whatever link is between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from virtual_fleet import Wire, World

from loadtest.scenario.links import HALF_OPEN, LinkModel
from loadtest.scenario.reconnect import fixed
from loadtest.transport import tcp

if TYPE_CHECKING:
    import asyncio

ON_A_LINK = LinkModel(mean_up_s=3e8)
"""Whose outages the test makes itself."""


@pytest.fixture(autouse=True)
def kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel to which every connection has sent 100 bytes and received 10."""

    def transferred(transport: asyncio.Transport) -> tuple[int, int]:
        assert isinstance(transport, Wire), "the real connection, not the end of a link"
        return 100, 10

    monkeypatch.setattr(tcp, "transferred_bytes", transferred)


@pytest.mark.parametrize("link", [None, ON_A_LINK])
def test_a_connection_that_ends_and_one_that_lasts_are_counted_once_each(link: LinkModel | None) -> None:
    with World(count=2, reconnect=fixed(5), link=link) as world:
        for charge_point in world.charge_points:
            world.open(charge_point)
        wires = world.books.wire_bytes
        world.wire(world.charge_points[0]).end(ConnectionResetError())
        assert (wires.connections, wires.sent, wires.received, wires.uncounted) == (1, 100, 10, 0)
        world.fleet.retire()
        assert wires.report() == {
            "engine.tcp_connections": 2,
            "engine.tcp_bytes_sent": 200,
            "engine.tcp_bytes_received": 20,
            "engine.tcp_uncounted": 0,
        }


def test_a_ghost_is_counted_when_its_end_comes_and_at_the_end_of_the_run_at_the_latest() -> None:
    with World(count=2, reconnect=fixed(500), link=ON_A_LINK) as world:
        wires = world.books.wire_bytes
        ghosts = [world.open(charge_point) for charge_point in world.charge_points]
        for charge_point in world.charge_points:
            link = world.fleet.links.of(charge_point.number)
            assert link is not None
            link.go_down(HALF_OPEN)
            charge_point.abort()
        world.advance_s(1)
        assert [charge_point.transport for charge_point in world.charge_points] == [None, None]
        assert wires.connections == 0, "the peers have them still"
        ghosts[0].end()
        assert wires.connections == 1
        world.fleet.retire()
        assert (wires.connections, wires.uncounted) == (2, 0)


def test_what_the_kernel_does_not_tell_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "transferred_bytes", lambda _: None)
    with World() as world:
        world.register()
        world.wire().end()
        wires = world.books.wire_bytes
        assert (wires.connections, wires.uncounted) == (0, 1)


def test_coming_back_takes_from_the_loss_until_registered_again() -> None:
    with World(reconnect=fixed(5)) as world:
        world.register()
        world.advance_s(3)
        world.wire().end()
        world.advance_s(2)
        assert world.samples_of("ramp.reconnect.BootNotification.intended").total == 0
        world.advance_s(3.5)
        world.register()
        took = world.samples_of("ramp.reconnect.BootNotification.intended")
        assert took.total == 1
        assert took.min_us == pytest.approx(5_500_000, rel=0.01)
        served = world.samples_of("ramp.reconnect.BootNotification.service")
        assert served.total == 1
        assert served.min_us == pytest.approx(500_000, rel=0.01)
