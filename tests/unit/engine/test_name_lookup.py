"""Names of servers looked up in the middle of a run: once, without keeping anybody waiting who does not ask."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from loadtest.engine.name_lookup import _MOST_KEPT, NameLookup
from loadtest.transport.loop import run
from loadtest.transport.mqtt_url import BrokerAddress


class Resolver:
    """A name server that answers when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.answer: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        monkeypatch.setattr(asyncio.get_running_loop().__class__, "getaddrinfo", self._getaddrinfo, raising=False)

    async def _getaddrinfo(self, host: str, port: int, **_: int) -> list[Any]:
        self.asked.append(host)
        return await asyncio.shield(self.answer)


def found(address: str, port: int) -> list[Any]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)), (socket.AF_INET, 1, 6, "", ("10.0.0.9", 1))]


def test_thousands_cost_one_question_whose_answer_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        names, resolver, server = NameLookup(), Resolver(monkeypatch), BrokerAddress("b", 1884)
        waiting = [asyncio.ensure_future(names.address(server)) for _ in range(1_000)]
        await asyncio.sleep(0)
        waiting.pop(0).cancel()  # the one that asked gives up; the others still get their answer
        await asyncio.sleep(0)
        resolver.answer.set_result(found("10.0.0.1", 1884))
        assert set(await asyncio.gather(*waiting)) == {("10.0.0.1", 1884)}
        assert await names.address(BrokerAddress("b", 1884)) == ("10.0.0.1", 1884)
        assert resolver.asked == ["b"]

    asyncio.run(scene())


def test_what_failed_is_asked_again_and_names_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        names, resolver, server = NameLookup(), Resolver(monkeypatch), BrokerAddress("b", 1884)
        resolver.answer.set_exception(socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
        for _ in range(2):
            with pytest.raises(socket.gaierror, match="b has no address: Name or service not known") as caught:
                await names.address(server)
            assert caught.value.errno == socket.EAI_NONAME
            await asyncio.sleep(0)
        assert resolver.asked == ["b", "b"]

    asyncio.run(scene())


def test_a_broker_that_names_ever_new_servers_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        names, resolver = NameLookup(), Resolver(monkeypatch)
        resolver.answer.set_result(found("10.0.0.1", 1))
        for number in range(2 * _MOST_KEPT):
            await names.address(BrokerAddress(f"b{number}", 1))
        assert len(names._found) == _MOST_KEPT

    asyncio.run(scene())


def test_addresses_and_impossible_names_on_the_loop_of_engines() -> None:
    async def scene() -> None:
        names = NameLookup()
        assert await names.address(BrokerAddress("127.0.0.1", 7)) == ("127.0.0.1", 7)
        assert await names.address(BrokerAddress("::1", 7)) == ("::1", 7)
        for host in ("a" * 64, "a..b", "a\0b"):
            with pytest.raises(socket.gaierror):
                await names.address(BrokerAddress(host, 7))

    run(scene())
