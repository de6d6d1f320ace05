"""What it costs to write and to read one message in JSON and in Protobuf: CPU time of this process alone."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from loadtest.engine import payloads
from loadtest.engine.meter import Reading, meter_template
from loadtest.protocol.encodings import encoding
from loadtest.scenario.profiles import AC_PUBLIC

if TYPE_CHECKING:
    from collections.abc import Callable

    from samples import Samples

TIMES = 5_000
UNIQUE_ID = "0123456789abcdefghijklmnopqrstuvwxyz"
_NOW = b"2026-01-31T12:00:00.000Z"
_METER = meter_template(AC_PUBLIC, AC_PUBLIC.measurands, "Sample.Periodic")

MESSAGES = {
    "Heartbeat": payloads.HEARTBEAT,
    "StatusNotification": payloads.status_notification(1, b"Charging", _NOW),
    "StartTransaction": payloads.start_transaction(1, b"04A2B3C4D5E6F7", 1_200_000, _NOW),
    "MeterValues": payloads.meter_values(1, 4711, _METER.render(Reading(1_234_567, 11_000, 22_000), _NOW)),
    "StopTransaction": payloads.stop_transaction(4711, b"04A2B3C4D5E6F7", 1_234_567, _NOW, b"EVDisconnected"),
}
"""What charge points send most. The MeterValues has eight sampled values: three phases, energy and power."""


def measure(samples: Samples) -> None:
    """One round: each message and encoding in turn."""
    for action, payload in MESSAGES.items():
        for name, chosen in (("json", encoding("json")), ("protobuf", encoding("protobuf"))):
            write = partial(chosen.call, UNIQUE_ID, action, payload)
            samples.add(f"{action}: {name}, write", "µs", _cost_us(write))
            samples.add(f"{action}: {name}, read", "µs", _cost_us(partial(chosen.decode, write())))


def _cost_us(action: Callable[[], object]) -> float:
    begin_ns = time.process_time_ns()
    for _ in range(TIMES):
        action()
    return (time.process_time_ns() - begin_ns) / TIMES / 1000
