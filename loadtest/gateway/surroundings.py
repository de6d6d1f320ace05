"""What a gateway process asks of its surroundings: the broker, and the processes it shares a port with."""

from __future__ import annotations

from typing import Protocol


class Broker(Protocol):
    """What the gateway asks of its MQTT client (:class:`loadtest.transport.mqtt_client.MqttClient`)."""

    @property
    def congested(self) -> bool:
        """Publish no more until told."""
        ...

    def publish(self, topic: bytes, payload: bytes, qos: int) -> None:
        """Send without waiting."""
        ...

    def subscribe(self, filters: list[tuple[bytes, int]]) -> None:
        """Ask without waiting."""
        ...

    def unsubscribe(self, filters: list[bytes]) -> None:
        """Give up without waiting."""
        ...


class Peers(Protocol):
    """The gateway processes that share the port (:class:`loadtest.gateway.peers.PeerLinks`)."""

    def claim(self, identity: bytes, opened_ns: int) -> None:
        """Tell them that the charge point's connection is here."""
        ...
