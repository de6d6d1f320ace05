"""The tables of ``docs/protobuf.md``: bytes of MQTT payloads in JSON and in Protobuf. Run it to print them."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from loadtest.csms.registration import Registration
from loadtest.csms.responses import Responses
from loadtest.engine import payloads
from loadtest.engine.meter import Reading, meter_template
from loadtest.protocol import envelope_array, envelope_emqx, envelope_maeve, proto_schema, protobuf_encoding, schemas
from loadtest.scenario.profiles import AC_PUBLIC, DC_FAST

UNIQUE_ID = "0123456789abcdefghijklmnopqrstuvwxyz"
NOW = "2026-01-31T12:00:00.000Z"
ENCODINGS = (envelope_emqx, envelope_maeve, envelope_array, protobuf_encoding)


def sent_most() -> str:
    """What charge points send all day, as they render it, and the answers."""
    now = NOW.encode()
    reading = Reading(1_234_567, 11_000, 22_000, 55)
    ac, dc = (meter_template(each, each.measurands, "Sample.Periodic") for each in (AC_PUBLIC, DC_FAST))
    requests = [
        ("BootNotification", "", payloads.boot_notification(AC_PUBLIC, "cp-000001", "1.0.0")),
        ("StatusNotification", "", payloads.status_notification(1, b"Charging", now)),
        ("Heartbeat", "", payloads.HEARTBEAT),
        ("Authorize", "", payloads.authorize(b"04A2B3C4D5E6F7")),
        ("StartTransaction", "", payloads.start_transaction(1, b"04A2B3C4D5E6F7", 1_200_000, now)),
        ("MeterValues", ", energy alone", payloads.meter_values(1, 4711, _lone_register(now))),
        ("MeterValues", f", {AC_PUBLIC.model}", payloads.meter_values(1, 4711, ac.render(reading, now))),
        ("MeterValues", f", {DC_FAST.model}", payloads.meter_values(1, 4711, dc.render(reading, now))),
        ("StopTransaction", "", payloads.stop_transaction(4711, b"04A2B3C4D5E6F7", 1_234_567, now, b"EVDisconnected")),
    ]
    answers = Responses(Registration())
    lines = ["| message | EMQX | MaEVe | array | Protobuf | of EMQX |", "|---|---:|---:|---:|---:|---:|"]
    for action, more, payload in requests:
        lines.append(_row(action + more, [len(each.call(UNIQUE_ID, action, payload)) for each in ENCODINGS]))
    for action in dict.fromkeys(action for action, _, _ in requests):
        answer = answers.payload(action, b"cp", 0)
        assert answer is not None
        sizes = [len(each.call_result(UNIQUE_ID, action, answer)) for each in ENCODINGS]
        lines.append(_row(f"answer to {action}", sizes))
    return "\n".join(lines)


def every_action() -> str:
    """Every message with every field there is, each list with one element."""
    lines = ["| action | request JSON | Protobuf | response JSON | Protobuf |", "|---|---:|---:|---:|---:|"]
    for action in sorted(schemas.ACTIONS):
        sizes = []
        for file, name in ((action, "call"), (f"{action}Response", "call_result")):
            payload = msgspec.json.encode(_filled(proto_schema.official(file)))
            sizes += [
                len(getattr(each, name)(UNIQUE_ID, action, payload)) for each in (envelope_emqx, protobuf_encoding)
            ]
        lines.append(f"| {action} | {' | '.join(map(str, sizes))} |")
    return "\n".join(lines)


def _lone_register(now: bytes) -> bytes:
    template = meter_template(AC_PUBLIC, ("Energy.Active.Import.Register",), "Sample.Periodic")
    return template.render(Reading(1_234_567), now)


def _row(name: str, sizes: list[int]) -> str:
    return f"| {name} | {' | '.join(map(str, sizes))} | {sizes[-1] / sizes[0]:.0%} |"


def _filled(schema: dict[str, Any]) -> Any:
    match schema:
        case {"enum": values}:
            return values[0]
        case {"type": "object"}:
            return {name: _filled(content) for name, content in schema.get("properties", {}).items()}
        case {"type": "array", "items": items}:
            return [_filled(items)]
        case {"format": "date-time"}:
            return NOW
        case {"type": "string"}:
            return "x" * min(20, schema.get("maxLength", 20))
    return {"integer": 12345, "number": 21.5, "boolean": True}[schema["type"]]


if __name__ == "__main__":
    sys.stdout.write(f"{sent_most()}\n\n{every_action()}\n")
