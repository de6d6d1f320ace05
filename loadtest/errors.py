"""Every error that leaves this package, and the exit code each ends a command with.

::

    LoadTestError
    ├── UsageError             2   what was asked cannot be done: options, scenario, plan (all faults at once)
    ├── EnvironmentNotReady    2   what was asked needs something that is not there: broker, port, descriptors
    ├── ResultError            2   a result file is missing, damaged or of an unknown version
    │   └── DamagedResultError     it is there, but cut off or not what it should be
    ├── HarnessError           2   a process of ours failed or broke its own rules
    │   └── LocalProtocolError     we were about to send something the protocol forbids
    └── RemoteProtocolError        the other side broke the protocol; counted, never ends a run

Facts travel as attributes; the sentence is for people: what happened, then ``hint``, what to do.
"""

from __future__ import annotations

import contextlib
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


class ExitCode(IntEnum):
    """What a command's exit status means. Public interface, documented in ``docs/exit-codes.md``."""

    PASSED = 0
    FAILED = 1
    USAGE = 2
    REGRESSION = 3
    VOID = 4
    INTERRUPTED = 130


class LoadTestError(Exception):
    """Base of all errors of the harness.

    Attributes:
        faults: One sentence per fault; only a :class:`UsageError` has several.
        hint: What the reader can do about it; empty when there is nothing to add.
        exit_code: The status a command ends with when this error reaches its top.
    """

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.faults: tuple[str, ...] = (message,)
        self.hint = hint

    @property
    def line(self) -> str:
        """All faults in one line, without the hint: for the row of a table."""
        return " ".join(self.message.splitlines())


class UsageError(LoadTestError):
    """What was asked for cannot be done. Holds every fault found, not just the first, each naming its field."""

    def __init__(self, faults: Sequence[str] | str, *, hint: str = "") -> None:
        all_faults = (faults,) if isinstance(faults, str) else tuple(faults)
        super().__init__("\n".join(all_faults), hint=hint)
        self.faults = all_faults


class EnvironmentNotReady(LoadTestError):  # noqa: N818 - reads as the state it reports
    """Something outside the harness is missing: a broker, a free port, file descriptors."""


class ResultError(LoadTestError):
    """A result file is missing, damaged, or written by a version this one cannot read."""


class DamagedResultError(ResultError):
    """A result file is there, but cut off or not what it should be: what stands beside it may still be read."""


class HarnessError(LoadTestError):
    """A process of the harness failed or broke its own rules."""


class LocalProtocolError(HarnessError):
    """The harness was about to break a protocol rule itself: a bug here, not there."""


class RemoteProtocolError(LoadTestError):
    """The other side broke a protocol rule. Counted and survived."""


class Faults:
    """Gathers what several checks find wrong, so that all of it is told at once.

    Usage::

        found = Faults()
        with found.gathered():
            check_one()
        with found.gathered():
            check_another()
        found.refuse()

    Attributes:
        faults: Sentences, one for each fault.
        hints: What can be done about them.
    """

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.hints: list[str] = []

    @contextlib.contextmanager
    def gathered(self) -> Iterator[None]:
        """Keep the faults of an error of ours that ends the block."""
        try:
            yield
        except LoadTestError as error:
            self.faults += error.faults
            self.hints.append(error.hint)

    def refuse(self) -> None:
        """Raise what was gathered, if anything.

        Raises:
            UsageError: With every fault.
        """
        if self.faults:
            raise UsageError(self.faults, hint=join_hints(self.hints))


def join_hints(hints: Iterable[str]) -> str:
    """Several hints as one line, each once; a question mark parts two as well as a semicolon does."""
    line = ""
    for hint in dict.fromkeys(filter(None, hints)):
        line += ("" if not line else " " if line.endswith("?") else "; ") + hint
    return line
