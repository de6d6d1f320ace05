"""One kind of charge point: what it is and how it behaves."""

from __future__ import annotations

import math

import msgspec

from loadtest.errors import UsageError
from loadtest.scenario import measurands
from loadtest.scenario.drivers import Drivers
from loadtest.scenario.links import LinkModel
from loadtest.scenario.measurands import ENERGY_REGISTER, Supply
from loadtest.scenario.reconnect import CappedDoubling, ReconnectPolicy

_ABOVE_ZERO = ("power_w", "voltage_v", "time_scale", "default_heartbeat_s")
_ZERO_OR_MORE = (
    *("meter_interval_s", "clock_aligned_s", "minimum_status_s", "heartbeat_s"),
    *("reboot_s", "download_s", "install_s", "upload_s"),
)
_PROBABILITIES = ("firmware_failure", "upload_failure")
_TEXTS = {"vendor": 20, "model": 20, "firmware_version": 50}  # BootNotification.req, OCPP 1.6 section 6.5
_MODELS = {
    "drivers": (Drivers | None, "Drivers(…)"),
    "link": (LinkModel | None, "LinkModel(…), or one of loadtest.scenario.link_presets"),
    "reconnect": (
        ReconnectPolicy,
        "CappedDoubling(…), BackOff(…) or Mixture(…), or one of loadtest.scenario.reconnect",
    ),
}
_MEASURANDS = ("measurands", "aligned_measurands", "stop_measurands", "stop_aligned_measurands")


