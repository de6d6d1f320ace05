"""The sizes in ``docs/protobuf.md`` are what is written today, and its example works."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import protobuf_sizes

from loadtest.protocol import protobuf_encoding
from loadtest.protocol.protobuf_types import message_class

DOCUMENT = (Path(__file__).parents[3] / "docs/protobuf.md").read_text()


def test_sizes_are_those_of_today() -> None:
    """``python tests/protobuf_sizes.py`` prints the tables."""
    assert protobuf_sizes.sent_most() in DOCUMENT
    assert protobuf_sizes.every_action() in DOCUMENT


def test_the_example_writes_a_message() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    names = {"ocpp16_pb2": SimpleNamespace(Message=message_class("Message"))}
    exec(code, names)
    found = protobuf_encoding.decode(names["payload"])  # type: ignore[arg-type]
    assert (found.unique_id, found.action, bytes(found.payload)) == ("4711", "Authorize", b'{"idTag":"04A2B3C4D5E6F7"}')
