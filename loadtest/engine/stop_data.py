"""Meter values kept for the StopTransaction: the largest message a charge point sends, so its size is bounded."""

from __future__ import annotations

LIMIT = 200
"""Meter values kept. When there are more, every second of those between the first and the last goes, as OCPP 2.0.1
(E07) has it for a charge point short of memory: the course of the transaction stays visible."""


class StopData:
    """The ``transactionData`` of one transaction, as JSON elements."""

    __slots__ = ("_elements",)

    def __init__(self) -> None:
        self._elements: list[bytes] = []

    def add(self, element: bytes) -> None:
        """Keep one more ``meterValue`` element."""
        self._elements.append(element)
        if len(self._elements) > LIMIT:
            self._elements[1:-1] = self._elements[2:-1:2]

    def rendered(self) -> bytes:
        """All that is kept, joined as the elements of a JSON array."""
        return b",".join(self._elements)
