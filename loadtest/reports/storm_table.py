"""Storms, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.storm import SHARES
from loadtest.reports.figures import bytes_text, count_text, latency_text
from loadtest.reports.table import Table
from loadtest.scenario.settings import DIRECT

if TYPE_CHECKING:
    from loadtest.measure.run_record import RunRecord


_CAUSES = {
    "no_network": "no network at the charge point",
    "not_websocket": "the answer was no WebSocket handshake",
    "not_mqtt": "the answer was no MQTT",
    "tls": "TLS",
    "network": "network unreachable",
}


def cause_in_words(cause: str) -> str:
    """Why attempts to connect came to nothing."""
    if cause.startswith("mqtt_"):
        return f"MQTT: {cause.removeprefix('mqtt_').replace('_', ' ')}"
    return cause.replace("http_", "HTTP ") if cause.startswith("http_") else _CAUSES.get(cause, cause.replace("_", " "))


def storms(record: RunRecord) -> Table:
    """Charge points that came up, or were lost, together: one column for each storm."""
    found = record.storms
    lines: list[tuple[str, list[str]]] = [
        ("Phase", [storm.phase for storm in found]),
        ("From", [f"{storm.start_s:.1f} s" for storm in found]),
        ("Charge points away", [count_text(storm.away) for storm in found]),
    ]
    for share in SHARES:
        times = [storm.back_after_s.get(share) for storm in found]
        lines.append((f"{share} % registered after", [_after(time_s) for time_s in times]))
    lines += [
        ("Connects per second, most", [count_text(storm.most_connects_per_s) for storm in found]),
        ("Connects per second, mean", [f"{storm.mean_connects_per_s:,.1f}" for storm in found]),
        ("Connections attempted", [count_text(storm.attempts) for storm in found]),
        ("Handshakes refused", [count_text(storm.refused) for storm in found]),
        ("Connections failed", [count_text(storm.failed) for storm in found]),
        ("Connections timed out", [count_text(storm.timed_out) for storm in found]),
        *(
            (
                f"Of the three above: {cause_in_words(cause)}",
                [count_text(each.failures.get(cause, 0)) for each in found],
            )
            for cause in dict.fromkeys(cause for storm in found for cause in storm.failures)
        ),
        ("CALLs per second, most", [count_text(storm.most_messages_per_s) for storm in found]),
        *_received(record),
        ("Transaction messages waiting, most", [count_text(storm.backlog_most) for storm in found]),
        ("No more of them than before after", [_after(storm.backlog_drained_after_s) for storm in found]),
        ("Register p99", [_latency(storm.register_p99_us) for storm in found]),
        ("Transaction messages p99", [_latency(storm.transaction_p99_us) for storm in found]),
    ]
    kinds = {"boot": "Boot storm", "reconnect": "Storm"}
    return Table(
        "Storms",
        ("", *(f"{kinds.get(storm.kind, storm.kind)} {number}" for number, storm in enumerate(found, 1))),
        tuple((name, *values) for name, values in lines) if found else (),
        "Times and counts run from the first loss, or from the first connection due in a boot storm; counts until 99 % "
        "were registered. Percentiles are those of the phases it happened in.",
    )


def _received(record: RunRecord) -> list[tuple[str, list[str]]]:
    """What the gateway received, if there was one."""
    if record.run.paths == {DIRECT}:
        return []
    busiest = [_bytes(storm.most_bytes_per_s) for storm in record.storms]
    return [("Received by the gateway per second, most", busiest)]


def _after(time_s: float | None) -> str:
    return "not reached" if time_s is None else f"{time_s:.3f} s"


def _bytes(count: int) -> str:
    return bytes_text(count) if count else "not counted"


def _latency(value_us: int) -> str:
    return latency_text(value_us) if value_us else "–"
