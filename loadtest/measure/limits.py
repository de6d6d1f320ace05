"""The limits of a scenario: what the verdict on a run goes by, besides thresholds."""

from __future__ import annotations

import math

import msgspec

from loadtest.errors import UsageError


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the verdict holds a run against; ``None`` judges nothing.

    The first group belongs to the system under test (a miss fails the run), the second to the generator (a miss
    makes the run void).
    """

    lost: int | None = 0
    unanswered: int | None = 0
    absent_at_end: int | None = 0
    call_errors: int | None = 0
    invalid_answers: int | None = 0
    dropped_share: float | None = 0.01
    commands_lost: int | None = 0
    commands_unanswered: int | None = 0
    command_errors: int | None = 0
    command_answers_invalid: int | None = 0
    pacer_p99_us: int | None = 20_000
    generator_cpu_percent: float | None = 90.0
    coalesced_intervals: int | None = 0
    standstill_us: int | None = 3_000_000

    def check(self) -> None:
        """Refuse what no run can be held against.

        Raises:
            UsageError: With one sentence for each mistake found.
        """
        mistakes: list[str] = []
        for field in msgspec.structs.fields(Limits):
            value = getattr(self, field.name)
            try:
                msgspec.convert(value, field.type)
            except msgspec.ValidationError as error:
                mistakes.append(f"limits.{field.name}: {value!r} does not fit: {error}")
            else:
                if value is not None and not 0 <= value < math.inf:
                    mistakes.append(f"limits.{field.name}: {value:g} is not 0 or more; None judges nothing")
        if mistakes:
            raise UsageError(mistakes)
