"""SetChargingProfile, ClearChargingProfile and GetCompositeSchedule (OCPP 1.6 sections 5.5, 5.7 and 5.16)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadtest.engine import smart_charging
from loadtest.engine.commands.answer import Answer, Handler, status
from loadtest.protocol.charging_profiles import TX, WATT, ChargingProfile

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint


def _set_charging_profile(charge_point: ChargePoint, request: dict[str, Any], now_ns: int) -> Answer:
    """A TxProfile needs a transaction that has started, and if it names one, that one."""
    if not _supported(charge_point):
        return status("NotSupported")
    connector, wire = request["connectorId"], request["csChargingProfiles"]
    if wire["chargingProfilePurpose"] == TX:
        transaction = charge_point.transaction_on(connector)
        if transaction is None or transaction.over or not transaction.started_ns:
            return status("Rejected")
        if wire.get("transactionId", transaction.transaction_id) != transaction.transaction_id:
            return status("Rejected")
    profile = smart_charging.acceptable(charge_point, connector, wire)
    if profile is None:
        return status("Rejected")

    def install() -> None:
        smart_charging.install(charge_point, profile)
        charge_point.limits_changed(now_ns)

    return status("Accepted", install)


def _clear_charging_profile(charge_point: ChargePoint, request: dict[str, Any], now_ns: int) -> Answer:
    """The profile with the id, or else all that match whatever else is given; without anything, all."""
    matching = [profile for profile in smart_charging.installed(charge_point) if _matches(profile, request)]
    if not matching:
        return status("Unknown")

    def clear() -> None:
        smart_charging.remove(charge_point, matching)
        charge_point.limits_changed(now_ns)

    return status("Accepted", clear)


def _matches(profile: ChargingProfile, request: dict[str, Any]) -> bool:
    if "id" in request:
        return bool(profile.profile_id == request["id"])
    is_like = {
        "connectorId": profile.connector,
        "chargingProfilePurpose": profile.purpose,
        "stackLevel": profile.stack_level,
    }
    return all(request.get(name, value) == value for name, value in is_like.items())


def _get_composite_schedule(charge_point: ChargePoint, request: dict[str, Any], now_ns: int) -> Answer:
    connector, duration_s = request["connectorId"], request["duration"]
    unit = request.get("chargingRateUnit", WATT)
    exists = 0 <= connector <= charge_point.profile.connectors
    if not (_supported(charge_point) and exists and duration_s > 0 and smart_charging.takes(charge_point, unit)):
        return status("Rejected")
    supply = smart_charging.supply(charge_point)
    periods, covered_s = smart_charging.composite(charge_point, connector, now_ns, duration_s)
    schedule = {
        "duration": covered_s,
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [
            {"startPeriod": second, "limit": supply.rate(limit, unit)}
            | ({"numberPhases": limit.phases} if limit.phases else {})
            for second, limit in periods
        ],
    }
    return {
        "status": "Accepted",
        "connectorId": connector,
        "scheduleStart": charge_point.fleet.timestamp(now_ns).decode(),
        "chargingSchedule": schedule,
    }, None


def _supported(charge_point: ChargePoint) -> bool:
    return "SmartCharging" in charge_point.configuration.items("SupportedFeatureProfiles")


HANDLERS: dict[str, Handler] = {
    "ClearChargingProfile": _clear_charging_profile,
    "GetCompositeSchedule": _get_composite_schedule,
    "SetChargingProfile": _set_charging_profile,
}
