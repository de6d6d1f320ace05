"""What every threshold is, whatever it is about: a metric, a bound on it, and whether a miss ends the run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import msgspec

from loadtest.errors import UsageError
from loadtest.scenario.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from loadtest.scenario.bounds import Bound


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """What all thresholds have in common.

    Attributes:
        fleet_class: Of the charge points of one class of a mixed fleet only; empty for all.
        abort_on_fail: The run ends, failed, as soon as it is seen not to hold.
        after_s: For so many seconds of its phase it is not looked at for that.
    """

    _more_is_better: ClassVar[bool] = False

    fleet_class: str = ""
    abort_on_fail: bool = False
    after_s: float = 0.0

    def __str__(self) -> str:
        """The text form, which reads back as the same threshold."""
        ending = f" abort after {self.after_s:.15g}s" if self.after_s else " abort"
        return f"{self.metric} {self.limit}{ending if self.abort_on_fail else ''}"

    @property
    def metric(self) -> str:
        """What is looked at, in the words of the text form."""
        raise NotImplementedError

    @property
    def watched_phase(self) -> str:
        """The phase it is about; empty for the whole run."""
        return ""

    @property
    def limit(self) -> Bound:
        """What the figure is to keep to."""
        bound: Bound = self.bound  # type: ignore[attr-defined]  # each kind has it behind what it is about
        return bound

    def check(self, phases: Sequence[str], classes: Sequence[str] | None = None) -> None:
        """Refuse what can never be judged in a run of these phases and classes of charge points.

        Args:
            phases: All there will be.
            classes: Likewise; ``None``: not known yet.

        Raises:
            UsageError: With one sentence for each mistake.
        """
        try:
            msgspec.convert(msgspec.structs.asdict(self), type(self))
        except msgspec.ValidationError as error:
            raise UsageError(f"threshold {type(self).__name__}: {error}") from None
        mistakes = [*self._mistakes(), *self._mistakes_of_bound(), *self._mistakes_of_phase(phases)]
        if self.fleet_class and classes is not None and self.fleet_class not in classes:
            near = did_you_mean(self.fleet_class, classes)
            mistakes.append(f"there is no class {self.fleet_class!r}; there are {', '.join(classes)}{near}")
        if not 0 <= self.after_s < math.inf:
            mistakes.append(f"after_s: {self.after_s:g} is not 0 or more")
        elif self.after_s and not self.abort_on_fail:
            mistakes.append("after_s: has no use without abort_on_fail")
        if mistakes:
            raise UsageError([f"threshold '{self}': {text}" for text in mistakes])

    @property
    def _units(self) -> tuple[str, ...]:
        """Units its bound can have."""
        raise NotImplementedError

    @property
    def _class_word(self) -> str:
        """Its class, as the text form names it."""
        return f"class:{self.fleet_class}" if self.fleet_class else ""

    def _mistakes(self) -> Iterator[str]:
        yield from ()

    def _mistakes_of_bound(self) -> Iterator[str]:
        bound = self.limit
        if bound.unit not in self._units:
            wanted = " or ".join(repr(unit) if unit else "none, for a count" for unit in self._units)
            yield f"the unit {bound.unit!r} does not fit: {wanted}"
        if not bound.upper and not self._more_is_better:
            yield f"{bound.relation} makes no sense here: a small figure is a good one, write <"
        if not 0 <= bound.value < math.inf:
            yield f"the bound {bound.value:g} is not 0 or more"
        elif (bound.value == 0 and bound.relation in ("<", ">=")) or (bound.value == 0 and "ms" in self._units):
            yield f"nothing is decided by {bound}"

    def _mistakes_of_phase(self, phases: Sequence[str]) -> Iterator[str]:
        phase = self.watched_phase
        if phase and phase not in phases:
            yield f"there is no phase {phase!r} in this run; there are {', '.join(phases)}{did_you_mean(phase, phases)}"
