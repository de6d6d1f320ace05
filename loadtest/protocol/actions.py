"""The actions of OCPP 1.6 and of its security extension, by the side that sends the CALL.

Source: OCPP 1.6 edition 2, sections 4 and 5; "Improved security for OCPP 1.6-J", edition 3, section 5.
"""

from __future__ import annotations

CORE_FROM_CHARGE_POINT = (
    "Authorize",
    "BootNotification",
    "DataTransfer",
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "MeterValues",
    "StartTransaction",
    "StatusNotification",
    "StopTransaction",
)
SECURITY_FROM_CHARGE_POINT = (
    "LogStatusNotification",
    "SecurityEventNotification",
    "SignCertificate",
    "SignedFirmwareStatusNotification",
)
CORE_FROM_CENTRAL_SYSTEM = (
    "CancelReservation",
    "ChangeAvailability",
    "ChangeConfiguration",
    "ClearCache",
    "ClearChargingProfile",
    "DataTransfer",
    "GetCompositeSchedule",
    "GetConfiguration",
    "GetDiagnostics",
    "GetLocalListVersion",
    "RemoteStartTransaction",
    "RemoteStopTransaction",
    "ReserveNow",
    "Reset",
    "SendLocalList",
    "SetChargingProfile",
    "TriggerMessage",
    "UnlockConnector",
    "UpdateFirmware",
)
SECURITY_FROM_CENTRAL_SYSTEM = (
    "CertificateSigned",
    "DeleteCertificate",
    "ExtendedTriggerMessage",
    "GetInstalledCertificateIds",
    "GetLog",
    "InstallCertificate",
    "SignedUpdateFirmware",
)

FROM_CHARGE_POINT = CORE_FROM_CHARGE_POINT + SECURITY_FROM_CHARGE_POINT
"""Every action a charge point sends; a position in it is the action's number in ledgers."""

FROM_CENTRAL_SYSTEM = CORE_FROM_CENTRAL_SYSTEM + SECURITY_FROM_CENTRAL_SYSTEM
"""Every action a central system sends."""
