"""What is checked of the system under test before a run, and every fault of it, told at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.engine.credentials import Credentials
from loadtest.errors import LoadTestError, UsageError, join_hints
from loadtest.runner.descriptors import gateway_fault, refuse_connections
from loadtest.runner.gateway_probe import answers_handshake

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from loadtest.runner.stand_settings import StandSettings


class Findings:
    """The faults of all checks, with what helps."""

    def __init__(self) -> None:
        self._faults: list[str] = []
        self._hints: list[str] = []

    def add(self, fault: str, hint: str) -> None:
        """One more fault."""
        self._faults.append(fault)
        self._hints.append(hint)

    async def of(self, check: Awaitable[None]) -> None:
        """Make a check; what it raises is one more finding."""
        try:
            await check
        except UsageError as error:
            self._faults += error.faults
            self._hints.append(error.hint)
        except LoadTestError as error:
            self.add(error.message, error.hint)

    def refuse(self) -> None:
        """Go on only without any.

        Raises:
            UsageError: With all of them.
        """
        if self._faults:
            raise UsageError(self._faults, hint=join_hints(self._hints))


def check_room_in_gateway(settings: StandSettings, limit: int, findings: Findings) -> None:
    """Check whether the embedded gateway may have so many connections.

    Args:
        settings: What is to be set up.
        limit: Open files allowed to each process.
        findings: Takes the fault.
    """
    misfit = gateway_fault(settings.charge_points - settings.direct, settings.gateway_processes, limit)
    if misfit is not None:
        findings.add(*misfit)


async def check_given_gateway(settings: StandSettings) -> None:
    """Check the charge points' credentials and whether the given gateway answers.

    Raises:
        LoadTestError: Something is missing, or there was no answer.
    """
    files = settings.credentials
    encrypted = settings.gateway.startswith("wss:")
    Credentials(files, settings.password, encrypted=encrypted).refuse_missing(settings.fleet())
    guarded = bool(settings.password or files.password_file or files.client_certificate)
    await answers_handshake(settings.gateway, files, guarded=guarded)


async def check_direct_path(settings: StandSettings, limit: int) -> None:
    """Check what charge points show the broker, and whether an embedded one may have so many connections.

    Args:
        settings: What is to be set up.
        limit: Open files allowed to the broker.

    Raises:
        LoadTestError: Credentials are missing, or charge points do not fit.
    """
    if "://" in settings.broker:
        encrypted = settings.broker.startswith("mqtts:")
        Credentials(settings.credentials, settings.password, encrypted=encrypted).refuse_missing(settings.fleet())
    else:
        refuse_connections(settings.direct, limit)
