"""Both ends of a gateway, wired up for one row."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self

from loadtest.clock import rfc3339, utc_now
from loadtest.conformance import json_value
from loadtest.conformance.backend import backend
from loadtest.conformance.charge_point import charge_point
from loadtest.conformance.findings import Nonconformity

if TYPE_CHECKING:
    from types import TracebackType

    from loadtest.conformance.backend import Backend, Publication
    from loadtest.conformance.charge_point import ChargePoint
    from loadtest.conformance.target import Target

GRACE_S = 0.3
"""What was sent before a connection ended may still be on its way through the broker."""


class Line:
    """One charge point and the backend that hears it, by way of the gateway.

    Attributes:
        charge_point: The WebSocket end. Assign another connection of the same charge point to go on with that.
        backend: The MQTT end.
    """

    def __init__(self, target: Target, point: ChargePoint, end: Backend) -> None:
        self.charge_point = point
        self.backend = end
        self._target = target

    @property
    def id(self) -> str:
        """The charge point's id."""
        return self.charge_point.id

    def topic(self, kind: int, *, action: str = "", message_id: str = "") -> str:
        """Where a message of this type is to be published."""
        templates = {2: self._target.topics.call, 3: self._target.topics.reply, 4: self._target.topics.error}
        values = {"cid": self.id.encode(), "id": message_id.encode(), "type": b"%d" % kind}
        if action:
            values["action"] = action.encode()
        return templates[kind].render(values).decode()

    @property
    def downstream_topic(self) -> str:
        """Where the gateway listens for this charge point."""
        return self._target.topics.downstream.render({"cid": self.id.encode()}).decode()

    def down(self, envelope: Any, qos: int = 1) -> None:
        """Publish for the charge point; text and bytes as they are, anything else as JSON."""
        payload = envelope if isinstance(envelope, str | bytes) else json_value.encode(envelope)
        self.backend.publish(self.downstream_topic, payload, qos)

    async def published(self) -> Publication:
        """The next thing the gateway publishes.

        Raises:
            Nonconformity: Nothing comes, or the connection ends first.
        """
        coming = asyncio.ensure_future(self.backend.next(self._target.patience_s))
        gone = asyncio.ensure_future(self.charge_point.gone())
        try:
            await asyncio.wait((coming, gone), return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                await asyncio.wait((coming,), timeout=GRACE_S)
            if coming.done():
                return coming.result()
            ending = await self.charge_point.ended(GRACE_S)
            raise Nonconformity(f"the connection {ending}, and what had to be published was not")
        finally:
            gone.cancel()
            coming.cancel()
            await asyncio.gather(gone, coming, return_exceptions=True)

    async def expect_published(self, topic: str, envelope: Any) -> Publication:
        """The next thing the gateway publishes must be this.

        Raises:
            Nonconformity: It is something else, or nothing.
        """
        publication = await self.published()
        if publication.topic != topic:
            raise Nonconformity(f"published on {publication.topic!r} instead of {topic!r}")
        if difference := json_value.difference(publication.envelope, envelope):
            raise Nonconformity(f"published {json_value.shown(publication.payload)}: {difference}")
        return publication

    async def expect_received(self, message: Any) -> None:
        """The next thing the charge point receives must be this.

        Raises:
            Nonconformity: It is something else, or nothing.
        """
        received = await self.charge_point.receive(self._target.patience_s)
        if difference := json_value.difference(received, message):
            raise Nonconformity(f"the charge point received {json_value.shown(received)}: {difference}")

    async def call_up(self, action: str = "Heartbeat", payload: Any = None, message_id: Any = None) -> str:
        """Send a CALL and see it published; returns its id.

        Raises:
            Nonconformity: It is not what is published next.
        """
        message_id = message_id or fresh_message_id()
        payload = {} if payload is None else payload
        await self.charge_point.send([2, message_id, action, payload])
        await self.expect_published(
            self.topic(2, action=action, message_id=message_id),
            {"MessageTypeId": 2, "UniqueId": message_id, "Action": action, "Payload": payload},
        )
        return str(message_id)

    async def result_down(self, message_id: str, payload: Any) -> None:
        """Publish a CALLRESULT and see it received.

        Raises:
            Nonconformity: It is not what the charge point receives next.
        """
        self.down({"MessageTypeId": 3, "UniqueId": message_id, "Payload": payload})
        await self.expect_received([3, message_id, payload])

    async def works(self) -> None:
        """One CALL up and its answer down, with nothing before either of them.

        It stands behind what must have no effect: order is kept in both directions, so whatever that had caused to be
        published or sent would come first. Nothing has to be waited for.

        Raises:
            Nonconformity: Something came before, or the line is dead.
        """
        message_id = await self.call_up()
        await self.result_down(message_id, {"currentTime": rfc3339(utc_now())})

    async def boot(self, status: str, interval_s: int) -> None:
        """A BootNotification and its answer.

        Raises:
            Nonconformity: It did not go through.
        """
        message_id = await self.call_up("BootNotification", {"chargePointVendor": "Vendor", "chargePointModel": "M"})
        answer = {"status": status, "interval": interval_s, "currentTime": rfc3339(utc_now())}
        await self.result_down(message_id, answer)


class Bench:
    """Makes the ends a row needs, under charge point ids of its own, and takes them away with its block.

    Attributes:
        target: What is held against the contract.
    """

    def __init__(self, target: Target, name: str) -> None:
        self.target = target
        self._prefix = f"conformance-{name.replace('.', '-')}-{secrets.token_hex(3)}"
        self._given_out = 0
        self._ends = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Nothing is opened yet."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close everything opened."""
        await self._ends.__aexit__(kind, error, traceback)

    def new_id(self) -> str:
        """A charge point id no one else has."""
        self._given_out += 1
        return f"{self._prefix}-{self._given_out}"

    async def line(self, charge_point_id: str | None = None, *, offer_compression: bool = False) -> Line:
        """A charge point connected, its backend subscribed before.

        Raises:
            Nonconformity: The gateway did not let it in.
            EnvironmentNotReady: The broker did not let us in.
        """
        charge_point_id = charge_point_id or self.new_id()
        end = await self.backend(charge_point_id)
        point = await self._ends.enter_async_context(
            charge_point(self.target, charge_point_id, offer_compression=offer_compression)
        )
        return Line(self.target, point, end)

    async def charge_point(self, charge_point_id: str) -> ChargePoint:
        """One more connection of a charge point.

        Raises:
            Nonconformity: The gateway did not let it in.
        """
        return await self._ends.enter_async_context(charge_point(self.target, charge_point_id))

    async def backend(self, charge_point_id: str, qos: int = 2, *, mqtt5: bool = False) -> Backend:
        """One more backend that hears this charge point.

        Raises:
            EnvironmentNotReady: The broker did not let us in.
        """
        filters = self.target.topics.filters(charge_point_id)
        return await self._ends.enter_async_context(backend(self.target.broker, filters, qos, mqtt5=mqtt5))


def fresh_message_id() -> str:
    """A UniqueId no one else has."""
    return secrets.token_hex(8)
