"""Arms in order, with honest ties: who is really better than whom, shown so that nothing has to be transitive."""

from __future__ import annotations

import difflib
import string
from itertools import combinations
from typing import TYPE_CHECKING

from loadtest.compare.figures import compared
from loadtest.compare.statistics import can_tell
from loadtest.errors import UsageError
from loadtest.measure.compared_figures import BETTER, THROUGHPUT, UNDECIDED, WORSE
from loadtest.measure.comparison_record import Place, Ranking

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from loadtest.compare.figure_keys import Key
    from loadtest.compare.figures import Measured
    from loadtest.measure.compared_figures import ComparedFigure

DEFAULT = ("uplink p99", "round trip p99", "uplink p90", "round trip p90", "uplink p50", "round trip p50")
"""What arms are ranked by unless somebody says otherwise: the first that there is."""
_MOST_NAMED = 6


def rank_key(wanted: str, keys: Iterable[Key]) -> Key | None:
    """The figure to rank by; ``None`` when nothing was asked for and none of the usual ones is there.

    Raises:
        UsageError: There is no such figure in two arms or more; names what may have been meant.
    """
    by_name = {str(key).lower(): key for key in keys}
    if not wanted:
        return next((by_name[name] for name in DEFAULT if name in by_name), None)
    name = " ".join(wanted.lower().replace("_", " ").split())
    if name in by_name:
        return by_name[name]
    near = difflib.get_close_matches(name, by_name, n=1)
    hint = f"did you mean {by_name[near[0]]}?" if near else f"there are, for example, {', '.join(sorted(by_name)[:6])}"
    raise UsageError(f"--rank: no two arms have a figure {wanted!r}", hint=hint)


def ranking(arms: Sequence[Measured], key: Key, tolerance: float) -> Ranking | None:
    """Rank the arms that have a figure, which is tested by itself; ``None`` when less than two have it."""
    having = [arm for arm in arms if arm.has(key)]
    if len(having) < 2:
        return None
    pairs = list(combinations(range(len(having)), 2))
    (figure,) = compared(having, pairs, [key], tolerance)
    names = sorted(figure.means, key=figure.means.__getitem__, reverse=key.quantity == THROUGHPUT)
    ahead = _ahead(figure)
    runs = [len(arm.runs) for arm in having]
    told = {having[each].name for pair in pairs if can_tell(runs, pair) for each in pair}
    apart = {frozenset(pair) for pair in ahead}
    letters = compact_letters([name for name in names if name in told], apart)
    places = [
        Place(
            arm=name,
            rank=1 + sum(worse == name for _, worse in ahead) if name in told else None,
            letters=letters.get(name, ""),
            mean=figure.means[name],
            low=min(figure.values[name]),
            high=max(figure.values[name]),
        )
        for name in names
    ]
    places.sort(key=lambda place: (place.rank is None, place.rank))
    return Ranking(figure=figure, places=places, text=_text(figure, places, tolerance))


def compact_letters(names: Sequence[str], apart: set[frozenset[str]]) -> dict[str, str]:
    """Letters such that two names share one exactly when they are not apart (Piepho 2004, insert and absorb).

    Args:
        names: From the best to the worst; the letters follow their order.
        apart: Pairs that differ.
    """
    columns = [frozenset(names)]
    for pair in sorted(apart, key=sorted):
        split = [column - {name} for column in columns if pair <= column for name in sorted(pair)]
        kept = [column for column in columns if not pair <= column]
        for column in sorted(set(split), key=lambda column: (-len(column), sorted(column))):
            if not any(column <= other for other in kept):
                kept.append(column)
        columns = kept
    columns.sort(key=lambda column: sorted(map(names.index, column)))
    found = dict.fromkeys(names, "")
    for letter, column in zip(_letters(), columns, strict=False):
        for name in column:
            found[name] += letter
    return found


def _letters() -> Iterable[str]:
    yield from string.ascii_lowercase
    yield from string.ascii_uppercase
    yield from (one + other for one in string.ascii_lowercase for other in string.ascii_lowercase)


def _ahead(figure: ComparedFigure) -> list[tuple[str, str]]:
    """Who is really better than whom."""
    pairs = []
    for change in figure.changes:
        if change.finding == WORSE:
            pairs.append((change.baseline, change.candidate))
        elif change.finding == BETTER:
            pairs.append((change.candidate, change.baseline))
    return pairs


def _text(figure: ComparedFigure, places: Sequence[Place], tolerance: float) -> str:
    ranked = [place for place in places if place.rank is not None]
    undecided = [change.repeats_needed for change in figure.changes if change.finding == UNDECIDED]
    needed = max((each for each in undecided if each is not None), default=None)
    least = f"{100 * tolerance:.3g} %"
    how_many = "" if needed is None else f" At least {needed:,} repeats of each are needed to see {least}."
    if not ranked:
        return f"By {figure.name} nothing can be told: there are too few repeats.{how_many}"
    first = [place.arm for place in ranked if place.rank == 1]
    others = [place for place in ranked if place.rank != 1]
    unranked = [place.arm for place in places if place.rank is None]
    more = f" Too few repeats of {_listed(unranked)} to tell." if unranked else ""
    if not others:
        return f"By {figure.name} no arm is shown to be better than another by more than {least}.{how_many}{more}"
    best = ranked[0]
    changes = [(place.arm, figure.change(best.arm, place.arm)) for place in others[:_MOST_NAMED]]
    behind = ", ".join(f"{arm} {_signed(figure, change.change_percent)}" for arm, change in changes if change)
    behind += f" and {len(others) - _MOST_NAMED} more" if len(others) > _MOST_NAMED else ""
    lead = f"{_listed(first)} {'is' if len(first) == 1 else 'are'} ahead"
    tie = "" if len(first) == 1 else ", and no difference between them is shown that matters"
    return f"By {figure.name} {lead}{tie}. Against {best.arm}: {behind}.{more}"


def _signed(figure: ComparedFigure, percent: float) -> str:
    return f"{percent:+,.3g} points" if figure.unit == "%" else f"{percent:+,.1f} %"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
