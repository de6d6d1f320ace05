"""Serves the figures of a run over HTTP from Locust's master, or from the only process there is.

A greenlet of its own, no thread: the books are read between two reports and never in the middle of one.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from gevent.pywsgi import WSGIServer

from loadtest.errors import EnvironmentNotReady
from loadtest.locust_plugin.metrics import RunMetrics
from loadtest.measure.prometheus import make_wsgi_app, registry_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.measure.books import Books


def serve_metrics(host: str, port: int, now: Callable[[], Books | None]) -> WSGIServer:
    """Serve ``/metrics`` from now on, as long as the process lives or until the server returned is stopped.

    Args:
        host: Address to serve on.
        port: Port to serve on.
        now: Opens the books of the run; ``None`` before the first.

    Raises:
        EnvironmentNotReady: The port is taken, or the address is none of this machine's.
    """
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise EnvironmentNotReady(
            f"metrics cannot be served on {host} port {port}: {error.strerror or error}",
            hint="choose another with --metrics-port, or another address with --metrics-host",
        ) from error
    server = WSGIServer(listener, make_wsgi_app(registry_of(RunMetrics(now))), log=None, error_log=None)
    server.start()
    return server
