"""Which messages of each charge point have arrived: new, again, or out of order; and which never did.

Each charge point numbers its CALLs from 0 (24 bits, never restarted within a run). Kept per charge point are the next
expected number and, only once something was skipped, a bitmap of the holes. Messages in order cost one dictionary
look-up; memory is one bit per message between a charge point's first and last hole, at most 2 MiB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from loadtest.measure.interval import ChargePointWindow

if TYPE_CHECKING:
    from collections.abc import Iterable

NEW, DUPLICATE, REORDERED = 0, 1, 2


class _Holes:
    """Numbers not seen so far, below the highest seen: bit ``k`` set for ``origin + k``."""

    __slots__ = ("bits", "count", "origin")

    def __init__(self, first: int) -> None:
        self.origin = first & ~7
        self.bits = bytearray()
        self.count = 0

    def open(self, start: int, stop: int) -> None:
        """Mark ``start`` to ``stop - 1`` as missing."""
        width = stop - self.origin
        self.bits.extend(bytes((width + 7) // 8 - len(self.bits)))
        first, last = (start - self.origin) >> 3, (stop - 1 - self.origin) >> 3
        mask = ((1 << (stop - start)) - 1) << (start & 7)
        self.bits[first : last + 1] = (int.from_bytes(self.bits[first : last + 1], "little") | mask).to_bytes(
            last + 1 - first, "little"
        )
        self.count += stop - start

    def close(self, sequence: int) -> bool:
        """Fill one hole; false when there is none at this number."""
        offset = sequence - self.origin
        byte, bit = offset >> 3, 1 << (offset & 7)
        if offset < 0 or byte >= len(self.bits) or not self.bits[byte] & bit:
            return False
        self.bits[byte] ^= bit
        self.count -= 1
        return True


class SequenceWindows:
    """The sequence windows of all charge points one subscriber hears."""

    def __init__(self) -> None:
        self._next: dict[int, int] = {}
        self._holes: dict[int, _Holes] = {}

    def observe(self, charge_point: int, sequence: int) -> int:
        """Book one arrival.

        Returns:
            :data:`NEW`; :data:`DUPLICATE` when this number was seen before; :data:`REORDERED` when it is new, but
            a later one of the same charge point arrived before it.
        """
        expected = self._next.get(charge_point, 0)
        if sequence == expected:
            self._next[charge_point] = sequence + 1
            return NEW
        holes = self._holes.get(charge_point)
        if sequence > expected:
            if holes is None:
                holes = self._holes[charge_point] = _Holes(expected)
            holes.open(expected, sequence)
            self._next[charge_point] = sequence + 1
            return NEW
        if holes is None or not holes.close(sequence):
            return DUPLICATE
        if not holes.count:
            del self._holes[charge_point]
        return REORDERED

    def export(self) -> list[ChargePointWindow]:
        """The windows, in the form that travels, ordered by charge point."""
        windows = []
        for charge_point in sorted(self._next):
            following = self._next[charge_point]
            holes = self._holes.get(charge_point)
            if holes is None:
                windows.append(ChargePointWindow(charge_point, following))
                continue
            width = following - holes.origin
            seen = ((1 << width) - 1) ^ int.from_bytes(holes.bits, "little")
            windows.append(ChargePointWindow(charge_point, holes.origin, seen.to_bytes((width + 7) // 8, "little")))
        return windows


class MergedWindows(NamedTuple):
    """The union of several subscribers' windows.

    ``windows`` by charge point; ``duplicated`` counts arrivals that more than one subscriber booked as its first.
    """

    windows: dict[int, ChargePointWindow]
    duplicated: int


def merge(exports: Iterable[Iterable[ChargePointWindow]]) -> MergedWindows:
    """Unite what several subscribers saw; overlaps are duplicates that none of them could notice alone."""
    merged: dict[int, ChargePointWindow] = {}
    duplicated = 0
    for export in exports:
        for window in export:
            known = merged.get(window.charge_point)
            if known is None:
                merged[window.charge_point] = window
                continue
            one, other = _seen(known), _seen(window)
            duplicated += (one & other).bit_count()
            merged[window.charge_point] = _window(window.charge_point, one | other)
    return MergedWindows(merged, duplicated)


def missing(window: ChargePointWindow | None, sent: int, limit: int | None = None) -> list[int]:
    """The numbers below ``sent`` that never arrived, ascending; at most ``limit`` of them when given."""
    holes = _missing_bits(window, sent)
    found: list[int] = []
    while holes and (limit is None or len(found) < limit):
        lowest = holes & -holes
        found.append(lowest.bit_length() - 1)
        holes ^= lowest
    return found


def count_missing(window: ChargePointWindow | None, sent: int) -> int:
    """How many numbers below ``sent`` never arrived."""
    return _missing_bits(window, sent).bit_count()


def has_arrived(window: ChargePointWindow | None, sequence: int) -> bool:
    """Whether a number has been seen."""
    if window is None or sequence < window.base:
        return window is not None
    byte, bit = divmod(sequence - window.base, 8)
    return byte < len(window.bits) and bool(window.bits[byte] >> bit & 1)


def window_of(charge_point: int, sequences: Iterable[int]) -> ChargePointWindow:
    """The window of exactly these numbers."""
    return _window(charge_point, sum(1 << sequence for sequence in set(sequences)))


def count_unexpected(window: ChargePointWindow, sent: int) -> int:
    """How many numbers of ``sent`` and above arrived, though the sender does not know of them."""
    return (_seen(window) >> sent).bit_count()


def _missing_bits(window: ChargePointWindow | None, sent: int) -> int:
    everything = (1 << sent) - 1
    if window is None:
        return everything
    if window.base >= sent:
        return 0
    return everything & ~_seen(window)


def _seen(window: ChargePointWindow) -> int:
    return (1 << window.base) - 1 | int.from_bytes(window.bits, "little") << window.base


def _window(charge_point: int, seen: int) -> ChargePointWindow:
    base = (~seen & seen + 1).bit_length() - 1  # position of the lowest bit that is not set
    rest = seen >> base
    return ChargePointWindow(charge_point, base, rest.to_bytes((rest.bit_length() + 7) // 8, "little"))
