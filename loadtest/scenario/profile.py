"""One kind of charge point: what it is and how it behaves."""

from __future__ import annotations

import msgspec

from loadtest.errors import UsageError


class ChargePointProfile(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of charge point. Times in seconds, power in watts.

    Attributes:
        connectors: Number of connectors, 1 to 63; connector 0 is the charge point itself.
        id_prefix: Ids are the prefix followed by the charge point's number in the fleet, six digits at least.
        vendor: ``chargePointVendor`` of the BootNotification, at most 20 characters.
        model: ``chargePointModel`` of the BootNotification, at most 20 characters.
        transaction_gap_s: Mean time from the end of a transaction, or from registration, to the next start
            (exponentially distributed); 0 means no transactions.
        transaction_duration_s: Mean duration of a transaction (exponentially distributed).
        meter_interval_s: Time between meter values of a transaction, ``MeterValueSampleInterval``.
        power_w: Power drawn while charging; the energy register is its integral.
        default_heartbeat_s: Heartbeat interval when the central system leaves it open (``interval`` 0).
        boot_on_reconnect: Send a BootNotification after every reconnect, as many stations do, not only after
            a restart.
        reconnect_min_s: First wait after a lost or refused connection.
        reconnect_max_s: Longest wait; it doubles from the first, plus up to as much again at random.
    """

    connectors: int = 2
    id_prefix: str = "cp-"
    vendor: str = "loadtest"
    model: str = "AC-22"
    transaction_gap_s: float = 120.0
    transaction_duration_s: float = 20.0
    meter_interval_s: float = 5.0
    power_w: float = 11_000.0
    default_heartbeat_s: float = 300.0
    boot_on_reconnect: bool = True
    reconnect_min_s: float = 1.0
    reconnect_max_s: float = 30.0

    def check(self) -> None:
        """Refuse what cannot be run.

        Raises:
            UsageError: With one sentence for each fault found.
        """
        try:
            msgspec.convert(msgspec.structs.asdict(self), ChargePointProfile)
        except msgspec.ValidationError as error:
            raise UsageError(f"profile: {error}") from error
        faults: list[str] = []
        if not 1 <= self.connectors <= 63:
            faults.append(f"profile.connectors: {self.connectors} is not between 1 and 63")
        prefix = self.id_prefix
        if not prefix or set('/+#?%"\\') & set(prefix) or not (prefix.isascii() and prefix.isprintable()):
            faults.append(f'profile.id_prefix: {prefix!r} must be printable ASCII text without / + # ? % " \\')
        for name in ("vendor", "model"):
            text = getattr(self, name)
            if not 1 <= len(text) <= 20 or not text.isprintable() or '"' in text or "\\" in text:
                faults.append(f"profile.{name}: {text!r} must be 1 to 20 printable characters (OCPP CiString20)")
        positive = ("transaction_duration_s", "meter_interval_s", "default_heartbeat_s", "reconnect_min_s")
        faults += [
            f"profile.{name}: {getattr(self, name):g} must be above 0" for name in positive if getattr(self, name) <= 0
        ]
        faults += [
            f"profile.{name}: {getattr(self, name):g} must not be negative"
            for name in ("transaction_gap_s", "power_w")
            if getattr(self, name) < 0
        ]
        if self.reconnect_max_s < self.reconnect_min_s:
            faults.append(
                f"profile.reconnect_max_s: {self.reconnect_max_s:g} is below reconnect_min_s {self.reconnect_min_s:g}"
            )
        if faults:
            raise UsageError(faults)

    def charge_point_id(self, number: int) -> str:
        """The identity of the fleet's charge point ``number``."""
        return f"{self.id_prefix}{number:06d}"
