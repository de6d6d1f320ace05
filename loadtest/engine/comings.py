"""When charge points came and went: what storms are found in."""

from __future__ import annotations

from array import array

from loadtest.units import NS_PER_MS


class Comings:
    """Instants of an interval, in ms after the run's epoch, 32 bits each.

    Args:
        epoch_ns: The run's origin of time.
    """

    __slots__ = ("_epoch_ns", "_lost_ms", "_registered_ms")

    def __init__(self, epoch_ns: int) -> None:
        self._epoch_ns = epoch_ns
        self._registered_ms = array("I")
        self._lost_ms = array("I")

    def registered(self, now_ns: int) -> None:
        """A charge point may send anything from now on, for the first time on its connection."""
        self._registered_ms.append(max(now_ns - self._epoch_ns, 0) // NS_PER_MS)

    def lost(self, now_ns: int) -> None:
        """The connection of a charge point that was registered has ended."""
        self._lost_ms.append(max(now_ns - self._epoch_ns, 0) // NS_PER_MS)

    def take(self) -> tuple[bytes, bytes]:
        """The instants of registrations and of losses since the last call."""
        taken = self._registered_ms.tobytes(), self._lost_ms.tobytes()
        del self._registered_ms[:], self._lost_ms[:]
        return taken
