"""In which order arms are run, so that a machine that drifts does so to all of them alike.

Repeats come in blocks of two. In the first half of a block every arm is run once, in an order drawn anew; in the
second half once more, in the reverse of it: A B C, then C B A. What grows steadily over a block adds as much to one
arm as to any other; that orders are drawn takes care of what comes back at fixed intervals.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Slot(NamedTuple):
    """One run in the order: which arm, which of its repeats, in which block; both count from 1."""

    arm: str
    repeat: int
    block: int


def interleaved(arms: Sequence[str], repeats: int, seed: int) -> list[Slot]:
    """The runs of all arms, one after the other.

    Args:
        arms: Their names.
        repeats: Of each. When odd, the last block has no second half.
        seed: Of the order, and of nothing else.
    """
    drawing = random.Random(seed)
    slots: list[Slot] = []
    for block, repeat in enumerate(range(1, repeats + 1, 2), 1):
        drawn = list(arms)
        drawing.shuffle(drawn)
        slots += [Slot(arm, repeat, block) for arm in drawn]
        if repeat < repeats:
            slots += [Slot(arm, repeat + 1, block) for arm in reversed(drawn)]
    return slots
