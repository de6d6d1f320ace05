"""``python -m loadtest.engine``: started by the harness with a control channel."""

from __future__ import annotations

import sys

from loadtest.engine.process import EngineProcess
from loadtest.errors import LoadTestError
from loadtest.transport.loop import run


async def main() -> None:
    """Run one engine process."""
    await EngineProcess().run()


if __name__ == "__main__":
    # Greenlets in this process would distort every time it measures.
    assert "gevent" not in sys.modules
    try:
        run(main())
    except LoadTestError as error:
        sys.exit(f"error: {error}\nhint: {error.hint}")
