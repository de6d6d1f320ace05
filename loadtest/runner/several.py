"""Several runs, one after the other: how each is carried out, and who is told.

Repeats, arms of a matrix and steps of a search differ in what comes next and in what becomes of a run that failed. What
they have in common is here and in :meth:`RunRequest.within`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias, TypeVar

from loadtest.runner.request import RunRequest
from loadtest.runner.run import RunOutcome

RunOne: TypeAlias = Callable[[RunRequest], RunOutcome]
"""Carries out one run. Raises a :class:`~loadtest.errors.LoadTestError` when it could not be made."""

_Row_contra = TypeVar("_Row_contra", contravariant=True)


class Watcher(Protocol[_Row_contra]):
    """Who is told how they go on; a row is what is on record of a run."""

    def begins(self, run: _Row_contra, /) -> None:
        """A run begins."""

    def ended(self, run: _Row_contra, /) -> None:
        """It has ended, or was passed over; its record says how."""
