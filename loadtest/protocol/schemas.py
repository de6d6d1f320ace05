"""The official JSON schemas of OCPP 1.6 and of its security extension, one compiled check per message.

They come with the PyPI package ``ocpp``, which carries what the Open Charge Alliance publishes; nothing of that
package is run. ``jsonschema-rs`` compiles a schema when it is first asked for (0.05 ms each). A check, decoding
included, takes 0.3 µs for a Heartbeat and 1.6 µs for a MeterValues with two samples; the first fault is the one told.

What the schemas mean where readers disagree: ``date-time`` and ``uri`` are checked (RFC 3339 with offset, RFC 3986
with scheme), as ``multipleOf 0.1`` means decimal tenths: 21.4 is valid, 4.11 is not. Integers: ``1.0`` is one in the
security extension (draft-06) and none in the rest (draft-04).
"""

from __future__ import annotations

import functools
import importlib.resources
from typing import TYPE_CHECKING, Any, NamedTuple

import jsonschema_rs
import msgspec

from loadtest.protocol import call_errors
from loadtest.protocol.actions import FROM_CENTRAL_SYSTEM, FROM_CHARGE_POINT

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_TEXT = 200
"""Characters of a fault's text at most: it travels in the description of a CALLERROR, which takes 255."""

ACTIONS = frozenset(FROM_CHARGE_POINT + FROM_CENTRAL_SYSTEM)
"""The 39 actions that have schemas."""

_MAX_NAME = 50
_json = msgspec.json.Decoder()


class Fault(NamedTuple):
    """Why a payload is not valid.

    Attributes:
        code: The code of the CALLERROR that fits, see :mod:`loadtest.protocol.call_errors`.
        text: A sentence with the path of the field. Never its value, which may be a password or an id tag.
    """

    code: str
    text: str


class Validator:
    """The schema of one request or response, ready to check."""

    __slots__ = ("_schema", "name")

    def __init__(self, name: str) -> None:
        schema = importlib.resources.files("ocpp").joinpath("v16", "schemas", f"{name}.json")
        self.name = name
        self._schema = jsonschema_rs.validator_for(schema.read_text("utf-8-sig"), validate_formats=True)

    def check(self, payload: bytes | str | msgspec.Raw) -> Fault | None:
        """The first fault of a payload given as JSON text, ``None`` when it is valid."""
        try:
            value = _json.decode(payload)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return Fault(call_errors.FORMATION_VIOLATION, "payload is not JSON")
        return self.check_value(value)

    def check_value(self, value: Any) -> Fault | None:
        """The first fault of a payload that is decoded already."""
        try:
            self._schema.validate(value)
        except jsonschema_rs.ValidationError as error:
            return _fault(error)
        except ValueError:  # the library gives up at 255 levels; no schema has more than seven
            return Fault(call_errors.FORMATION_VIOLATION, "payload is nested too deeply")
        return None


def request(action: str) -> Validator | None:
    """The check of a CALL's payload; ``None`` for an action without a schema."""
    return _compiled(action) if action in ACTIONS else None


def response(action: str) -> Validator | None:
    """The check of the payload of the CALLRESULT to an action; ``None`` for an action without a schema."""
    return _compiled(f"{action}Response") if action in ACTIONS else None


@functools.cache
def _compiled(name: str) -> Validator:
    return Validator(name)


def _fault(error: jsonschema_rs.ValidationError) -> Fault:
    """OCPP-J 1.6 table 7 in terms of JSON schema's keywords."""
    field = _path(error.instance_path)
    keyword, limit = error.kind.name, error.kind.value
    match keyword:
        case "additionalProperties":
            code, problem = call_errors.FORMATION_VIOLATION, f"has a field {_name(limit[0])} that is not in the schema"
        case "type" if not error.instance_path:
            code, problem = call_errors.FORMATION_VIOLATION, "is not an object"
        case "type":
            code, problem = call_errors.TYPE_CONSTRAINT_VIOLATION, f"is not of type {' or '.join(limit)}"
        case "required":
            code, problem = call_errors.OCCURENCE_CONSTRAINT_VIOLATION, f"lacks the field {limit}"
        case "minItems":
            code, problem = call_errors.OCCURENCE_CONSTRAINT_VIOLATION, f"has fewer items than {limit}"
        case "enum":
            choice = ", ".join(map(str, limit[:3])) + (f" or {len(limit) - 3} others" if len(limit) > 3 else "")
            code, problem = call_errors.PROPERTY_CONSTRAINT_VIOLATION, f"is none of {choice}"
        case "maxLength":
            code, problem = call_errors.PROPERTY_CONSTRAINT_VIOLATION, f"is longer than {limit} characters"
        case _:
            code, problem = call_errors.PROPERTY_CONSTRAINT_VIOLATION, f"violates {keyword} {limit}"
    return Fault(code, f"{field} {problem}"[:MAX_TEXT])


def _path(path: Sequence[str | int]) -> str:
    """``meterValue[0].sampledValue[2].unit``; ``payload`` for the whole."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".") or "payload"


def _name(name: str) -> str:
    """A peer's own field name, printable and short."""
    return ascii(name if len(name) <= _MAX_NAME else name[:_MAX_NAME] + "…")
