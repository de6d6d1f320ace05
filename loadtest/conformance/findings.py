"""What a row can find."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from loadtest.errors import RemoteProtocolError


class Verdict(StrEnum):
    """How a row ended.

    Only ``FAILED`` fails a run. ``DEVIATING`` is something known and named that those who talk to gateways have to
    live with, most of it seen on EMQX; ``SKIPPED`` is a rule that does not apply, or was not asked for.
    """

    PASSED = "passed"
    DEVIATING = "deviating"
    FAILED = "failed"
    SKIPPED = "skipped"


class Finding(NamedTuple):
    """A row's verdict.

    Attributes:
        verdict: The verdict.
        observed: The fact it rests on, in words.
        deviation: The name of the deviation; empty when there is none.
    """

    verdict: Verdict
    observed: str
    deviation: str = ""


class Nonconformity(RemoteProtocolError):  # noqa: N818 - reads as the finding it is
    """The gateway did something else than the contract says. The text is what it did."""


def passed(observed: str) -> Finding:
    """The rule holds."""
    return Finding(Verdict.PASSED, observed)


def deviating(observed: str, deviation: str) -> Finding:
    """The rule does not hold, in a way that is known by name."""
    return Finding(Verdict.DEVIATING, observed, deviation)
