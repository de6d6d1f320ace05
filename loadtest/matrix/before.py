"""What a plan has done before each run of an arm: a program of the user's, such as one that starts a broker anew.

The system under test is given by its URLs then. When the program has ended well they are waited for, within the same
time: a restart often returns before what it has started can be reached.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from loadtest.brokers.process import ending
from loadtest.brokers.readiness import answers_connect
from loadtest.clock import monotonic_ns
from loadtest.control.lifeline import dies_with_parent
from loadtest.errors import EnvironmentNotReady
from loadtest.runner.gateway_probe import answers_handshake
from loadtest.scenario.settings import DIRECT, masked
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from loadtest.matrix.plan import PlannedArm
    from loadtest.scenario.settings import RunSettings

_LOOK_S = 0.1
_LONGEST_LINE = 300


def made_ready(arm: PlannedArm, repeat: int, log_file: Path, within_s: float, interrupts: Sequence[int]) -> bool:
    """Run the program of an arm, and wait until what it was to prepare answers.

    Args:
        arm: With a program. It finds the arm's name in the variable ``LOADTEST_ARM``, which repeat comes in
            ``LOADTEST_REPEAT``.
        repeat: From 1.
        log_file: Takes what the program says.
        within_s: How long all of it may take.
        interrupts: Grows when the user asks for an end.

    Returns:
        Whether the run may begin; not when the user asks for an end.

    Raises:
        EnvironmentNotReady: The program cannot be started, fails or takes too long, or nothing answers; says which.
    """
    deadline_ns = monotonic_ns() + round(within_s * NS_PER_S)
    log_file.parent.mkdir(parents=True, exist_ok=True)
    variables = {"LOADTEST_ARM": arm.name, "LOADTEST_REPEAT": str(repeat)}
    status = _status(arm.before, variables, log_file, deadline_ns, interrupts)
    if interrupts:
        return False
    if status is None:
        raise EnvironmentNotReady(f"{_said(arm)} did not end within {within_s:g} s{_last_words(log_file)}")
    if status:
        raise EnvironmentNotReady(f"{_said(arm)} {ending(status)}{_last_words(log_file)}")
    return _answers(arm.request.resolved(), deadline_ns, interrupts)


def _status(
    argv: Sequence[str], variables: dict[str, str], log_file: Path, deadline_ns: int, interrupts: Sequence[int]
) -> int | None:
    """How the program ended; ``None`` when it had to be killed."""
    with log_file.open("ab") as log:
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | variables,
                start_new_session=True,
                preexec_fn=dies_with_parent(),  # noqa: PLW1509 - no threads here
            )
        except OSError as error:
            raise EnvironmentNotReady(f"before: {argv[0]} cannot be started: {error.strerror}") from error
    while not interrupts and monotonic_ns() < deadline_ns:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(_LOOK_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return None


def _answers(settings: RunSettings, deadline_ns: int, interrupts: Sequence[int]) -> bool:
    """Wait for the broker and the gateway that are given by their URLs."""
    gateway = "" if settings.path == DIRECT else settings.gateway
    probes: list[Callable[[], Awaitable[None]]] = []
    if "://" in settings.broker:
        probes.append(lambda: answers_connect(settings.broker))
    if "://" in gateway:
        probes.append(lambda: answers_handshake(gateway, settings.credentials, guarded=True))
    for probe in probes:
        while True:
            try:
                asyncio.run(_awaited(probe))
                break
            except EnvironmentNotReady as error:
                if interrupts:
                    return False
                if monotonic_ns() > deadline_ns:
                    raise EnvironmentNotReady(f"before: it has ended, but {error.message}") from error
                time.sleep(_LOOK_S)
    return True


async def _awaited(probe: Callable[[], Awaitable[None]]) -> None:
    await probe()


def _said(arm: PlannedArm) -> str:
    """The program, without passwords: this goes on record."""
    return f"before: {shlex.join(map(masked, arm.before))}"


def _last_words(log_file: Path) -> str:
    said = [line for line in log_file.read_text(errors="replace").splitlines() if line.strip()]
    return f": {masked(said[-1].strip())[:_LONGEST_LINE]} (its output: {log_file})" if said else ""
