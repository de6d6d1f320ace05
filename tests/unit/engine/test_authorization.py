"""When a charge point asks about a tag, and when it knows: local list, cache, offline."""

from __future__ import annotations

from typing import Any

import pytest
from commanding import ask, run_s, told, wall
from hypothesis import given
from hypothesis import strategies as st
from virtual_fleet import World

from loadtest.engine import local_list
from loadtest.engine.authorization import CACHE_SIZE, Decision, decide, learn, parent_of
from loadtest.engine.local_list import EMPTY, Entry, LocalList
from loadtest.scenario.reconnect import CappedDoubling

ASK, ACCEPT, REFUSE = Decision.ASK, Decision.ACCEPT, Decision.REFUSE


def entry(id_tag: str, status: str | None = "Accepted", **info: str) -> dict[str, Any]:
    return {"idTag": id_tag} | ({"idTagInfo": {"status": status, **info}} if status else {})


def send(world: World, version: int, *entries: dict[str, Any], update: str = "Full") -> str:
    request = {"listVersion": version, "updateType": update, "localAuthorizationList": list(entries)}
    return str(ask(world, "SendLocalList", **request)["status"])


def version(world: World) -> int:
    return int(ask(world, "GetLocalListVersion")["listVersion"])


def offline(world: World) -> None:
    world.wire().end()


def decision(world: World, id_tag: bytes) -> Decision:
    return decide(world.one, id_tag, world.clock())


def known(world: World, id_tag: bytes, status: str = "Accepted", **info: Any) -> None:
    """The central system has answered about a tag."""
    learn(world.one, id_tag, status, info.get("expiry"), info.get("parent"), world.clock())


def configured(**configuration: str) -> World:
    return World(configuration=configuration)


# The list ------------------------------------------------------------------------------------------------------------


def test_a_list_is_replaced_or_updated_and_has_a_version() -> None:
    with World() as world:
        world.register()
        assert version(world) == 0
        assert world.one.features_or_none is None or world.one.features_or_none.authorization is None
        assert send(world, 3, entry("A"), entry("B")) == "Accepted"
        assert version(world) == 3
        assert send(world, 3, entry("C"), update="Differential") == "VersionMismatch"
        assert send(world, 5, entry("A", None), entry("B", "Blocked"), entry("C"), update="Differential") == "Accepted"
        assert version(world) == 5
        features = world.one.features_or_none
        assert features is not None
        assert features.authorization is not None
        assert features.authorization.local_list.entries == {
            b"b": Entry(valid=False, expires_ns=None, parent=None),
            b"c": Entry(valid=True, expires_ns=None, parent=None),
        }
        assert send(world, 2, entry("D")) == "Accepted"  # a full list may go back
        assert version(world) == 2
        assert send(world, 9) == "Accepted"
        assert version(world) == 0  # it is empty
        assert ask(world, "SendLocalList", listVersion=4, updateType="Full") == {"status": "Accepted"}


@pytest.mark.parametrize(
    ("number", "entries"),
    [
        (1, [entry("A", None)]),
        (0, [entry("A")]),
        (-1, [entry("A")]),
        (1, [entry(f"T{each}") for each in range(3)]),  # more than fit
        (1, [entry("A")] * 4),  # more than may be sent
    ],
)
def test_a_list_that_cannot_be_kept_changes_nothing(number: int, entries: list[dict[str, Any]]) -> None:
    with configured(LocalAuthListMaxLength="2", SendLocalListMaxLength="3") as world:
        world.register()
        send(world, 7, entry("OLD"))
        assert send(world, number, *entries) == "Failed"
        assert version(world) == 7


@pytest.mark.parametrize("key", [{"LocalAuthListEnabled": "false"}, {"SupportedFeatureProfiles": "Core"}])
def test_where_there_is_no_list_none_is_taken(key: dict[str, str]) -> None:
    with configured(**key) as world:
        world.register()
        assert send(world, 1, entry("A")) == "NotSupported"
        assert version(world) == -1


tags = st.sampled_from(["A", "b", "Cc"])
changes = st.lists(st.tuples(tags, st.sampled_from(["Accepted", "Blocked", None])), max_size=4)


@given(st.lists(changes, max_size=4))
def test_updates_add_up_and_are_shared(history: list[list[tuple[str, str | None]]]) -> None:
    first = second = EMPTY
    expected: dict[bytes, bool] = {}
    for number, update in enumerate(history, 1):
        data = [entry(id_tag, status) for id_tag, status in update]
        first = first.differential(number, data, int)
        second = second.differential(number, data, int)
        for id_tag, status in update:
            expected.pop(id_tag.lower().encode(), None)
            if status is not None:
                expected[id_tag.lower().encode()] = status == "Accepted"
    assert first is second
    assert {id_tag: each.valid for id_tag, each in first.entries.items()} == expected


def test_thousands_share_a_list_and_nobody_keeps_it_when_they_are_gone() -> None:
    data = [entry(f"SHARED-{each}") for each in range(10)]
    lists: list[LocalList] = [EMPTY.full(1, data, int) for _ in range(5)]
    assert len({id(each) for each in lists}) == 1
    other = lists[0].differential(2, [entry("X")], int)
    assert b"x" not in lists[0].entries
    before = len(local_list._known)
    del lists, other
    assert len(local_list._known) == before - 2


