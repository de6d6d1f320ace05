"""Looking up the addresses of servers that are named while a run goes on, without keeping the loop waiting."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadtest.transport.mqtt_url import BrokerAddress

Address = tuple[str, int]
"""An IP address and a port."""

_MOST_KEPT = 256


class NameLookup:
    """Asks once for each server, however many charge points want to go there, and keeps what it was told.

    As with the peers that a run is given, the first address of a name counts, for the whole run. What failed is asked
    again when somebody wants it again.
    """

    def __init__(self) -> None:
        self._found: dict[BrokerAddress, asyncio.Task[Address]] = {}

    async def address(self, server: BrokerAddress) -> Address:
        """Where a server listens.

        Raises:
            OSError: The name has no address.
        """
        lookup = self._found.get(server)
        if lookup is None:
            if len(self._found) >= _MOST_KEPT:  # a broker that names another one each time
                del self._found[next(iter(self._found))]
            lookup = self._found[server] = asyncio.get_running_loop().create_task(_ask(server))
            lookup.add_done_callback(lambda done: self._forget_failure(server, done))
        return await asyncio.shield(lookup)  # who gives up waiting leaves the answer to the others

    def _forget_failure(self, server: BrokerAddress, lookup: asyncio.Task[Address]) -> None:
        if (lookup.cancelled() or lookup.exception() is not None) and self._found.get(server) is lookup:
            del self._found[server]


async def _ask(server: BrokerAddress) -> Address:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    except ValueError as error:  # such as a label above 63 characters
        raise socket.gaierror(socket.EAI_NONAME, f"{server.host} can be no host's name") from error
    except socket.gaierror as error:
        raise socket.gaierror(error.errno, f"{server.host} has no address: {error.strerror}") from error
    address: Address = found[0][4][:2]  # type: ignore[assignment]  # the first two of IPv4 and IPv6 alike
    return address
