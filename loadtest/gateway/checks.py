"""What the gateway does to messages only when told to: format checks, CALLERRORs of its own, strict mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from loadtest.gateway import counters
from loadtest.gateway.message_format import format_fault
from loadtest.gateway.refusals import call_error, id_of_malformed_call
from loadtest.gateway.strict import Offer, StrictLimits, StrictMode
from loadtest.protocol.call_errors import FORMATION_VIOLATION, SECURITY_ERROR
from loadtest.protocol.frames import CALL

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.gateway.charge_point_connection import ChargePointConnection
    from loadtest.gateway.counters import GatewayCounters
    from loadtest.gateway.settings import GatewaySettings
    from loadtest.gateway.translation import Translated

UPSTREAM_CHECKED = frozenset({"upstream_only", "all"})
"""Values of ``message_format_checking`` that check anything: EMQX has no downstream check, whatever it is called."""


class Checks:
    """Everything between translation and sending that EMQX's defaults leave out.

    Args:
        settings: Which of it is on.
        totals: Where to count.
        pass_on: Sends a charge point a message of the central system: connection, message type, frame.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        totals: GatewayCounters,
        pass_on: Callable[[ChargePointConnection, int, bytes], None],
    ) -> None:
        self._settings = settings
        self._totals = totals
        self._pass_on = pass_on
        self._formats_up = settings.message_format_checking in UPSTREAM_CHECKED
        self._strict: StrictMode[ChargePointConnection] | None = None
        if settings.strict:
            self._strict = StrictMode(
                StrictLimits(
                    settings.strict_awaiting_timeout_s,
                    settings.strict_retry_interval_s,
                    settings.strict_max_retries,
                    settings.downstream_queue,
                )
            )

    @staticmethod
    def wanted(settings: GatewaySettings) -> bool:
        """Whether anything is on."""
        return (
            settings.message_format_checking in UPSTREAM_CHECKED
            or settings.check_downstream
            or settings.call_error_on_invalid
            or settings.close_on_invalid_json
            or settings.strict
        )

    def malformed(self, connection: ChargePointConnection, frame: bytes) -> None:
        """A frame could not be translated; it is counted already."""
        if self._settings.call_error_on_invalid:
            message_id = id_of_malformed_call(frame)
            if message_id is not None:
                self._refuse(connection, message_id, FORMATION_VIOLATION, "not a CALL of four elements")
        if self._settings.close_on_invalid_json and not _is_json(frame):
            connection.reject_text()

    def passes_up(self, connection: ChargePointConnection, frame: bytes, message: Translated, now_s: float) -> bool:
        """Whether a charge point's message is to be published."""
        dropped = self._totals.upstream_dropped
        if message.kind == CALL and self._formats_up and (fault := format_fault(message)) is not None:
            dropped[counters.SCHEMA] += 1
            if self._settings.call_error_on_invalid:
                self._refuse(connection, message.message_id, FORMATION_VIOLATION, f"Validation error: {fault}")
            return False
        strict = self._strict
        if strict is None:
            return True
        if message.kind != CALL:
            following = strict.answer_up(connection, message.message_id, now_s)
            if following is not None:
                self._send_queued(connection, following)
        elif not strict.take_call(connection, message.message_id, frame, now_s):
            dropped[counters.OUTSTANDING] += 1
            self._refuse(connection, message.message_id, SECURITY_ERROR, "another CALL is not answered yet")
            return False
        return True

    def passes_down(self, connection: ChargePointConnection, message: Translated, now_s: float) -> bool:
        """Whether a central system's message is to be sent now."""
        totals, strict = self._totals, self._strict
        if message.kind != CALL:
            if strict is not None:
                strict.answer_down(connection, message.message_id)
            return True
        if self._settings.check_downstream and format_fault(message) is not None:
            totals.downstream_dropped[counters.SCHEMA] += 1
            return False
        if strict is None:
            return True
        offer = strict.offer(connection, message.message_id, message.text, now_s)
        if offer is Offer.QUEUED:
            totals.strict_queued += 1
        elif offer is Offer.FULL:
            totals.downstream_dropped[counters.QUEUE_FULL] += 1
        return offer is Offer.SEND

    def forget(self, connection: ChargePointConnection) -> None:
        """The connection has ended; what waited for it has nowhere to go."""
        if self._strict is not None:
            self._totals.downstream_dropped[counters.CALL_OFFLINE] += self._strict.forget(connection)

    def tick(self, now_s: float) -> None:
        """Let time pass."""
        if self._strict is None:
            return
        for connection, text, given_up in self._strict.due(now_s):
            self._totals.strict_given_up += given_up
            if text is None:
                continue
            if given_up:
                self._send_queued(connection, text)
            elif connection.is_open:
                self._totals.strict_repeated += 1
                self._totals.sent_bytes += len(text)
                connection.send_text(text)

    def _send_queued(self, connection: ChargePointConnection, frame: bytes) -> None:
        """It is the turn of a CALL that had to wait."""
        if connection.is_open:
            self._pass_on(connection, CALL, frame)
        else:
            self._totals.downstream_dropped[counters.CALL_OFFLINE] += 1

    def _refuse(self, connection: ChargePointConnection, message_id: bytes | msgspec.Raw, code: str, why: str) -> None:
        if connection.is_open:
            text = call_error(message_id, code, why)
            self._totals.call_errors_sent += 1
            self._totals.sent_bytes += len(text)
            connection.send_text(text)


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
