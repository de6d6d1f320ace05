"""Addresses and ports that cannot be had are told in one line."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from loadtest.brokers.ports import free_port, hold
from loadtest.brokers.start import start
from loadtest.errors import EnvironmentNotReady
from loadtest.runner.gateway_processes import GatewayRequest, start_gateway

if TYPE_CHECKING:
    from pathlib import Path

ELSEWHERE = "203.0.113.7"
"""Of nobody: TEST-NET-3, RFC 5737."""


def test_a_broker_cannot_listen_on_an_address_of_another_machine(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentNotReady, match=rf"cannot listen on {ELSEWHERE}: ") as caught:
        asyncio.run(start("amqtt", tmp_path, address=ELSEWHERE))
    assert "--embedded-address" in caught.value.hint


def test_nor_can_a_gateway(tmp_path: Path) -> None:
    request = GatewayRequest(broker_url="mqtt://127.0.0.1:1", host=ELSEWHERE)
    with pytest.raises(EnvironmentNotReady, match=rf"the gateway cannot listen on {ELSEWHERE}: "):
        asyncio.run(start_gateway(request, tmp_path, lambda _: None))


def test_a_port_is_held_where_it_was() -> None:
    port = free_port("127.0.0.2")
    with hold("127.0.0.2", port) as holder:
        assert holder.getsockname() == ("127.0.0.2", port)
