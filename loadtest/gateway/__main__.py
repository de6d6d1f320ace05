"""``python -m loadtest.gateway``: started by the harness with a control channel."""

from __future__ import annotations

import sys

from loadtest.errors import LoadTestError
from loadtest.gateway.process import GatewayProcess
from loadtest.transport.loop import run


async def main() -> None:
    """Run one gateway process."""
    await GatewayProcess().run()


if __name__ == "__main__":
    try:
        run(main())
    except LoadTestError as error:
        sys.exit(f"error: {error}\nhint: {error.hint}")
