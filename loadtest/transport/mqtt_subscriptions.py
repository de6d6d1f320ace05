"""Which filters a client wants, and which SUBSCRIBEs still await their SUBACK. No I/O.

Source: OASIS MQTT Version 3.1.1, sections 3.8 and 3.9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from loadtest.transport import mqtt_codec as codec

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator, Sequence

    from loadtest.transport.mqtt_decoder import Suback

Filters = list[tuple[bytes, int]]

_FILTERS_PER_SUBSCRIBE = 100


class _Pending(NamedTuple):
    filters: Filters
    granted: asyncio.Future[list[int]] | None


class Subscriptions:
    """The wanted filters of one client, over all its connections.

    Attributes:
        refused: Filters the broker did not grant; they are forgotten, so not asked for again.
    """

    def __init__(self) -> None:
        self.refused = 0
        self._wanted: dict[bytes, int] = {}
        self._pending: dict[int, _Pending] = {}
        self._restoring: set[int] = set()

    @property
    def restoring(self) -> bool:
        """Whether filters asked for again after a reconnect still await their SUBACK."""
        return bool(self._restoring)

    def want(self, filters: Filters) -> None:
        """Remember filters, to be asked for on every new connection."""
        self._wanted.update(filters)

    def forget(self, filters: Sequence[bytes]) -> None:
        """Do not ask for them again."""
        for topic_filter in filters:
            self._wanted.pop(topic_filter, None)

    def wanted(self) -> Iterator[Filters]:
        """All remembered filters, in portions of a moderate SUBSCRIBE each."""
        remembered = list(self._wanted.items())
        for start in range(0, len(remembered), _FILTERS_PER_SUBSCRIBE):
            yield remembered[start : start + _FILTERS_PER_SUBSCRIBE]

    def asked(
        self,
        packet_id: int,
        filters: Filters,
        *,
        granted: asyncio.Future[list[int]] | None = None,
        restoring: bool = False,
    ) -> None:
        """A SUBSCRIBE is on its way; ``granted`` is told the outcome."""
        self._pending[packet_id] = _Pending(filters, granted)
        if restoring:
            self._restoring.add(packet_id)

    def answered(self, packet: Suback) -> bool:
        """Book a SUBACK. True when it was the last one a reconnect had to wait for."""
        pending = self._pending.pop(packet.packet_id, None)
        if pending is None:
            return False
        for (topic_filter, _), code in zip(pending.filters, packet.granted, strict=False):
            if code >= codec.REFUSED:
                self.refused += 1
                self._wanted.pop(topic_filter, None)
        if pending.granted is not None and not pending.granted.done():
            pending.granted.set_result(list(packet.granted))
        if packet.packet_id not in self._restoring:
            return False
        self._restoring.remove(packet.packet_id)
        return not self._restoring

    def connection_lost(self, error: Exception) -> None:
        """No pending SUBSCRIBE will be answered; whoever waits for one gets the error."""
        for pending in self._pending.values():
            if pending.granted is not None and not pending.granted.done():
                pending.granted.set_exception(error)
        self._pending.clear()
        self._restoring.clear()
