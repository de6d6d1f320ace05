"""SendLocalList, GetLocalListVersion and ClearCache (OCPP 1.6 sections 5.4, 5.10 and 5.15)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadtest.engine.authorization import authorization
from loadtest.engine.commands.answer import Answer, Handler, status

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint

_NO_LIST = -1  # the version of a charge point that does not support lists, section 5.10


def _send_local_list(charge_point: ChargePoint, request: dict[str, Any], _now_ns: int) -> Answer:
    """Replace or update the list; a differential update must bring a higher version."""
    configuration = charge_point.configuration
    if not _supported(charge_point):
        return status("NotSupported")
    known = authorization(charge_point)
    version, data = request["listVersion"], request.get("localAuthorizationList", [])
    differential = request["updateType"] == "Differential"
    if differential and version <= known.local_list.version:
        return status("VersionMismatch")
    if len(data) > configuration.integer("SendLocalListMaxLength"):
        return status("Failed")
    update = known.local_list.differential if differential else known.local_list.full
    try:
        updated = update(version, data, charge_point.fleet.instant_ns)
    except ValueError:
        return status("Failed")
    if len(updated.entries) > configuration.integer("LocalAuthListMaxLength"):
        return status("Failed")
    known.local_list = updated
    return status("Accepted")


def _get_local_list_version(charge_point: ChargePoint, _request: dict[str, Any], _now_ns: int) -> Answer:
    if not _supported(charge_point):
        return {"listVersion": _NO_LIST}, None
    features = charge_point.features_or_none
    known = None if features is None else features.authorization
    return {"listVersion": 0 if known is None else known.local_list.version}, None


def _clear_cache(charge_point: ChargePoint, _request: dict[str, Any], _now_ns: int) -> Answer:
    if not charge_point.configuration.boolean("AuthorizationCacheEnabled"):
        return status("Rejected")
    features = charge_point.features_or_none
    if features is not None and features.authorization is not None:
        features.authorization.cache.clear()
    return status("Accepted")


def _supported(charge_point: ChargePoint) -> bool:
    configuration = charge_point.configuration
    return configuration.boolean("LocalAuthListEnabled") and "LocalAuthListManagement" in configuration.items(
        "SupportedFeatureProfiles"
    )


HANDLERS: dict[str, Handler] = {
    "ClearCache": _clear_cache,
    "GetLocalListVersion": _get_local_list_version,
    "SendLocalList": _send_local_list,
}
