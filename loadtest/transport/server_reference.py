"""Other servers that a broker names: the Server Reference of CONNACK and DISCONNECT (OASIS MQTT 5.0 section 4.11)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from loadtest.errors import UsageError
from loadtest.transport import mqtt_url

if TYPE_CHECKING:
    from loadtest.transport.mqtt_url import BrokerAddress

MOST_SERVERS = 16
"""A reference may have 64 KiB; the servers that it names beyond these are not tried."""

_LONGEST = 300
"""Characters: a name of DNS has 253 at most, a port 5, and there may be a scheme."""


class ServerReference(NamedTuple):
    """What a reference comes to.

    Attributes:
        servers: Those to be tried, in this order.
        faults: What is wrong with the others, in words.
    """

    servers: tuple[BrokerAddress, ...]
    faults: tuple[str, ...]


@lru_cache(maxsize=64)
def parse(text: str, *, encrypted: bool) -> ServerReference:
    """Read references separated by spaces: ``name``, ``name:port``, ``[IPv6]:port``, or one of these as a URL.

    Args:
        text: The property's value. Everybody who is given the same one shares the result.
        encrypted: TLS is spoken with the broker that says it, and so with the others: nobody is sent away from it.
    """
    servers: list[BrokerAddress] = []
    faults: list[str] = []
    references = text.split()[:MOST_SERVERS]
    for reference in references:
        try:
            servers.append(_server(reference, encrypted=encrypted))
        except UsageError as error:
            faults.append(error.message)
    if not references:
        faults.append("nothing is named")
    return ServerReference(tuple(servers), tuple(faults))


def _server(reference: str, *, encrypted: bool) -> BrokerAddress:
    if len(reference) > _LONGEST:
        raise UsageError(f"no server has a name of {len(reference):,} characters")
    if not reference.isprintable():
        raise UsageError(f"{reference!r} is no server's name")
    server = mqtt_url.parse(reference if "://" in reference else f"mqtt{'s' * encrypted}://{reference}")
    if server.encrypted != encrypted:
        raise UsageError(f"{server}: this fleet connects {'with' if encrypted else 'without'} TLS")
    if server.username is not None:
        raise UsageError(f"{server}: a server may not choose the user name")
    return server
