"""``ocpp16.proto`` is what the official schemas make it, and its compiled form what protoc makes of it."""

from __future__ import annotations

import importlib.resources
from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

from loadtest.protocol import proto_schema
from loadtest.protocol.protobuf_types import DESCRIPTORS, field_numbers

if TYPE_CHECKING:
    import pytest

PACKAGE = Path(str(importlib.resources.files("loadtest.protocol")))
BUILT_IN = str(importlib.resources.files("grpc_tools").joinpath("_proto"))


def compiled(path: Path) -> FileDescriptorSet:
    return FileDescriptorSet.FromString(path.read_bytes())


def test_the_schema_follows_from_the_official_ones() -> None:
    assert (PACKAGE / "ocpp16.proto").read_text() == proto_schema.schema(), "run `make schema`"


def test_protoc_compiles_it_to_what_is_loaded(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / DESCRIPTORS
    arguments = [f"-I{PACKAGE}", f"-I{BUILT_IN}", f"--descriptor_set_out={target}", "ocpp16.proto"]
    assert protoc.main(["protoc", *arguments]) == 0
    assert capfd.readouterr().err == ""
    assert compiled(target) == compiled(PACKAGE / DESCRIPTORS), "run `make schema`"


def test_what_is_sent_most_has_short_field_numbers() -> None:
    numbers = field_numbers("Message")
    for action in ("heartbeat", "statusNotification", "meterValues", "startTransaction", "stopTransaction"):
        assert max(numbers[f"{action}Request"], numbers[f"{action}Response"]) < 16
