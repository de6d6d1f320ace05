"""``python -m loadtest.reports RUN_DIR``: write the reports of a run into its folder."""

from __future__ import annotations

import sys
from pathlib import Path

from loadtest.errors import ExitCode, LoadTestError
from loadtest.reports.write import write_reports


def main(arguments: list[str]) -> int:
    """Write the reports; returns the exit status."""
    if len(arguments) != 1:
        print("usage: python -m loadtest.reports RUN_DIR", file=sys.stderr)  # noqa: T201
        return ExitCode.USAGE
    try:
        for path in write_reports(Path(arguments[0])):
            print(path)  # noqa: T201
    except LoadTestError as error:
        print(f"error: {error.message}", file=sys.stderr)  # noqa: T201
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    return ExitCode.PASSED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
