"""GetDiagnostics and GetLog (OCPP 1.6 section 5.9; security whitepaper, N01).

The two are independent of each other. A new request takes the place of an upload for the same one.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from loadtest.engine.commands.answer import Answer, Handler, status
from loadtest.engine.maintenance import is_transferable, maintenance_of
from loadtest.engine.operations import DIAGNOSTICS_STATUS_NOTIFICATION, LOG_STATUS_NOTIFICATION
from loadtest.engine.upload import Upload

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint

_LONGEST_IDENTITY = 200  # leaves room for the rest of a file's name, 255 characters in all


def get_diagnostics(charge_point: ChargePoint, request: dict[str, Any], now_ns: int) -> Answer:
    """GetDiagnostics: the answer names the file; where it cannot go, its upload fails."""
    upload = Upload(
        charge_point,
        DIAGNOSTICS_STATUS_NOTIFICATION,
        request,
        reachable=is_transferable(charge_point, request["location"]),
    )
    return {"fileName": _file_name(charge_point, "diagnostics")}, functools.partial(_begin_diagnostics, upload, now_ns)


def get_log(charge_point: ChargePoint, request: dict[str, Any], now_ns: int) -> Answer:
    """GetLog: *Rejected* when the location's scheme is none of the charge point's."""
    if not is_transferable(charge_point, request["log"]["remoteLocation"]):
        return status("Rejected")
    running = maintenance_of(charge_point).log
    kind = "security" if request["logType"] == "SecurityLog" else "diagnostics"
    upload = Upload(
        charge_point, LOG_STATUS_NOTIFICATION, request, request_id=int(request["requestId"]), reachable=True
    )
    answer = {
        "status": "AcceptedCanceled" if running is not None and not running.over else "Accepted",
        "filename": _file_name(charge_point, kind),
    }
    return answer, functools.partial(_begin_log, upload, now_ns)


HANDLERS: dict[str, Handler] = {"GetDiagnostics": get_diagnostics, "GetLog": get_log}


def _begin_diagnostics(upload: Upload, now_ns: int) -> None:
    maintenance = maintenance_of(upload.charge_point)
    if maintenance.diagnostics is not None:
        maintenance.diagnostics.over = True
    maintenance.diagnostics = upload
    upload.begin(now_ns)


def _begin_log(upload: Upload, now_ns: int) -> None:
    maintenance = maintenance_of(upload.charge_point)
    if maintenance.log is not None:
        maintenance.log.over = True
    maintenance.log = upload
    upload.begin(now_ns)


def _file_name(charge_point: ChargePoint, kind: str) -> str:
    maintenance = maintenance_of(charge_point)
    maintenance.files += 1
    return f"{charge_point.identity[-_LONGEST_IDENTITY:]}-{kind}-{maintenance.files}.log"
