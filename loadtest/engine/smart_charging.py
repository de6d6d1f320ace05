"""The charging profiles installed on a charge point, and what they make of its power (OCPP 1.6 section 3.13)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadtest.protocol import charging_profiles as profiles
from loadtest.protocol.charging_profile_wire import parse
from loadtest.protocol.charging_profiles import ChargingProfile, Limit, Stack, Supply
from loadtest.scenario.measurands import PHASES

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint


_KEY_OF_UNIT = {profiles.AMPERE: "Current", profiles.WATT: "Power"}  # section 9.4.2


class InstalledProfiles:
    """What the central system has installed; there is no object while there is no profile."""

    __slots__ = ("profiles",)

    def __init__(self) -> None:
        self.profiles: list[ChargingProfile] = []


def supply(charge_point: ChargePoint) -> Supply:
    """How amperes are watts at a charge point."""
    profile = charge_point.profile
    return Supply(profile.voltage_v, len(PHASES[profile.supply]))


def takes(charge_point: ChargePoint, unit: str) -> bool:
    """Whether limits may be given in a unit; amperes of direct current say nothing without the car's voltage."""
    allowed = charge_point.configuration.items("ChargingScheduleAllowedChargingRateUnit")
    return _KEY_OF_UNIT[unit] in allowed and (unit != profiles.AMPERE or charge_point.profile.supply != "DC")


def acceptable(charge_point: ChargePoint, connector: int, wire: dict[str, Any]) -> ChargingProfile | None:
    """Read a profile; ``None`` when the charge point cannot do what it says, whoever charges now."""
    configuration = charge_point.configuration
    try:
        profile = parse(connector, wire, supply(charge_point), charge_point.fleet.instant_ns)
    except ValueError:
        return None
    first, last = {
        profiles.CHARGE_POINT_MAX: (0, 0),
        profiles.TX_DEFAULT: (0, charge_point.profile.connectors),
        profiles.TX: (1, charge_point.profile.connectors),
    }[profile.purpose]
    others = [each for each in installed(charge_point) if not profile.replaces(each)]
    fits = (
        first <= connector <= last
        and 0 <= profile.stack_level <= configuration.integer("ChargeProfileMaxStackLevel")
        and len(profile.limits) <= configuration.integer("ChargingScheduleMaxPeriods")
        and len(others) < configuration.integer("MaxChargingProfilesInstalled")
        and takes(charge_point, wire["chargingSchedule"]["chargingRateUnit"])
    )
    return profile if fits else None


def installed(charge_point: ChargePoint) -> list[ChargingProfile]:
    """The profiles there are."""
    features = charge_point.features_or_none
    return features.charging.profiles if features is not None and features.charging is not None else []


def install(charge_point: ChargePoint, profile: ChargingProfile) -> None:
    """Add a profile in place of those it replaces."""
    _keep(charge_point, [each for each in installed(charge_point) if not profile.replaces(each)] + [profile])


def remove(charge_point: ChargePoint, removed: list[ChargingProfile]) -> None:
    """Take profiles away."""
    _keep(charge_point, [each for each in installed(charge_point) if each not in removed])


def install_for_start(charge_point: ChargePoint, connector: int, wire: dict[str, Any], _now_ns: int) -> bool:
    """Install the profile of a RemoteStartTransaction for the transaction to come (section 5.16.2)."""
    if wire["chargingProfilePurpose"] != profiles.TX or "transactionId" in wire:
        return False
    profile = acceptable(charge_point, connector, wire)
    if profile is not None:
        install(charge_point, profile)
    return profile is not None


def transaction_ended(charge_point: ChargePoint, connector: int, now_ns: int) -> None:
    """Its profiles end with a transaction; what it drew is left to the others."""
    of_transaction = [
        each for each in installed(charge_point) if (each.purpose, each.connector) == (profiles.TX, connector)
    ]
    if of_transaction:
        remove(charge_point, of_transaction)
    rebalance(charge_point, now_ns)


def rebalance(charge_point: ChargePoint, now_ns: int) -> None:
    """Another connector charges or has stopped, which matters to those that share a limit with it."""
    if any(each.purpose == profiles.CHARGE_POINT_MAX for each in installed(charge_point)):
        charge_point.limits_changed(now_ns)


def limit_w(charge_point: ChargePoint, connector: int, now_ns: int) -> tuple[float | None, int]:
    """What a charging connector may draw.

    Returns:
        The limit in W, ``None`` for none; and the monotonic instant at which it may change by itself, 0 for never.
    """
    connectors = _charging(charge_point, connector)
    plan = _Plan(charge_point, connectors, now_ns)
    if not any(stack.profiles for stack in (*plan.stacks, plan.whole)):
        return None, 0
    limit = plan.limits_at(now_ns)[connectors.index(connector)]
    return limit.power_w, plan.next_change_ns(now_ns) or 0


def composite(
    charge_point: ChargePoint, connector: int, now_ns: int, duration_s: int
) -> tuple[list[tuple[int, Limit]], int]:
    """The limits to expect of a connector, or of all together for 0, as periods of whole seconds from now on.

    Local limits are in it: never more than the connector gives. A connector that is not charging is taken to begin
    now; for connector 0, all of them.

    Returns:
        The second each period starts at and its limit; and the seconds they cover.
    """
    everyone = list(range(1, charge_point.profile.connectors + 1))
    connectors = _charging(charge_point, connector) if connector else everyone
    plan = _Plan(charge_point, connectors, now_ns)

    def limit_at(at_ns: int) -> Limit:
        limits = plan.limits_at(at_ns)
        if connector:
            return limits[connectors.index(connector)]
        return Limit(sum(limit.power_w for limit in limits), max(limit.phases for limit in limits))

    most = charge_point.configuration.integer("ChargingScheduleMaxPeriods")
    return profiles.schedule(limit_at, plan.next_change_ns, now_ns, duration_s, most)


class _Plan:
    """The power of some connectors in time, as far as it is known now."""

    __slots__ = ("_rated", "stacks", "whole")

    def __init__(self, charge_point: ChargePoint, connectors: list[int], now_ns: int) -> None:
        known = installed(charge_point)
        self._rated = Limit(charge_point.profile.power_w, supply(charge_point).phases)
        self.whole = profiles.of_charge_point(known)
        self.stacks: list[Stack] = []
        for connector in connectors:
            transaction = charge_point.transaction_on(connector)
            since_ns = transaction.started_ns if transaction is not None and not transaction.over else 0
            self.stacks.append(profiles.of_connector(known, connector, since_ns or now_ns))

    def limits_at(self, at_ns: int) -> list[Limit]:
        return profiles.allot(self.stacks, self.whole, self._rated, at_ns)

    def next_change_ns(self, at_ns: int) -> int | None:
        changes = [stack.next_change_ns(at_ns) for stack in (*self.stacks, self.whole)]
        return min((change_ns for change_ns in changes if change_ns is not None), default=None)


def _charging(charge_point: ChargePoint, connector: int) -> list[int]:
    """The connectors that share the charge point's power, this one among them."""
    charging = {transaction.connector for transaction in charge_point.transactions if transaction.started_ns}
    return sorted(charging | {connector})


def _keep(charge_point: ChargePoint, kept: list[ChargingProfile]) -> None:
    features = charge_point.features
    features.charging = InstalledProfiles() if kept else None
    if features.charging is not None:
        features.charging.profiles = kept
