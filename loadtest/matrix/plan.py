"""A plan for a matrix, checked: the arms, what they share, and how often each is run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loadtest.measure.matrix_record import MatrixArm, MatrixPlan
from loadtest.scenario.settings import masked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtest.runner.request import RunRequest
    from loadtest.runner.scenarios import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedArm:
    """An arm, checked.

    Attributes:
        name: Also that of its folder.
        own: The settings that make it differ, as people read them.
        request: What its runs have in common.
        resolved: Every setting, without those of a single run; passwords masked.
        before: The program to run before each of its runs, with its arguments; empty: none.
    """

    name: str
    own: dict[str, str]
    request: RunRequest
    resolved: dict[str, Any]
    before: tuple[str, ...] = ()

    def record(self) -> MatrixArm:
        """As it stands in the record."""
        before = [masked(word) for word in self.before]
        return MatrixArm(name=self.name, settings=_masked(self.own), resolved=self.resolved, before=before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A plan, checked. Attributes: see :class:`~loadtest.measure.matrix_record.MatrixPlan`."""

    name: str
    text: str
    description: str
    scenario: Scenario
    seeds: tuple[int, ...]
    order_seed: int
    pause_s: float
    before_timeout_s: float
    void_retries: int
    baseline: str
    common: dict[str, str]
    arms: tuple[PlannedArm, ...]

    def record(self) -> MatrixPlan:
        """As it stands in the record."""
        return MatrixPlan(
            name=self.name,
            description=self.description,
            scenario=self.scenario.name,
            scenario_sha256=hashlib.sha256(self.scenario.path.read_bytes()).hexdigest(),
            seeds=list(self.seeds),
            order_seed=self.order_seed,
            pause_s=self.pause_s,
            before_timeout_s=self.before_timeout_s,
            void_retries=self.void_retries,
            settings=_masked(self.common),
            baseline=self.baseline,
        )


def _masked(settings: Mapping[str, str]) -> dict[str, str]:
    return {name: masked(text) for name, text in settings.items()}
