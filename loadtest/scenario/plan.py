"""The plan of one run: the settings with everything decided that only the start of a run can decide."""

from __future__ import annotations

import msgspec

from loadtest.protocol.phases import PHASES
from loadtest.scenario.credentials import CredentialFiles
from loadtest.scenario.direct_path import DirectPath
from loadtest.scenario.fleet_classes import FleetClasses
from loadtest.scenario.settings import RunSettings


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What every Locust worker must know to play its part.

    Attributes:
        run_tag: 16 bits that mark this run's messages.
        version: Of the master's loadtest.
        scenario_sha256: Digest of the master's scenario; empty when it is not one file.
        epoch_ns: The run's origin of time on the master's monotonic clock.
        clock: Which clock that is.
        network: Whose loopback interface the URLs may lead to.
        gateway_url: Where charge points connect.
        credentials: Files with what they show there and trust.
        broker_url: Where subscribers connect.
        direct: How charge points connect there; None: all go through the gateway.
        shared_group: Name of the shared subscription, or empty for a single subscriber.
        subscribers: How many subscriber processes there really are.
        log_dir: Folder for the logs of child processes.
        phases: All phases there will be; a number in a stamp is a position in it.
        classes: What charge points are told apart by.
    """

    run_tag: int
    version: str
    scenario_sha256: str
    epoch_ns: int
    clock: str
    network: str
    gateway_url: str
    credentials: CredentialFiles = CredentialFiles()
    broker_url: str
    direct: DirectPath | None = None
    shared_group: str
    subscribers: int
    log_dir: str
    phases: tuple[str, ...] = PHASES
    classes: FleetClasses = FleetClasses()
    settings: RunSettings

    def encode(self) -> str:
        """As text, for the way to the workers."""
        return msgspec.json.encode(self).decode()


def decode(text: str) -> Plan:
    """Read a plan that a master of the same version wrote."""
    return msgspec.json.decode(text, type=Plan)
