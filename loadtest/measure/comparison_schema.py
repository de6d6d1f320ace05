"""The JSON schema of ``comparison.json``, published as ``docs/comparison.schema.json``.

``python -m loadtest.measure.comparison_schema`` writes it. What newer versions add is allowed by it.
"""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from loadtest.measure.comparison_record import COMPARISON_FORMAT, COMPARISON_VERSION, Comparison
from loadtest.measure.run_schema import DIALECT


def schema_json() -> bytes:
    """The schema as it is published."""
    schema: dict[str, Any] = {"$schema": DIALECT, "title": f"{COMPARISON_FORMAT}, version {COMPARISON_VERSION}"}
    return msgspec.json.format(msgspec.json.encode(schema | msgspec.json.schema(Comparison)), indent=2) + b"\n"


if __name__ == "__main__":
    sys.stdout.buffer.write(schema_json())
