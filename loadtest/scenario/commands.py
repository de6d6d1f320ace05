"""The central system's commands as load: how many of each, to whom."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from loadtest.errors import UsageError
from loadtest.protocol import schemas
from loadtest.protocol.actions import FROM_CENTRAL_SYSTEM
from loadtest.protocol.stamp import MAX_CHARGE_POINTS


class CommandLoad(msgspec.Struct, frozen=True):
    """What the central system asks of charge points during the steady phase. Times in seconds.

    Commands are due at random instants, as independent events are (exponential gaps), whatever becomes of those
    before them. A charge point that has not answered one is not sent another (OCPP-J 1.6 section 4.1.1).

    Attributes:
        rates: Commands per second over the whole fleet, by action.
        charge_points: Numbers of the charge points they go to; empty: any, at random.
        payloads: The payload of every command of an action, as JSON values, where the generated ones will not do. Valid
            by the official schema: what is not would be refused by charge points, and blamed on the system under test.
        timeout_s: How long an answer is waited for.
    """

    rates: dict[str, float] = {}
    charge_points: tuple[int, ...] = ()
    payloads: dict[str, dict[str, Any]] = {}
    timeout_s: float = 30.0

    def __bool__(self) -> bool:
        """Whether there is anything to send."""
        return any(self.rates.values())

    def check(self) -> None:
        """Refuse what cannot be run.

        Raises:
            UsageError: With one sentence for each fault found.
        """
        try:
            msgspec.convert(msgspec.structs.asdict(self), CommandLoad)
        except msgspec.ValidationError as error:
            raise UsageError(f"commands: {error}") from error
        faults = [
            f"commands.{field}: {action!r} is no action a central system sends; those are "
            f"{', '.join(FROM_CENTRAL_SYSTEM)}"
            for field, actions in (("rates", self.rates), ("payloads", self.payloads))
            for action in actions
            if action not in FROM_CENTRAL_SYSTEM
        ]
        faults += [
            f"commands.rates: {action}: {rate:g} is not a number of commands per second, 0 or more"
            for action, rate in self.rates.items()
            if not 0 <= rate < math.inf
        ]
        faults += [
            f"commands.charge_points: {number} is not between 0 and {MAX_CHARGE_POINTS - 1}"
            for number in self.charge_points
            if not 0 <= number < MAX_CHARGE_POINTS
        ]
        faults += [f"commands.payloads: {action} has no rate" for action in self.payloads if not self.rates.get(action)]
        faults += [
            f"commands.payloads: {action}: {fault.text}"
            for action, payload in self.payloads.items()
            if (schema := schemas.request(action)) and (fault := schema.check_value(payload))
        ]
        if not 0 < self.timeout_s < math.inf:
            faults.append(f"commands.timeout_s: {self.timeout_s:g} is not a time above 0")
        if faults:
            raise UsageError(faults)
