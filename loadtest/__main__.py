"""``python -m loadtest``, and the ``loadtest`` command."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Entry point: also Ctrl-C while everything is being imported ends in an exit code, not in a traceback."""
    try:
        from loadtest.cli.main import main as run  # noqa: PLC0415 - within the try

        run()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)  # as loadtest.errors.ExitCode.INTERRUPTED, which may not be there yet


if __name__ == "__main__":
    main()
