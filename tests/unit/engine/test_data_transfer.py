"""DataTransfer, both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from commanding import ask, told
from virtual_fleet import World

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def world() -> Iterator[World]:
    with World() as world:
        world.register()
        yield world
        world.assert_balanced()


def test_echo_returns_the_data(world: World) -> None:
    data = 'text with "quotes", \\ and ü'
    answer = ask(world, "DataTransfer", vendorId="loadtest", messageId="echo", data=data)
    assert answer == {"status": "Accepted", "data": data}
    assert ask(world, "DataTransfer", vendorId="loadtest", messageId="echo") == {"status": "Accepted", "data": ""}


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"vendorId": "somebody"}, "UnknownVendorId"),
        ({"vendorId": "somebody", "messageId": "echo"}, "UnknownVendorId"),
        ({"vendorId": "loadtest", "messageId": "sing"}, "UnknownMessageId"),
        ({"vendorId": "loadtest"}, "Rejected"),
    ],
)
def test_what_is_not_known_is_refused(world: World, request_: dict[str, str], status: str) -> None:
    """OCPP 1.6 section 4.3."""
    assert ask(world, "DataTransfer", **request_) == {"status": status}


def test_send_makes_the_charge_point_send_one(world: World) -> None:
    """The answer first, then the message."""
    assert ask(world, "DataTransfer", vendorId="loadtest", messageId="send", data="up") == {"status": "Accepted"}
    assert told(world, "DataTransfer") == [{"vendorId": "loadtest", "messageId": "echo", "data": "up"}]
    world.answer({"status": "Accepted", "data": "up"})
    assert world.row("DataTransfer").answered == 1
    assert world.books.counters.malformed == 0


@pytest.mark.parametrize("answer", [{}, {"status": "Perhaps"}, {"status": "Accepted", "data": 5}])
def test_answer_that_is_none_is_counted(world: World, answer: dict[str, object]) -> None:
    ask(world, "DataTransfer", vendorId="loadtest", messageId="send")
    world.answer(answer)
    assert world.books.counters.malformed == 1


def test_refused_message_is_an_operation_like_others(world: World) -> None:
    ask(world, "DataTransfer", vendorId="loadtest", messageId="send")
    world.answer_error()
    assert world.row("DataTransfer").call_error == 1


def test_nothing_is_sent_without_a_registration() -> None:
    with World() as world:
        world.open()
        world.answer({"status": "Pending", "currentTime": "2026-01-01T00:00:00Z", "interval": 60})
        assert ask(world, "DataTransfer", vendorId="loadtest", messageId="send") == {"status": "Rejected"}
        assert told(world, "DataTransfer") == []
