"""The JSON schema of ``run.json``, published as ``docs/run.schema.json``: ``python -m loadtest.measure.run_schema``.

It follows from :class:`~loadtest.measure.run_record.RunRecord`. What newer versions add is allowed by it, so that it
holds for every record of its version.
"""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from loadtest.measure.run_record import RECORD_FORMAT, RECORD_VERSION, RunRecord

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_json() -> bytes:
    """The schema as it is published."""
    schema: dict[str, Any] = {"$schema": DIALECT, "title": f"{RECORD_FORMAT}, version {RECORD_VERSION}"}
    return msgspec.json.format(msgspec.json.encode(schema | msgspec.json.schema(RunRecord)), indent=2) + b"\n"


if __name__ == "__main__":
    sys.stdout.buffer.write(schema_json())
