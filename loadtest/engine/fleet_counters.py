"""What happened to a fleet besides its operations."""

from __future__ import annotations

import msgspec


class FleetCounters(msgspec.Struct):
    """What happened to the fleet besides its operations; running totals.

    ``connect_in_vain`` are those of the refused and failed attempts to connect that would fail again tomorrow;
    ``dropped_by_link`` those of all drops that befell charge points kept away by their own links or restarts.
    On the direct path: ``mqtt_connects`` are those of all connects; ``mqtt_redirected`` is how often brokers have sent
    charge points to other servers, not counting refusals; ``mqtt_references_failed`` are servers so named that were
    none, or could not be reached; ``sessions_resumed`` by brokers that had kept them, with ``messages_resent`` that had
    not been acknowledged before; ``messages_forgotten`` were not either, and the broker had kept no session;
    ``sessions_taken_over`` by another client of the same id; ``broker_violations`` of MQTT, each of which ended a
    connection; ``messages_too_large`` for the broker, and so never sent; ``messages_refused`` by the broker, by a
    reason code of its acknowledgement; ``stray_acknowledgements`` of what awaited none.
    """

    connect_attempts: int = 0
    connects: int = 0
    connect_refused: int = 0
    connect_failed: int = 0
    connect_in_vain: int = 0
    connect_timed_out: int = 0
    disconnects: int = 0
    cut_by_fault: int = 0
    reboots: int = 0
    pings: int = 0
    pongs_missing: int = 0
    registrations: int = 0
    not_accepted: int = 0
    calls_received: int = 0
    calls_answered: int = 0
    late_or_duplicate_answers: int = 0
    unknown_answers: int = 0
    malformed: int = 0
    dropped_offline: int = 0
    dropped_queue_full: int = 0
    dropped_at_end: int = 0
    dropped_by_link: int = 0
    drivers_turned_away: int = 0
    transaction_retries: int = 0
    transaction_messages_given_up: int = 0
    link_outages: int = 0
    link_outages_regional: int = 0
    link_resets: int = 0
    link_closes: int = 0
    link_half_open: int = 0
    mqtt_connects: int = 0
    mqtt_redirected: int = 0
    mqtt_references_failed: int = 0
    sessions_resumed: int = 0
    sessions_taken_over: int = 0
    messages_resent: int = 0
    messages_forgotten: int = 0
    broker_violations: int = 0
    messages_too_large: int = 0
    messages_refused: int = 0
    stray_acknowledgements: int = 0

    def report(self) -> dict[str, int]:
        """By the names they are reported under."""
        plain: dict[str, int] = msgspec.to_builtins(self)
        return {f"engine.{name}": count for name, count in plain.items()}
