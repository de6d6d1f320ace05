"""Message format checking, for a gateway that has it switched on (contract 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadtest.conformance.bench import fresh_message_id
from loadtest.conformance.findings import Finding, passed
from loadtest.conformance.row import CHECKED, Theme

if TYPE_CHECKING:
    from loadtest.conformance.bench import Bench

theme = Theme("checking")

BOOT = {"chargePointVendor": "VendorX", "chargePointModel": "SingleSocketCharger"}


async def _dropped(bench: Bench, action: str, payload: dict[str, Any]) -> Finding:
    line = await bench.line()
    await line.call_up("BootNotification", BOOT)
    await line.charge_point.send([2, fresh_message_id(), action, payload])
    await line.works()
    return passed("no reply, nothing published, the connection stays")


@theme.row("3", CHECKED)
async def missing_property(bench: Bench) -> Finding:
    """A CALL that lacks a property is dropped in silence."""
    return await _dropped(bench, "BootNotification", {"chargePointVendor": "VendorX"})


@theme.row("3", CHECKED)
async def further_property(bench: Bench) -> Finding:
    """A CALL with a property too many is dropped in silence."""
    return await _dropped(bench, "BootNotification", BOOT | {"colour": "red"})


@theme.row("3", CHECKED)
async def unknown_action(bench: Bench) -> Finding:
    """A CALL with an action that has no schema is dropped in silence."""
    return await _dropped(bench, "NeverHeardOf", {})


@theme.row("3", CHECKED)
async def answers_unchecked(bench: Bench) -> Finding:
    """A CALLRESULT is published whatever it contains."""
    line = await bench.line()
    message_id = fresh_message_id()
    await line.charge_point.send([3, message_id, {"colour": "red"}])
    envelope = {"MessageTypeId": 3, "UniqueId": message_id, "Payload": {"colour": "red"}}
    await line.expect_published(line.topic(3, message_id=message_id), envelope)
    return passed("published")


@theme.row("3", CHECKED)
async def downstream_unchecked(bench: Bench) -> Finding:
    """A backend's CALL is delivered whatever it contains."""
    line = await bench.line()
    await line.works()
    line.down({"MessageTypeId": 2, "UniqueId": "d1", "Action": "Reset", "Payload": {"type": "Violent"}})
    await line.expect_received([2, "d1", "Reset", {"type": "Violent"}])
    return passed("delivered")
