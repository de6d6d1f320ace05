"""A clock that moves only when told to: two hours of schedule are asserted to the microsecond in milliseconds."""

from __future__ import annotations

from loadtest.units import NS_PER_S


class VirtualClock:
    """A :class:`loadtest.clock.Clock` for tests.

    Args:
        now_ns: Where it stands first. Not zero by default, so that a test notices when code takes an
            instant for a duration.
    """

    __slots__ = ("now_ns",)

    def __init__(self, now_ns: int = 1_000 * NS_PER_S) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        """Now, in nanoseconds."""
        return self.now_ns

    def advance_ns(self, duration_ns: int) -> int:
        """Move on by ``duration_ns`` and return the new instant.

        Raises:
            ValueError: The duration is negative; a monotonic clock never goes back.
        """
        if duration_ns < 0:
            raise ValueError(f"a monotonic clock does not go back by {-duration_ns} ns")
        self.now_ns += duration_ns
        return self.now_ns

    def advance_s(self, duration_s: float) -> int:
        """Move on by ``duration_s`` seconds, to the nearest nanosecond; see :meth:`advance_ns`."""
        return self.advance_ns(round(duration_s * NS_PER_S))
