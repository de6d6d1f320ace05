"""A charge point's configuration keys: what it starts with, and what the central system made of them.

Immutable and shared by a whole cohort; a charge point that is configured gets a copy of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from loadtest.errors import UsageError
from loadtest.protocol import configuration_keys as keys
from loadtest.scenario.measurands import measured
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtest.scenario.measurands import Supply
    from loadtest.scenario.profile import ChargePointProfile

Change = Literal["Accepted", "Rejected", "NotSupported"]

_MEASURANDS_OF = {
    keys.METER_VALUES_SAMPLED_DATA: "measurands",
    keys.METER_VALUES_ALIGNED_DATA: "aligned_measurands",
    keys.STOP_TXN_SAMPLED_DATA: "stop_measurands",
    keys.STOP_TXN_ALIGNED_DATA: "stop_aligned_measurands",
}


class Configuration:
    """The keys' values, and those the engine acts on in the form it needs.

    Args:
        values: By key, texts as they are reported.
        supply: Kind of supply, which decides on the measurands there are.
        exact_ns: Intervals that a profile gives in fractions of the second a key can hold.

    Attributes:
        meter_interval_ns: Between sampled meter values of a transaction; 0: none.
        aligned_interval_ns: Between clock-aligned meter values; 0: none.
        sampled, aligned, stop_sampled, stop_aligned: Their measurands.
        minimum_status_ns: How long a state must last to be reported.
        transaction_attempts: How often a transaction message is sent at most.
        transaction_retry_ns: Wait after the first attempt in vain; multiplied by the number of attempts.
        ping_interval_ns: Between WebSocket pings; 0: none.
        connection_timeout_ns: From authorization to the cable being plugged in.
        message_timeout_ns: How long an answer is waited for.
    """

    __slots__ = (
        "_exact_ns",
        "_supply",
        "_values",
        "aligned",
        "aligned_interval_ns",
        "connection_timeout_ns",
        "message_timeout_ns",
        "meter_interval_ns",
        "minimum_status_ns",
        "ping_interval_ns",
        "sampled",
        "stop_aligned",
        "stop_sampled",
        "transaction_attempts",
        "transaction_retry_ns",
    )

    def __init__(self, values: Mapping[str, str], supply: Supply, exact_ns: Mapping[str, int]) -> None:
        self._values = values
        self._supply: Supply = supply
        self._exact_ns = exact_ns
        self.meter_interval_ns = self._interval_ns(keys.METER_VALUE_SAMPLE_INTERVAL)
        self.aligned_interval_ns = self._interval_ns(keys.CLOCK_ALIGNED_DATA_INTERVAL)
        self.sampled = self.items(keys.METER_VALUES_SAMPLED_DATA)
        self.aligned = self.items(keys.METER_VALUES_ALIGNED_DATA)
        self.stop_sampled = self.items(keys.STOP_TXN_SAMPLED_DATA)
        self.stop_aligned = self.items(keys.STOP_TXN_ALIGNED_DATA)
        self.minimum_status_ns = self._interval_ns(keys.MINIMUM_STATUS_DURATION)
        self.transaction_attempts = self.integer(keys.TRANSACTION_MESSAGE_ATTEMPTS)
        self.transaction_retry_ns = self._interval_ns(keys.TRANSACTION_MESSAGE_RETRY_INTERVAL)
        self.ping_interval_ns = self._interval_ns(keys.WEB_SOCKET_PING_INTERVAL)
        self.connection_timeout_ns = self._interval_ns(keys.CONNECTION_TIME_OUT)
        self.message_timeout_ns = self._interval_ns(keys.MESSAGE_TIMEOUT)

    def text(self, key: str) -> str:
        """A key's value as it is written."""
        return self._values[key]

    def integer(self, key: str) -> int:
        """The value of a key that is a number."""
        return int(self._values[key])

    def boolean(self, key: str) -> bool:
        """The value of a key that is true or false."""
        return self._values[key].lower() == "true"

    def items(self, key: str) -> tuple[str, ...]:
        """The elements of a key that is a list."""
        return keys.items(self._values[key])

    def refusal(self, key: str, value: str) -> Change | None:
        """Why the central system may not set a key (OCPP 1.6 section 5.3); ``None``: it may."""
        known = keys.KEYS.get(key)
        if known is None:
            return "NotSupported"
        if known.access == "R" or not keys.is_valid(key, value):
            return "Rejected"
        if key in keys.MEASURAND_KEYS and not all(measured(self._supply, name) for name in keys.items(value)):
            return "Rejected"
        return None

    def changed(self, key: str, value: str) -> Configuration:
        """The same with one key set to a value that is not refused."""
        exact_ns = {name: exact for name, exact in self._exact_ns.items() if name != key}
        return Configuration({**self._values, key: value}, self._supply, exact_ns)

    def _interval_ns(self, key: str) -> int:
        exact_ns = self._exact_ns.get(key)
        return self.integer(key) * NS_PER_S if exact_ns is None else exact_ns


def initial(profile: ChargePointProfile, message_timeout_s: float) -> Configuration:
    """The configuration every charge point of a kind starts with.

    Raises:
        UsageError: With one sentence for each of ``profile.configuration`` that is unknown or does not fit its key.
    """
    values = {name: key.initial for name, key in keys.KEYS.items()}
    exact_s = {
        keys.METER_VALUE_SAMPLE_INTERVAL: profile.meter_interval_s,
        keys.CLOCK_ALIGNED_DATA_INTERVAL: profile.clock_aligned_s,
        keys.MINIMUM_STATUS_DURATION: profile.minimum_status_s,
        keys.MESSAGE_TIMEOUT: message_timeout_s,
    }
    values |= {name: str(max(1, round(exact)) if exact else 0) for name, exact in exact_s.items()}
    values |= {name: ",".join(getattr(profile, field)) for name, field in _MEASURANDS_OF.items()}
    values[keys.NUMBER_OF_CONNECTORS] = str(profile.connectors)
    if profile.supply == "DC":  # amperes of direct current say nothing without the car's voltage
        values["ChargingScheduleAllowedChargingRateUnit"] = "Power"
    faults = []
    for name, value in profile.configuration.items():
        if name not in keys.KEYS:
            faults.append(f"profile.configuration: there is no key {name!r}")
        elif not keys.is_valid(name, value):
            faults.append(f"profile.configuration: {value!r} does not fit {name}")
    if faults:
        raise UsageError(faults)
    values |= profile.configuration
    exact_ns = {name: int(exact * NS_PER_S) for name, exact in exact_s.items() if name not in profile.configuration}
    return Configuration(values, profile.supply, exact_ns)
