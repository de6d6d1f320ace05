"""Commands of the central system in tests: every answer is held against its official schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from virtual_fleet import World, check_payload

from loadtest.protocol.frames import CallResult
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from virtual_fleet import Sent


def ask(world: World, action: str, **request: Any) -> dict[str, Any]:
    """Ask something valid; returns the payload of the answer, which is valid too."""
    check_payload(action, request)
    reply = world.ask(action, request)
    assert isinstance(reply, CallResult), reply
    answer: dict[str, Any] = msgspec.json.decode(reply.payload)
    check_payload(f"{action}Response", answer)
    return answer


def told(world: World, action: str) -> list[dict[str, Any]]:
    """The payloads of all CALLs of an action so far."""
    return [call.payload for call in world.sent if call.action == action]


def statuses(world: World, action: str) -> list[str]:
    """Their statuses."""
    return [payload["status"] for payload in told(world, action)]


def run_s(world: World, duration_s: float, step_s: float = 0.5) -> None:
    """Let time pass, every CALL being answered soon."""
    for _ in range(round(duration_s / step_s)):
        world.advance_s(step_s)
        if not world.wire().ending:
            world.answer_all()


def wall(world: World, after_s: float) -> str:
    """The wall time some seconds from now."""
    return world.fleet.timestamp(world.clock() + round(after_s * NS_PER_S)).decode()


def boot(world: World) -> Sent:
    """The charge point comes back after a restart and is accepted; returns its BootNotification."""
    world.open()
    call = world.answer({"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "interval": 300})
    assert call.action == "BootNotification"
    world.answer_all()
    return call
