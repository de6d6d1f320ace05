"""An engine's own configuration, as its parent sends it."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from loadtest.errors import UsageError
from loadtest.protocol.phases import PHASES
from loadtest.scenario.credentials import CredentialFiles
from loadtest.scenario.direct_path import DirectPath
from loadtest.scenario.fleet_classes import FleetClasses
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.settings import masked


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine has to know before it takes charge points.

    Attributes:
        run_tag: 16 bits that mark this run's messages.
        epoch_ns: The run's origin of time on the monotonic clock.
        seed: Seed of the run.
        gateway_url: ``ws://host:port/path`` or ``wss://…``; ``/<charge point id>`` is appended; empty: all charge
            points are on the direct path.
        direct: The direct path; None: no charge point takes it.
        engine: This engine's number, for choosing source addresses.
        charge_points: Size of the whole fleet, of which this engine holds a part.
        ramp_s: Time over which the fleet connects.
        phases: The run's phases; a number in a stamp is a position in it.
        classes: What charge points are told apart by.
        call_timeout_s: How long an answer, or a handshake, is waited for.
        profile: The kind of charge point of cohorts that name none.
        credentials: Files with what charge points show and trust.
        password: Template of their passwords; empty: there is none.
    """

    run_tag: int
    epoch_ns: int
    seed: int
    gateway_url: str = ""
    direct: DirectPath | None = None
    engine: int
    charge_points: int
    ramp_s: float
    phases: tuple[str, ...] = PHASES
    classes: FleetClasses = FleetClasses()
    call_timeout_s: float = 30.0
    profile: ChargePointProfile = ChargePointProfile()
    credentials: CredentialFiles = CredentialFiles()
    password: str = ""

    def __repr__(self) -> str:
        """Without the password, wherever it may be shown."""
        return f"EngineSettings(engine={self.engine}, gateway_url={masked(self.gateway_url)!r})"

    def check(self) -> None:
        """Refuse what cannot be run.

        Raises:
            UsageError: With one sentence for each fault found.
        """
        faults: list[str] = []
        try:
            parts = urlsplit(self.gateway_url)
            usable = parts.scheme in {"ws", "wss"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable and (self.gateway_url or self.direct is None):
            faults.append(f"gateway_url: {masked(self.gateway_url)!r} is not a ws:// or wss:// URL")
        if self.charge_points < 1:
            faults.append(f"charge_points: {self.charge_points} is not at least 1")
        if not 0 <= self.ramp_s < float("inf"):
            faults.append(f"ramp_s: {self.ramp_s:g} is not a time of 0 or more")
        if not 0 < self.call_timeout_s < float("inf"):
            faults.append(f"call_timeout_s: {self.call_timeout_s:g} is not a time above 0")
        if not 0 <= self.run_tag <= 0xFFFF:
            faults.append(f"run_tag: {self.run_tag} does not fit 16 bits")
        try:
            self.profile.check()
        except UsageError as error:
            faults += error.faults
        if faults:
            raise UsageError(faults)


def engine_settings(plain: dict[str, object]) -> EngineSettings:
    """Read and check an engine's configuration.

    Raises:
        UsageError: A field is missing, of the wrong type, or out of range.
    """
    try:
        settings = msgspec.convert(plain, EngineSettings)
    except msgspec.ValidationError as error:
        raise UsageError(f"engine configuration: {error}") from error
    settings.check()
    return settings


def cohort_profile(plain: dict[str, object] | None, settings: EngineSettings) -> ChargePointProfile:
    """The kind of charge point of a cohort.

    Raises:
        UsageError: A field is of the wrong type, or out of range.
    """
    if plain is None:
        return settings.profile
    try:
        profile = msgspec.convert(plain, ChargePointProfile)
    except msgspec.ValidationError as error:
        raise UsageError(f"profile: {error}") from error
    profile.check()
    return profile
