"""A ``ChargingProfile`` as it travels, read and held against what its schema cannot say.

Source: OCPP 1.6 edition 2, sections 5.16 and 7.8 to 7.14.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import msgspec

from loadtest.protocol.charging_profiles import CHARGE_POINT_MAX, TX, ChargingProfile, Limit, Supply
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

_RECURRENCES_NS = {"Daily": 86_400 * NS_PER_S, "Weekly": 7 * 86_400 * NS_PER_S}


_EVER_NS = -(2**63)


class _Period(msgspec.Struct, rename="camel"):
    start_period: int
    limit: float
    number_phases: int = 3  # "will be assumed unless another number is given"


class _Schedule(msgspec.Struct, rename="camel"):
    charging_rate_unit: str
    charging_schedule_period: list[_Period]
    duration: int | None = None
    start_schedule: str | None = None
    min_charging_rate: float = 0.0


class _Profile(msgspec.Struct, rename="camel"):
    charging_profile_id: int
    stack_level: int
    charging_profile_purpose: str
    charging_profile_kind: str
    charging_schedule: _Schedule
    transaction_id: int | None = None
    recurrency_kind: str | None = None
    valid_from: str | None = None
    valid_to: str | None = None


def parse(connector: int, wire: dict[str, Any], supply: Supply, instant_ns: Callable[[str], int]) -> ChargingProfile:
    """Read a profile that is valid by its schema.

    Args:
        connector: The ``connectorId`` it comes with.
        wire: The decoded object.
        supply: What its rates mean in watts.
        instant_ns: Reads a date and time; raises ``ValueError``.

    Raises:
        ValueError: It contradicts itself or the specification.
    """
    try:
        profile = msgspec.convert(wire, _Profile)
    except msgspec.ValidationError as error:  # a number too large for a field, which no schema forbids
        raise ValueError(str(error)) from error
    _check(profile)
    schedule = profile.charging_schedule
    recurrence_ns = _RECURRENCES_NS.get(profile.recurrency_kind or "", 0) if _recurs(profile) else 0
    length_ns = None if schedule.duration is None else schedule.duration * NS_PER_S
    if recurrence_ns:
        length_ns = min(length_ns or recurrence_ns, recurrence_ns)  # what is longer is not executed (5.16.4)
    start = _start(profile)
    valid_from_ns = _EVER_NS if profile.valid_from is None else instant_ns(profile.valid_from)
    valid_to_ns = None if profile.valid_to is None else instant_ns(profile.valid_to)
    if valid_to_ns is not None and valid_to_ns <= valid_from_ns:
        raise ValueError("validTo is not after validFrom")
    return ChargingProfile(
        profile_id=profile.charging_profile_id,
        connector=connector,
        purpose=profile.charging_profile_purpose,
        stack_level=profile.stack_level,
        start_ns=None if start is None else instant_ns(start),
        recurrence_ns=recurrence_ns,
        valid_from_ns=valid_from_ns,
        valid_to_ns=valid_to_ns,
        length_ns=length_ns,
        starts_ns=tuple(period.start_period * NS_PER_S for period in schedule.charging_schedule_period),
        limits=tuple(_limit(period, schedule, supply) for period in schedule.charging_schedule_period),
    )


def _recurs(profile: _Profile) -> bool:
    return profile.charging_profile_kind == "Recurring"


def _start(profile: _Profile) -> str | None:
    """Where an absolute or recurring schedule starts; without, as a relative one, with the transaction (7.13)."""
    return None if profile.charging_profile_kind == "Relative" else profile.charging_schedule.start_schedule


def _limit(period: _Period, schedule: _Schedule, supply: Supply) -> Limit:
    phases = min(period.number_phases, supply.phases)  # a profile cannot use phases the connector does not have
    unit = schedule.charging_rate_unit
    return Limit(
        supply.watts(period.limit, unit, phases), phases, supply.watts(schedule.min_charging_rate, unit, phases)
    )


def _check(profile: _Profile) -> None:
    """Raise for the first rule that is broken."""
    schedule = profile.charging_schedule
    periods = schedule.charging_schedule_period
    starts_s = [period.start_period for period in periods]
    rules = {
        "Recurring needs a recurrencyKind": profile.recurrency_kind is not None or not _recurs(profile),
        "a charge point has no transaction to start from: startSchedule is needed": (
            profile.charging_profile_purpose != CHARGE_POINT_MAX or _start(profile) is not None
        ),
        "a transactionId goes with a TxProfile": (
            profile.transaction_id is None or profile.charging_profile_purpose == TX
        ),
        "the first period must start at 0": starts_s[:1] == [0],
        "periods must ascend": all(a < b for a, b in itertools.pairwise(starts_s)),
        "duration must be positive": schedule.duration is None or schedule.duration > 0,
        "rates must not be negative": schedule.min_charging_rate >= 0 and all(each.limit >= 0 for each in periods),
        "numberPhases must be 1 to 3": all(1 <= each.number_phases <= 3 for each in periods),
    }
    for rule, holds in rules.items():
        if not holds:
            raise ValueError(rule)
