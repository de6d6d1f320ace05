"""GetConfiguration and ChangeConfiguration (OCPP 1.6 sections 5.3 and 5.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadtest.engine.commands.answer import Answer, Handler, status
from loadtest.protocol import configuration_keys as keys
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint


def _get_configuration(charge_point: ChargePoint, request: dict[str, Any], _now_ns: int) -> Answer:
    """All keys, or those asked for; what may only be written is told without its value."""
    wanted = list(dict.fromkeys(request.get("key") or keys.KEYS))
    known = [_told(charge_point, name) for name in wanted if name in keys.KEYS]
    unknown = [name for name in wanted if name not in keys.KEYS]
    return {"configurationKey": known} | ({"unknownKey": unknown} if unknown else {}), None


def _told(charge_point: ChargePoint, name: str) -> dict[str, Any]:
    key = keys.KEYS[name]
    told: dict[str, Any] = {"key": name, "readonly": key.access == "R"}
    if key.access != "W":
        told["value"] = charge_point.configuration.text(name)
        if name == keys.HEARTBEAT_INTERVAL and charge_point.heartbeat_ns:
            told["value"] = str(charge_point.heartbeat_ns // NS_PER_S)  # as the last BootNotification.conf set it
    return told


def _change_configuration(charge_point: ChargePoint, request: dict[str, Any], now_ns: int) -> Answer:
    return status(charge_point.configure(request["key"], request["value"], now_ns))


HANDLERS: dict[str, Handler] = {
    "ChangeConfiguration": _change_configuration,
    "GetConfiguration": _get_configuration,
}
