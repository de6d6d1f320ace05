"""``python -m loadtest.csms``: started by the harness with a control channel."""

from __future__ import annotations

import sys

from loadtest.csms.process import CsmsProcess
from loadtest.errors import LoadTestError
from loadtest.transport.loop import run


async def main() -> None:
    """Run one subscriber process."""
    await CsmsProcess().run()


if __name__ == "__main__":
    try:
        run(main())
    except LoadTestError as error:
        sys.exit(f"error: {error}\nhint: {error.hint}")
