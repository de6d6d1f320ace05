"""ReserveNow and CancelReservation: who may use a connector, and until when."""

from __future__ import annotations

from typing import Any

import pytest
from commanding import ask, run_s, told, wall
from test_transaction import begin
from virtual_fleet import World

MINE, OTHER = "MINE", "OTHER"
CARD = {"listVersion": 1, "updateType": "Full"}


def reserve(world: World, connector: int = 1, reservation: int = 7, **changes: Any) -> str:
    """Reserve for an hour; the status, after which everything there is to report is reported."""
    request = {"connectorId": connector, "expiryDate": wall(world, 3600), "idTag": MINE, "reservationId": reservation}
    status = str(ask(world, "ReserveNow", **request | changes)["status"])
    world.answer_all()
    return status


def cancel(world: World, reservation: int = 7) -> str:
    status = str(ask(world, "CancelReservation", reservationId=reservation)["status"])
    world.answer_all()
    return status


def remote_start(world: World, id_tag: str, **connector: int) -> str:
    return str(ask(world, "RemoteStartTransaction", idTag=id_tag, **connector)["status"])


def states(world: World) -> list[tuple[int, str]]:
    """What has been reported since the last time."""
    found = [(payload["connectorId"], payload["status"]) for payload in told(world, "StatusNotification")]
    world.sent.clear()
    return found


def reserving_world(**changes: Any) -> World:
    return World(**{"connectors": 2, "transaction_duration_s": 100_000.0} | changes)


def registered(world: World) -> World:
    world.register()
    states(world)
    return world


def test_a_connector_is_reserved_until_it_is_cancelled() -> None:
    with reserving_world() as world:
        registered(world)
        assert reserve(world) == "Accepted"
        assert states(world) == [(1, "Reserved")]
        assert cancel(world, 8) == "Rejected"
        assert cancel(world) == "Accepted"
        assert states(world) == [(1, "Available")]
        assert cancel(world) == "Rejected"


def test_a_reservation_expires() -> None:
    with reserving_world() as world:
        registered(world)
        assert reserve(world, expiryDate=wall(world, 60)) == "Accepted"
        run_s(world, 59)
        assert states(world) == [(1, "Reserved")]
        run_s(world, 2)
        assert states(world) == [(1, "Available")]
        assert cancel(world) == "Rejected"


def test_a_transaction_of_the_tag_uses_it_and_names_it() -> None:
    with reserving_world() as world:
        registered(world)
        reserve(world, expiryDate=wall(world, 100))
        assert remote_start(world, OTHER, connectorId=1) == "Rejected"
        assert remote_start(world, MINE.lower(), connectorId=1) == "Accepted"
        run_s(world, 30)
        (start,) = told(world, "StartTransaction")
        assert (start["connectorId"], start["reservationId"]) == (1, 7)
        assert cancel(world) == "Rejected"
        run_s(world, 90)
        assert states(world) == [(1, "Reserved"), (1, "Preparing"), (1, "Charging")]  # it does not expire any more


def test_another_tag_is_given_another_connector_without_the_reservation() -> None:
    with reserving_world() as world:
        registered(world)
        reserve(world)
        assert remote_start(world, OTHER) == "Accepted"
        run_s(world, 30)
        (start,) = told(world, "StartTransaction")
        assert start["connectorId"] == 2
        assert "reservationId" not in start


def test_the_group_of_the_tag_may_use_it_too_as_far_as_it_is_known() -> None:
    with reserving_world() as world:
        registered(world)
        reserve(world, parentIdTag="FAMILY")
        assert remote_start(world, OTHER, connectorId=1) == "Rejected"
        entry = {"idTag": OTHER, "idTagInfo": {"status": "Accepted", "parentIdTag": "family"}}
        ask(world, "SendLocalList", **CARD, localAuthorizationList=[entry])
        assert remote_start(world, OTHER, connectorId=1) == "Accepted"
        run_s(world, 30)
        (start,) = told(world, "StartTransaction")
        assert start["reservationId"] == 7


def test_who_does_not_start_leaves_it_reserved() -> None:
    with reserving_world(configuration={"AuthorizeRemoteTxRequests": "true"}) as world:
        registered(world)
        reserve(world)
        assert remote_start(world, MINE, connectorId=1) == "Accepted"
        world.answer({})
        assert world.answer({"idTagInfo": {"status": "Blocked"}}).action == "Authorize"
        world.answer_all()
        assert states(world) == [(1, "Reserved"), (1, "Preparing"), (1, "Available"), (1, "Reserved")]
        assert remote_start(world, OTHER, connectorId=1) == "Rejected"
        assert cancel(world) == "Accepted"


def test_drivers_keep_off_a_reserved_connector_unless_it_is_theirs() -> None:
    for tag, turned_away in (("SOMEBODY", True), ("TAG0000000", False)):
        with reserving_world(connectors=1, transaction_gap_s=10.0) as world:
            registered(world)
            reserve(world, idTag=tag)
            run_s(world, 120)
            assert world.books.counters.drivers_turned_away > 0  # the others, or all
            started = [start.get("reservationId") for start in told(world, "StartTransaction")]
            assert started[:1] == ([] if turned_away else [7])


