"""The plan of one run: the settings with everything decided that only the start of a run can decide."""

from __future__ import annotations

import math

import msgspec

from loadtest.protocol.phases import PHASES
from loadtest.scenario.credentials import CredentialFiles
from loadtest.scenario.settings import RunSettings

COHORT_SIZE = 1000
"""Charge points per cohort, unless the number of cohorts is given otherwise."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What every Locust worker must know to play its part.

    Attributes:
        run_tag: 16 bits that mark this run's messages.
        epoch_ns: The run's origin of time on the monotonic clock of the host.
        host_boot_id: Which host that clock belongs to.
        cohorts: Number of cohorts among which the charge points are shared out.
        gateway_url: Where charge points connect.
        credentials: Files with what they show there and trust.
        broker_url: Where subscribers connect.
        shared_group: Name of the shared subscription, or empty for a single subscriber.
        subscribers: How many subscriber processes there really are.
        log_dir: Folder for the logs of child processes.
        phases: All phases there will be; a number in a stamp is a position in it.
    """

    run_tag: int
    epoch_ns: int
    host_boot_id: str
    cohorts: int
    gateway_url: str
    credentials: CredentialFiles = CredentialFiles()
    broker_url: str
    shared_group: str
    subscribers: int
    log_dir: str
    phases: tuple[str, ...] = PHASES
    settings: RunSettings

    def cohort(self, number: int) -> tuple[int, int]:
        """First charge point and size of a cohort.

        Cohorts beyond the planned ones, which a user adds while a run goes on, extend the fleet.
        """
        total, cohorts = self.settings.charge_points, self.cohorts
        if number < cohorts:
            first = number * total // cohorts
            return first, (number + 1) * total // cohorts - first
        size = math.ceil(total / cohorts)
        return total + (number - cohorts) * size, size

    def encode(self) -> str:
        """As text, for the way to the workers."""
        return msgspec.json.encode(self).decode()


def cohorts_for(charge_points: int, engines: int) -> int:
    """How many cohorts a fleet is cut into: of :data:`COHORT_SIZE`, and at least one for each engine."""
    return min(charge_points, max(math.ceil(charge_points / COHORT_SIZE), engines))


def decode(text: str) -> Plan:
    """Read a plan that a master of the same version wrote."""
    return msgspec.json.decode(text, type=Plan)
