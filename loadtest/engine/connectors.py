"""The connectors of a charge point: their states, and when a state is worth a StatusNotification.

A connector that is simply Available, which most are most of the time, has no object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.errors import LocalProtocolError
from loadtest.protocol import connector_states as states

if TYPE_CHECKING:
    from loadtest.engine.reservation import Reservation
    from loadtest.engine.transaction import Transaction


class Connector:
    """One connector; number 0 is the charge point as a whole.

    Attributes:
        status: Its state.
        reported: The state the central system was last told; ``None``: none on this connection.
        operative: The central system wants it in service.
        scheduled_inoperative: It goes out of service when its transaction has ended.
        report_due_ns: When a new state will have lasted long enough to be reported.
        transaction: The transaction that occupies it.
        reservation: The reservation that holds it.
    """

    __slots__ = (
        "number",
        "operative",
        "report_due_ns",
        "reported",
        "reservation",
        "scheduled_inoperative",
        "status",
        "transaction",
    )

    def __init__(self, number: int) -> None:
        self.number = number
        self.status = states.AVAILABLE
        self.reported: bytes | None = states.AVAILABLE
        self.operative = True
        self.scheduled_inoperative = False
        self.report_due_ns = 0
        self.transaction: Transaction | None = None
        self.reservation: Reservation | None = None

    def change(self, status: bytes) -> None:
        """Move to another state.

        Raises:
            LocalProtocolError: The table of transitions forbids it: a bug of ours.
        """
        if not states.allowed(self.number, self.status, status):
            before, after = self.status.decode(), status.decode()
            raise LocalProtocolError(f"connector {self.number} cannot change from {before} to {after}")
        self.status = status

    @property
    def at_rest(self) -> bool:
        """Nothing about it has to be remembered."""
        return (
            self.status == states.AVAILABLE == self.reported
            and self.operative
            and not self.report_due_ns
            and self.transaction is None
            and self.reservation is None
        )
