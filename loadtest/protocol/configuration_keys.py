"""The configuration keys of a charge point and what may be written to each.

Source: OCPP 1.6 edition 2, section 9; errata for ``MessageTimeout``; "Improved security for OCPP 1.6-J", section 4.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Access = Literal["R", "RW", "W"]
Kind = Literal["integer", "boolean", "text", "list"]


class ConfigurationKey(NamedTuple):
    """One key: who may do what with it, and its value on a charge point nobody has configured.

    ``high`` bounds integers, and the length of texts and lists. None needs a restart to take effect.
    """

    kind: Kind
    access: Access
    initial: str
    high: int = 2**31 - 1


CLOCK_ALIGNED_DATA_INTERVAL = "ClockAlignedDataInterval"
CONNECTION_TIME_OUT = "ConnectionTimeOut"
HEARTBEAT_INTERVAL = "HeartbeatInterval"
MESSAGE_TIMEOUT = "MessageTimeout"
METER_VALUE_SAMPLE_INTERVAL = "MeterValueSampleInterval"
METER_VALUES_ALIGNED_DATA = "MeterValuesAlignedData"
METER_VALUES_SAMPLED_DATA = "MeterValuesSampledData"
MINIMUM_STATUS_DURATION = "MinimumStatusDuration"
NUMBER_OF_CONNECTORS = "NumberOfConnectors"
STOP_TXN_ALIGNED_DATA = "StopTxnAlignedData"
STOP_TXN_SAMPLED_DATA = "StopTxnSampledData"
TRANSACTION_MESSAGE_ATTEMPTS = "TransactionMessageAttempts"
TRANSACTION_MESSAGE_RETRY_INTERVAL = "TransactionMessageRetryInterval"
WEB_SOCKET_PING_INTERVAL = "WebSocketPingInterval"

MEASURAND_KEYS = (
    METER_VALUES_SAMPLED_DATA,
    METER_VALUES_ALIGNED_DATA,
    STOP_TXN_SAMPLED_DATA,
    STOP_TXN_ALIGNED_DATA,
)
"""Keys that hold a list of measurands."""

_FEATURES = "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger"

KEYS: dict[str, ConfigurationKey] = {
    "AdditionalRootCertificateCheck": ConfigurationKey("boolean", "R", "false"),
    "AllowOfflineTxForUnknownId": ConfigurationKey("boolean", "RW", "false"),
    "AuthorizationCacheEnabled": ConfigurationKey("boolean", "RW", "false"),
    "AuthorizationKey": ConfigurationKey("text", "W", "", 40),
    "AuthorizeRemoteTxRequests": ConfigurationKey("boolean", "RW", "false"),
    "CertificateSignedMaxChainSize": ConfigurationKey("integer", "R", "10000"),
    "CertificateStoreMaxLength": ConfigurationKey("integer", "R", "16"),
    "ChargeProfileMaxStackLevel": ConfigurationKey("integer", "R", "10"),
    "ChargingScheduleAllowedChargingRateUnit": ConfigurationKey("list", "R", "Current,Power"),
    "ChargingScheduleMaxPeriods": ConfigurationKey("integer", "R", "24"),
    CLOCK_ALIGNED_DATA_INTERVAL: ConfigurationKey("integer", "RW", "0", 86_400),
    CONNECTION_TIME_OUT: ConfigurationKey("integer", "RW", "60"),
    "ConnectorPhaseRotation": ConfigurationKey("list", "RW", "NotApplicable", 20),
    "ConnectorSwitch3to1PhaseSupported": ConfigurationKey("boolean", "R", "false"),
    "CpoName": ConfigurationKey("text", "RW", "", 500),
    "GetConfigurationMaxKeys": ConfigurationKey("integer", "R", "100"),
    HEARTBEAT_INTERVAL: ConfigurationKey("integer", "RW", "300"),
    "LocalAuthListEnabled": ConfigurationKey("boolean", "RW", "true"),
    "LocalAuthListMaxLength": ConfigurationKey("integer", "R", "10000"),
    "LocalAuthorizeOffline": ConfigurationKey("boolean", "RW", "true"),
    "LocalPreAuthorize": ConfigurationKey("boolean", "RW", "false"),
    "MaxChargingProfilesInstalled": ConfigurationKey("integer", "R", "20"),
    MESSAGE_TIMEOUT: ConfigurationKey("integer", "RW", "30"),
    METER_VALUES_ALIGNED_DATA: ConfigurationKey("list", "RW", "Energy.Active.Import.Register", 20),
    "MeterValuesAlignedDataMaxLength": ConfigurationKey("integer", "R", "20"),
    METER_VALUES_SAMPLED_DATA: ConfigurationKey("list", "RW", "Energy.Active.Import.Register", 20),
    "MeterValuesSampledDataMaxLength": ConfigurationKey("integer", "R", "20"),
    METER_VALUE_SAMPLE_INTERVAL: ConfigurationKey("integer", "RW", "60", 86_400),
    MINIMUM_STATUS_DURATION: ConfigurationKey("integer", "RW", "0", 3_600),
    NUMBER_OF_CONNECTORS: ConfigurationKey("integer", "R", "1"),
    "ReserveConnectorZeroSupported": ConfigurationKey("boolean", "R", "false"),
    "ResetRetries": ConfigurationKey("integer", "RW", "0"),
    "SecurityProfile": ConfigurationKey("integer", "R", "0", 3),
    "SendLocalListMaxLength": ConfigurationKey("integer", "R", "1000"),
    "StopTransactionOnEVSideDisconnect": ConfigurationKey("boolean", "R", "true"),
    "StopTransactionOnInvalidId": ConfigurationKey("boolean", "RW", "true"),
    STOP_TXN_ALIGNED_DATA: ConfigurationKey("list", "RW", "", 20),
    "StopTxnAlignedDataMaxLength": ConfigurationKey("integer", "R", "20"),
    STOP_TXN_SAMPLED_DATA: ConfigurationKey("list", "RW", "", 20),
    "StopTxnSampledDataMaxLength": ConfigurationKey("integer", "R", "20"),
    "SupportedFeatureProfiles": ConfigurationKey("list", "R", _FEATURES),
    "SupportedFileTransferProtocols": ConfigurationKey("list", "R", "FTP,FTPS,HTTP,HTTPS"),
    TRANSACTION_MESSAGE_ATTEMPTS: ConfigurationKey("integer", "RW", "3", 1_000),
    TRANSACTION_MESSAGE_RETRY_INTERVAL: ConfigurationKey("integer", "RW", "60", 86_400),
    "UnlockConnectorOnEVSideDisconnect": ConfigurationKey("boolean", "RW", "true"),
    WEB_SOCKET_PING_INTERVAL: ConfigurationKey("integer", "RW", "0", 86_400),
}
"""Every key our charge points have."""

_NOT_ZERO = frozenset({HEARTBEAT_INTERVAL, MESSAGE_TIMEOUT, TRANSACTION_MESSAGE_ATTEMPTS})


def is_valid(name: str, value: str) -> bool:
    """Whether a value fits its key's type and range. Negative numbers never do (section 9: *Rejected*)."""
    key = KEYS[name]
    if key.kind == "integer":
        return (
            value.isascii()
            and value.isdecimal()
            and len(value) <= 10
            and int(value) <= key.high
            and (int(value) > 0 or name not in _NOT_ZERO)
        )
    if key.kind == "boolean":
        return value.lower() in {"true", "false"}
    if key.kind == "list":
        return len(items(value)) <= key.high
    return len(value) <= key.high


def items(value: str) -> tuple[str, ...]:
    """The elements of a comma-separated list."""
    return tuple(item for item in (part.strip() for part in value.split(",")) if item)
