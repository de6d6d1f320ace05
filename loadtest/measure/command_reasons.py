"""Why a run has failed: commands of the central system did not reach the charge points, or were not answered well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.interval import INVALID
from loadtest.measure.reason_texts import listed
from loadtest.measure.run_outcome import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtest.measure.run_record import RunRecord


def command_reasons(record: RunRecord) -> Iterator[Reason]:
    """Did the central system's commands reach the charge points, and come back answered as OCPP has it?"""
    commands, limits = record.commands, record.run.limits
    if commands is None:
        return
    operations = commands.operations
    lost = commands.downlink.lost + commands.replies.lost
    if limits.commands_lost is not None and lost > limits.commands_lost:
        yield Reason(
            "commands_lost",
            f"{commands.downlink.lost:,} of {operations.sent:,} commands and {commands.replies.lost:,} answers to "
            f"commands were lost; allowed {limits.commands_lost:,}.",
        )
    unanswered = operations.timed_out + operations.unfinished
    if limits.commands_unanswered is not None and unanswered > limits.commands_unanswered:
        yield Reason(
            "commands_unanswered",
            f"{unanswered:,} of {operations.sent:,} commands were not answered in time; "
            f"allowed {limits.commands_unanswered:,}.",
        )
    if limits.command_errors is not None and operations.call_error > limits.command_errors:
        refused = [row.action for row in commands.by_action if row.operations.call_error]
        yield Reason(
            "command_errors",
            f"{operations.call_error:,} of {operations.sent:,} commands were answered with an error, namely "
            f"{listed(refused)}; allowed {limits.command_errors:,}.",
        )
    invalid = {row.action: row.answers[INVALID] for row in commands.by_action if INVALID in row.answers}
    count = sum(invalid.values())
    if limits.command_answers_invalid is not None and count > limits.command_answers_invalid:
        yield Reason(
            "command_answers_invalid",
            f"{count:,} answers to commands do not fit the official schemas, namely to {listed(sorted(invalid))}; "
            f"allowed {limits.command_answers_invalid:,}.",
        )
    if limits.dropped_share is not None and operations.dropped > limits.dropped_share * operations.offered:
        yield Reason(
            "commands_dropped",
            f"{operations.dropped:,} of {operations.offered:,} commands could not be sent: no charge point was free; "
            f"allowed {limits.dropped_share:.0%}.",
        )