# Decisions -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pre_authorize", ["true", "false"])
@pytest.mark.parametrize("authorize_offline", ["true", "false"])
@pytest.mark.parametrize("allow_unknown", ["true", "false"])
@pytest.mark.parametrize("source", ["list", "cache"])
def test_who_is_asked_about(pre_authorize: str, authorize_offline: str, allow_unknown: str, source: str) -> None:
    keys = {
        "LocalPreAuthorize": pre_authorize,
        "LocalAuthorizeOffline": authorize_offline,
        "AllowOfflineTxForUnknownId": allow_unknown,
        "AuthorizationCacheEnabled": "true",
    }
    with configured(**keys) as world:
        world.register()
        soon = wall(world, 60)
        if source == "list":
            entries = [entry("good"), entry("bad", "Blocked"), entry("brief", expiryDate=soon)]
            assert send(world, 1, *entries) == "Accepted"
        else:
            known(world, b"good")
            known(world, b"bad", "Blocked")
            known(world, b"brief", expiry=soon)
        at_once = ACCEPT if pre_authorize == "true" else ASK
        allowed = ACCEPT if allow_unknown == "true" else REFUSE
        trusted = ACCEPT if authorize_offline == "true" else allowed
        assert decision(world, b"GOOD") is at_once
        assert decision(world, b"brief") is at_once
        assert decision(world, b"bad") is ASK
        assert decision(world, b"new") is ASK
        world.advance_s(61)
        assert decision(world, b"brief") is ASK
        offline(world)
        assert decision(world, b"good") is trusted
        assert decision(world, b"bad") is REFUSE
        assert decision(world, b"brief") is REFUSE  # expired by the passage of time
        assert decision(world, b"new") is allowed


def test_what_is_disabled_is_not_consulted() -> None:
    with configured(LocalPreAuthorize="true", AuthorizationCacheEnabled="true") as world:
        world.register()
        send(world, 1, entry("listed"))
        known(world, b"cached")
        assert (decision(world, b"listed"), decision(world, b"cached")) == (ACCEPT, ACCEPT)
        ask(world, "ChangeConfiguration", key="LocalAuthListEnabled", value="false")
        ask(world, "ChangeConfiguration", key="AuthorizationCacheEnabled", value="false")
        assert (decision(world, b"listed"), decision(world, b"cached")) == (ASK, ASK)


def test_the_list_comes_before_the_cache() -> None:
    with configured(LocalPreAuthorize="true", AuthorizationCacheEnabled="true") as world:
        world.register()
        known(world, b"tag", "Blocked", parent="Cached")
        assert parent_of(world.one, b"TAG") == b"cached"
        send(world, 1, entry("tag", parentIdTag="Listed"))
        assert parent_of(world.one, b"TAG") == b"listed"
        assert decision(world, b"tag") is ACCEPT


def test_an_answer_that_contradicts_the_list_is_reported() -> None:
    with configured(AuthorizationCacheEnabled="true") as world:
        world.register()
        send(world, 1, entry("tag"))
        known(world, b"tag", "Accepted")
        known(world, b"tag", "ConcurrentTx")
        world.answer_all()
        world.sent.clear()
        known(world, b"tag", "Blocked")
        world.answer_all()
        (conflict,) = told(world, "StatusNotification")
        assert (conflict["connectorId"], conflict["errorCode"]) == (0, "LocalListConflict")
        features = world.one.features_or_none
        assert features is not None
        assert features.authorization is not None
        assert features.authorization.cache == {}  # listed tags are not cached


# The cache -----------------------------------------------------------------------------------------------------------


def test_a_full_cache_drops_what_is_not_valid_then_the_oldest() -> None:
    with configured(AuthorizationCacheEnabled="true", LocalPreAuthorize="true") as world:
        world.register()
        for each in range(CACHE_SIZE - 2):
            known(world, b"OLD%d" % each)
        known(world, b"blocked", "Blocked")
        known(world, b"brief", expiry=wall(world, 1))
        world.advance_s(2)
        known(world, b"OLD0")  # refreshed: OLD1 is the oldest now
        known(world, b"new1")
        assert parent_of(world.one, b"blocked") is None
        assert decision(world, b"OLD1") is ACCEPT
        known(world, b"new2")
        known(world, b"new3")
        assert [decision(world, tag) for tag in (b"OLD0", b"OLD1", b"OLD2", b"new3")] == [ACCEPT, ASK, ACCEPT, ACCEPT]


def test_without_a_cache_nothing_is_kept() -> None:
    with World() as world:
        world.register()
        known(world, b"tag")
        assert world.one.features_or_none is None
        assert ask(world, "ClearCache") == {"status": "Rejected"}


def test_an_expiry_that_is_none_is_counted() -> None:
    with configured(AuthorizationCacheEnabled="true") as world:
        world.register()
        known(world, b"tag", expiry="tomorrow")
        assert world.books.counters.malformed == 1


def test_a_driver_is_asked_about_once_until_the_cache_is_cleared() -> None:
    with World(
        transaction_gap_s=10.0,
        transaction_duration_s=2.0,
        configuration={"AuthorizationCacheEnabled": "true", "LocalPreAuthorize": "true"},
    ) as world:
        world.register()
        run_s(world, 120)
        assert len(told(world, "Authorize")) == 1
        assert len(told(world, "StartTransaction")) > 2
        assert ask(world, "ClearCache") == {"status": "Accepted"}
        run_s(world, 120)
        assert len(told(world, "Authorize")) == 2


def test_a_listed_driver_charges_while_the_charge_point_is_offline() -> None:
    with World(
        transaction_gap_s=10.0, transaction_duration_s=2.0, reconnect=CappedDoubling(minimum_s=200, maximum_s=200)
    ) as world:
        world.register()
        send(world, 1, entry("TAG0000000"))
        world.sent.clear()
        offline(world)
        world.advance_s(100)
        world.open()
        world.answer({"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "interval": 300})
        world.answer_all()
        assert told(world, "Authorize") == []
        assert told(world, "StartTransaction")
