"""Handshakes turned down because a scenario wants it: as an overloaded or a misconfigured gateway does."""

from __future__ import annotations

REFUSED_ON_PURPOSE = "refused_on_purpose"


class Refusing:
    """So many of all handshakes, evenly spread.

    Args:
        status: HTTP status of the refusals.
        share: Of the handshakes, 0 to 1.
    """

    def __init__(self, status: int, share: float) -> None:
        self.status = status
        self._share = share
        self._seen = self._refused = 0

    def refuses_next(self) -> bool:
        """Whether one more handshake is turned down."""
        self._seen += 1
        refuses = self._refused + 1 <= self._seen * self._share
        self._refused += refuses
        return refuses
