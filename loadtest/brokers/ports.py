"""Ports: one that is free, or a clear word when a wanted one is not."""

from __future__ import annotations

import errno
import socket

from loadtest.errors import EnvironmentNotReady

LOOPBACK = "127.0.0.1"


def free_port(address: str = LOOPBACK) -> int:
    """A port nothing listens on at this moment; another process can still be faster to bind it.

    Raises:
        EnvironmentNotReady: This machine does not have the address.
    """
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError as error:
            raise EnvironmentNotReady(
                f"cannot listen on {address}: {error.strerror}",
                hint="--embedded-address takes an IPv4 address of this machine",
            ) from error
        return int(probe.getsockname()[1])


def hold(address: str, port: int) -> socket.socket:
    """Keep a port for a server of ours that is down, until the socket returned is closed.

    Without it a client that dials the port again and again could be given it as its own port, and connect to itself.
    A socket that is bound but does not listen is given no connections, and a server that sets SO_REUSEADDR, as servers
    do, can bind beside it.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        holder.bind((address, port))
    except OSError:  # somebody else was faster: the server's own start will say so
        holder.close()
    return holder


def refuse_taken(port: int, *, host: str = LOOPBACK, option: str = "--port") -> None:
    """Refuse a port that something else holds.

    Raises:
        EnvironmentNotReady: It is in use or may not be used; the hint names ``option``.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            # As servers do: connections of an earlier run that still linger must not count as taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        raise EnvironmentNotReady(
            f"port {port} on {host} {'is already in use' if taken else f'cannot be used: {error.strerror}'}",
            hint=f"choose another with {option}" + (", or stop what uses it" if taken else ""),
        ) from error
