"""The Protocol Buffers schema ``ocpp16.proto``, written from the official JSON schemas.

Run as ``python -m loadtest.protocol.proto_schema``; ``make schema`` compiles it, too.

Every name is OCPP's own, so that Protobuf's JSON mapping, too, spells fields as OCPP does. Numbers follow the order in
the JSON schemas, which are final; actions are numbered by :data:`_ONE_BYTE` and then by name. Rules for changing any of
it: ``docs/protobuf.md``.
"""

from __future__ import annotations

import importlib.resources
import json
import re
import sys
from typing import Any

from loadtest.protocol.protobuf_types import VERSION
from loadtest.protocol.schemas import ACTIONS

_ONE_BYTE = ("Heartbeat", "StatusNotification", "MeterValues", "StartTransaction", "StopTransaction", "Authorize")
"""Actions whose field numbers take one byte: what charge points send most."""

_FIRST_NUMBER = 4

_TYPES = {  # OCPP 1.6 section 7: types that are not called what the field is called
    "configurationKey": "KeyValue",
    "csChargingProfiles": "ChargingProfile",
    "localAuthorizationList": "AuthorizationData",
    "log": "LogParameters",
    "transactionData": "MeterValue",
}

_SCALARS = {"string": "string", "integer": "int64", "number": "double", "boolean": "bool"}

_HEAD = f"""\
// OCPP 1.6 edition 2 and its security extension edition 3: every message, for one MQTT message each.
// Written by `python -m loadtest.protocol.proto_schema` from the official JSON schemas; do not edit.
//
// Field names are those of OCPP's JSON. Every single field is `optional`: what was not sent is not there. Protobuf
// cannot tell an empty list from none, hence a flag beside each list.

syntax = "proto3";

package ocpp16.v{VERSION};

import "google/protobuf/descriptor.proto";

extend google.protobuf.EnumValueOptions {{
  // How OCPP spells the value.
  string json = 50016;
}}

// An instant. The first two forms stand for `2026-01-31T12:00:00Z` and `2026-01-31T12:00:00.000Z`; whatever is written
// in another way, with an offset for instance, is kept as it is.
message Time {{
  oneof form {{
    int64 seconds = 1;       // since 1970
    int64 milliseconds = 2;  // since 1970
    string text = 3;         // RFC 3339
  }}
}}

// A CALLERROR.
message CallError {{
  optional string code = 1;         // OCPP-J 1.6 table 7
  optional string description = 2;
  optional string details = 3;      // JSON; not there when it is {{}}
}}
"""


def schema() -> str:
    """The text of ``ocpp16.proto``."""
    return _Writer().text()


class _Writer:
    def __init__(self) -> None:
        self._types: dict[str, dict[str, Any]] = {}

    def text(self) -> str:
        messages = []
        for action in sorted(ACTIONS):
            for file, suffix in ((action, "Request"), (f"{action}Response", "Response")):
                messages.append(_message(f"{action}{suffix}", self._fields(official(file))))
        types = [_message(name, fields) for name, fields in self._types.items()]
        return "\n".join([_HEAD, _envelope(), *types, *messages])

    def _fields(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The properties of an object, each with what Protobuf has to know; the types in it become messages."""
        return {name: self._field(name, content) for name, content in schema.get("properties", {}).items()}

    def _field(self, name: str, schema: dict[str, Any]) -> dict[str, Any]:
        match schema:
            case {"enum": values}:
                return {"values": values}
            case {"type": "array", "items": items}:
                return self._field(name, items) | {"list": True}
            case {"type": "object"}:
                type_name = _TYPES.get(name, _capital(name))
                fields = self._fields(schema)
                self._types[type_name] = _merged(self._types.pop(type_name, {}), fields)
                return {"type": type_name}
            case {"type": "string", "format": "date-time"}:
                return {"type": "Time"}
        return {"type": _SCALARS[schema["type"]]}


def _merged(known: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """A type as all actions together use it: one of them may allow a value more than another."""
    merged = known | {name: field for name, field in fields.items() if name not in known}
    for name, field in fields.items():
        if "values" in field:
            merged[name] = field | {"values": list(dict.fromkeys(merged[name]["values"] + field["values"]))}
        else:
            assert merged[name] == field, name
    return merged


def official(file: str) -> dict[str, Any]:
    """An official JSON schema, without references: ``Reset`` is the request, ``ResetResponse`` the response."""
    path = importlib.resources.files("ocpp").joinpath("v16", "schemas", f"{file}.json")
    schema: dict[str, Any] = json.loads(path.read_text("utf-8-sig"))
    resolved: dict[str, Any] = _resolved(schema, schema.get("definitions", {}))
    return resolved


def _resolved(schema: Any, definitions: dict[str, Any]) -> Any:
    """The schema with every reference replaced by what it refers to."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _resolved(definitions[schema["$ref"].rpartition("/")[2]], definitions)
        return {key: _resolved(value, definitions) for key, value in schema.items() if key != "definitions"}
    return schema


def _envelope() -> str:
    """The message around all others."""
    order = [*_ONE_BYTE, *sorted(ACTIONS.difference(_ONE_BYTE))]
    lines = [f"    {action}{kind} {_small(action)}{kind} = " for action in order for kind in ("Request", "Response")]
    numbered = "\n".join(f"{line}{number};" for number, line in enumerate(lines, _FIRST_NUMBER))
    return f"""\
// What one MQTT message holds: a request is a CALL, a response a CALLRESULT.
message Message {{
  uint32 version = 1;  // of this schema: {VERSION}
  string uniqueId = 2;
  oneof body {{
    CallError callError = 3;
{numbered}
  }}
}}
"""


def _message(name: str, fields: dict[str, Any]) -> str:
    enums, lines, number = [], [], 0
    for field, content in fields.items():
        number += 1
        if "values" in content:
            enums.append(_enum(field, content["values"]))
        label = "repeated" if "list" in content else "optional"
        lines.append(f"  {label} {content.get('type') or _capital(field)} {field} = {number};\n")
        if "list" in content:
            number += 1
            lines.append(f"  optional bool {field}IsEmpty = {number};  // there, with nothing in it\n")
    return f"message {name} {{\n{''.join(enums)}{''.join(lines)}}}\n"


def _enum(field: str, values: list[str]) -> str:
    prefix = _upper_snake(field)
    lines = [f"    {prefix}_UNSPECIFIED = 0;\n"]
    lines += [
        f'    {prefix}_{_upper_snake(value)} = {number} [(json) = "{value}"];\n'
        for number, value in enumerate(values, 1)
    ]
    return f"  enum {_capital(field)} {{\n{''.join(lines)}  }}\n"


def _capital(name: str) -> str:
    return name[0].upper() + name[1:]


def _small(name: str) -> str:
    return name[0].lower() + name[1:]


def _upper_snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[.-]", "_", name).upper()


if __name__ == "__main__":
    sys.stdout.write(schema())
