"""A small central system: knows whom not to charge, and tells the price to charge points that ask for it.

Run it beside a broker and a gateway: ``python docs/examples/backend.py mqtt://127.0.0.1:1883``, then measure it with
``loadtest run steady --csms observe --broker mqtt://127.0.0.1:1883 --gateway ws://127.0.0.1:33033/ocpp``.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from typing import Any

from loadtest.csms.backend import Backend, CallRefusedError
from loadtest.errors import LoadTestError

BLOCKED = {"TAG0000013"}


def make_backend(url: str) -> Backend:
    """A backend with three handlers; everything else gets the default answers."""
    backend = Backend(url, heartbeat_interval_s=60)
    transaction_ids = itertools.count(1)

    @backend.on("Authorize")
    async def authorize(_charge_point_id: str, payload: dict[str, Any]) -> dict[str, Any]:
        return {"idTagInfo": {"status": "Blocked" if payload["idTag"] in BLOCKED else "Accepted"}}

    @backend.on("StartTransaction")
    async def start(_charge_point_id: str, payload: dict[str, Any]) -> dict[str, Any]:
        status = "Blocked" if payload["idTag"] in BLOCKED else "Accepted"
        return {"transactionId": next(transaction_ids), "idTagInfo": {"status": status}}

    @backend.on("DataTransfer")
    async def price(charge_point_id: str, payload: dict[str, Any]) -> dict[str, Any]:
        if payload.get("messageId") != "price":
            raise CallRefusedError("NotSupported", "there are only prices here")
        configuration = await backend.call(charge_point_id, "GetConfiguration", {"key": ["NumberOfConnectors"]})
        connectors = configuration["configurationKey"][0]["value"]
        return {"status": "Accepted", "data": f"0.42 EUR/kWh at each of {connectors} connectors"}

    return backend


async def serve(url: str) -> None:
    """Answer charge points until cancelled."""
    async with make_backend(url):
        print(f"backend ready: answers charge points behind {url}; Ctrl-C ends it", flush=True)  # noqa: T201
        await asyncio.Event().wait()


def main() -> int:
    """The command; returns its exit status."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python docs/examples/backend.py mqtt://host:port\n")
        return 2
    try:
        asyncio.run(serve(sys.argv[1]))
    except KeyboardInterrupt:
        return 130
    except LoadTestError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