class ChargePointProfile(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of charge point. Times in seconds, power in watts, energy in watt-hours.

    Attributes:
        connectors: Number of connectors, 1 to 63; connector 0 is the charge point itself.
        id_prefix: Ids are the prefix followed by the charge point's number in the fleet, six digits at least.
        vendor: ``chargePointVendor`` of the BootNotification, at most 20 characters.
        model: ``chargePointModel`` of the BootNotification, at most 20 characters.
        firmware_version: ``firmwareVersion`` of the BootNotification before any update, at most 50 characters.
        supply: ``AC1``, ``AC3`` or ``DC``: on how many phases, and what is measured.
        power_w: The most that one connector gives.
        voltage_v: Against the neutral conductor with AC, at the outlet with DC (around 400).
        drivers: Who comes to charge; None when nobody does.
        time_scale: How many times faster than in life drivers come, stay, and charge. Intervals of OCPP
            (heartbeats, meter values, timeouts) are never scaled. The energy register counts the energy as in life,
            so in one real second it grows by ``time_scale`` seconds' worth of the power shown.
        hour_at_start: Hour of the drivers' day when the ramp begins, 0 to 24.
        meter_interval_s: Time between meter values of a transaction; 0 for none. ``MeterValueSampleInterval``,
            except that it may be a fraction.
        clock_aligned_s: Interval of clock-aligned meter values, counted from midnight; 0 for none.
            ``ClockAlignedDataInterval``.
        measurands: What a sampled meter value holds, ``MeterValuesSampledData``.
        aligned_measurands: What a clock-aligned one holds, ``MeterValuesAlignedData``.
        stop_measurands: Sampled values in StopTransaction, ``StopTxnSampledData``; none by default.
        stop_aligned_measurands: Clock-aligned values in StopTransaction, ``StopTxnAlignedData``.
        configuration: Initial values of further configuration keys, by key.
        default_heartbeat_s: Heartbeat interval when the central system leaves it open (``interval`` 0).
        heartbeat_s: Heartbeat interval whatever the central system says, as of ``--heartbeat-interval``; 0: as it says.
        boot_on_reconnect: Send a BootNotification after every reconnect, as many stations do, not only after
            a restart.
        reconnect: How long it waits after a lost or refused connection.
        link: What its link to the network is like; None: as the network is, without outages of its own.
        reboot_s: From going down for a reset to connecting again.
        download_s: Time to download new firmware.
        install_s: Time to install it.
        firmware_failure: Probability that a firmware update fails.
        upload_s: Time to upload a diagnostics or log file.
        upload_failure: Probability that an upload fails.
        minimum_status_s: How long a connector's state must last to be reported, ``MinimumStatusDuration``.
    """

    connectors: int = 2
    id_prefix: str = "cp-"
    vendor: str = "loadtest"
    model: str = "AC-22"
    firmware_version: str = "1.0.0"

    supply: Supply = "AC3"
    power_w: float = 11_000.0
    voltage_v: float = 230.0

    drivers: Drivers | None = None
    time_scale: float = 1.0
    hour_at_start: float = 8.0

    meter_interval_s: float = 60.0
    clock_aligned_s: int = 0
    measurands: tuple[str, ...] = (ENERGY_REGISTER, "Power.Active.Import")
    aligned_measurands: tuple[str, ...] = (ENERGY_REGISTER,)
    stop_measurands: tuple[str, ...] = ()
    stop_aligned_measurands: tuple[str, ...] = ()
    configuration: dict[str, str] = {}

    default_heartbeat_s: float = 300.0
    heartbeat_s: float = 0.0
    boot_on_reconnect: bool = True
    reconnect: ReconnectPolicy = CappedDoubling()
    link: LinkModel | None = None
    reboot_s: float = 10.0
    download_s: float = 20.0
    install_s: float = 30.0
    firmware_failure: float = 0.0
    upload_s: float = 10.0
    upload_failure: float = 0.0
    minimum_status_s: float = 0.0

    def charge_point_id(self, number: int) -> str:
        """The identity of the fleet's charge point ``number``."""
        return f"{self.id_prefix}{number:06d}"

    def check(self) -> None:
        """Refuse what cannot be run.

        Raises:
            UsageError: With one sentence for each fault found.
        """
        if misplaced := self._misplaced():
            raise UsageError(misplaced)
        try:
            msgspec.convert(msgspec.to_builtins(self), ChargePointProfile)
        except (msgspec.ValidationError, TypeError) as error:
            raise UsageError(f"profile: {error}") from error
        faults = self._text_faults() + self._number_faults()
        for name in _MEASURANDS:
            faults += measurands.faults(f"profile.{name}", self.supply, getattr(self, name))
        if self.drivers is not None:
            faults += self.drivers.faults("profile.drivers")
        faults += self.reconnect.faults("profile.reconnect")
        if self.link is not None:
            faults += self.link.faults("profile.link")
        if faults:
            raise UsageError(faults)

    def _misplaced(self) -> list[str]:
        """Models that are something else, such as the name of one."""
        return [
            f"profile.{name}: {value!r} is no model; write {wanted}"
            for name, (kind, wanted) in _MODELS.items()
            if not isinstance(value := getattr(self, name), kind)
        ]

    def _text_faults(self) -> list[str]:
        faults: list[str] = []
        prefix = self.id_prefix
        if not prefix or set('/+#?%"\\') & set(prefix) or not (prefix.isascii() and prefix.isprintable()):
            faults.append(f'profile.id_prefix: {prefix!r} must be printable ASCII text without / + # ? % " \\')
        for name, longest in _TEXTS.items():
            text = getattr(self, name)
            if not 1 <= len(text) <= longest or not text.isprintable() or '"' in text or "\\" in text:
                faults.append(
                    f"profile.{name}: {text!r} must be 1 to {longest} printable characters (OCPP CiString{longest})"
                )
        return faults

    def _number_faults(self) -> list[str]:
        """Every number outside its range; comparisons are written so that NaN fails them."""
        faults: list[str] = []
        if not 1 <= self.connectors <= 63:
            faults.append(f"profile.connectors: {self.connectors} is not between 1 and 63")
        numbers: dict[str, float] = {
            name: getattr(self, name) for name in (*_ABOVE_ZERO, *_ZERO_OR_MORE, *_PROBABILITIES)
        }
        faults += [
            f"profile.{name}: {numbers[name]:g} must be above 0, and finite"
            for name in _ABOVE_ZERO
            if not 0 < numbers[name] < math.inf
        ]
        faults += [
            f"profile.{name}: {numbers[name]:g} must not be negative, and be finite"
            for name in _ZERO_OR_MORE
            if not 0 <= numbers[name] < math.inf
        ]
        faults += [
            f"profile.{name}: {numbers[name]:g} is no probability, 0 to 1"
            for name in _PROBABILITIES
            if not 0 <= numbers[name] <= 1
        ]
        if not 0 <= self.hour_at_start <= 24:
            faults.append(f"profile.hour_at_start: {self.hour_at_start:g} is no hour of the day, 0 to 24")
        return faults