@pytest.mark.parametrize("connector", [1, 2])
def test_the_same_id_replaces_a_reservation(connector: int) -> None:
    with reserving_world() as world:
        registered(world)
        reserve(world, expiryDate=wall(world, 60))
        assert reserve(world, connector, idTag=OTHER) == "Accepted"
        moved = [(1, "Available"), (2, "Reserved")]
        assert states(world) == [(1, "Reserved"), *(moved if connector == 2 else [])]
        run_s(world, 100)
        assert states(world) == []  # the first one's end is nobody's
        assert remote_start(world, MINE, connectorId=connector) == "Rejected"
        assert remote_start(world, OTHER, connectorId=connector) == "Accepted"


def test_what_is_taken_is_occupied() -> None:
    with reserving_world() as world:
        registered(world)
        begin(world, 100, 1)
        world.answer_all()
        assert reserve(world, 1) == "Occupied"
        assert reserve(world, 2) == "Accepted"
        assert reserve(world, 2, 8) == "Occupied"
        assert reserve(world, 1, 7) == "Occupied"  # and the old one stays
        assert cancel(world) == "Accepted"


def test_out_of_service_is_unavailable_and_ends_a_reservation() -> None:
    with reserving_world() as world:
        registered(world)
        reserve(world)
        ask(world, "ChangeAvailability", connectorId=1, type="Inoperative")
        world.answer_all()
        assert cancel(world) == "Rejected"
        assert reserve(world) == "Unavailable"
        assert reserve(world, 2) == "Accepted"
        ask(world, "ChangeAvailability", connectorId=0, type="Inoperative")
        world.answer_all()
        assert reserve(world, 2) == "Unavailable"
        ask(world, "ChangeAvailability", connectorId=0, type="Operative")
        world.answer_all()
        assert reserve(world, 2) == "Accepted"


def test_out_of_service_after_who_never_came_ends_a_reservation_too() -> None:
    with reserving_world(configuration={"ConnectionTimeOut": "5"}, time_scale=0.01) as world:
        registered(world)
        reserve(world)
        assert remote_start(world, MINE, connectorId=1) == "Accepted"
        ask(world, "ChangeAvailability", connectorId=1, type="Inoperative")
        run_s(world, 6)
        assert states(world)[-1] == (1, "Unavailable")
        assert cancel(world) == "Rejected"


def test_a_fault_is_told() -> None:
    with reserving_world() as world:
        registered(world)
        world.one.set_status(1, b"Faulted", world.clock())
        world.answer_all()
        assert reserve(world) == "Faulted"


def test_a_reservation_survives_a_restart() -> None:
    with reserving_world() as world:
        registered(world)
        reserve(world)
        ask(world, "Reset", type="Hard")
        world.wire().end()
        run_s(world, 0)
        world.advance_s(30)
        states(world)
        world.register()
        assert states(world) == [(0, "Available"), (1, "Reserved"), (2, "Available")]
        assert cancel(world) == "Accepted"


@pytest.mark.parametrize(
    "changes",
    [
        {"connectorId": 0},
        {"connectorId": 3},
        {"connectorId": -1},
        {"expiryDate": "2001-01-01T00:00:00Z"},
    ],
)
def test_what_cannot_be_reserved_is_rejected(changes: dict[str, Any]) -> None:
    with reserving_world() as world:
        registered(world)
        assert reserve(world, **changes) == "Rejected"


def test_without_the_feature_profile_it_is_rejected() -> None:
    with reserving_world(configuration={"SupportedFeatureProfiles": "Core"}) as world:
        registered(world)
        assert reserve(world) == "Rejected"


def test_connector_zero_keeps_any_connector_free() -> None:
    with reserving_world(configuration={"ReserveConnectorZeroSupported": "true"}) as world:
        registered(world)
        assert reserve(world, 0) == "Accepted"
        assert reserve(world, 0, 8) == "Occupied"
        assert states(world) == []
        assert remote_start(world, OTHER) == "Accepted"
        run_s(world, 30)
        assert remote_start(world, OTHER) == "Rejected"
        assert reserve(world, 2, 8) == "Occupied"
        assert remote_start(world, MINE) == "Accepted"
        run_s(world, 30)
        first, second = told(world, "StartTransaction")
        assert "reservationId" not in first
        assert second["reservationId"] == 7
        assert reserve(world, 0) == "Occupied"


def test_connector_zero_expires_unseen() -> None:
    with reserving_world(connectors=1, configuration={"ReserveConnectorZeroSupported": "true"}) as world:
        registered(world)
        assert reserve(world, 0, expiryDate=wall(world, 60)) == "Accepted"
        assert remote_start(world, OTHER) == "Rejected"
        run_s(world, 61)
        assert states(world) == []
        assert remote_start(world, OTHER) == "Accepted"
