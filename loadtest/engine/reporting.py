"""A charge point's connectors, who occupies them, and what the central system is told of them (OCPP 1.6 section 4.9).

Connectors that are simply Available, which most are most of the time, take no memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from loadtest.engine import payloads
from loadtest.engine.connectors import Connector
from loadtest.engine.layout import NO_SLOTS
from loadtest.engine.operations import STATUS_NOTIFICATION
from loadtest.engine.registration import RegisteringConnection
from loadtest.protocol import connector_states as states

if TYPE_CHECKING:
    from loadtest.engine.configuration import Configuration
    from loadtest.engine.fleet import Fleet
    from loadtest.engine.transaction import Transaction
    from loadtest.scenario.profile import ChargePointProfile


class ReportingConnection(RegisteringConnection):
    """A connection that reports the states of connectors.

    Args:
        fleet: What all charge points of the process share.
        number: The charge point's number in the whole fleet.
        profile: What kind it is.
        configuration: What it starts with.

    Attributes:
        connectors: Those there is something to remember about, by number; None: none.
    """

    __slots__ = NO_SLOTS
    STATE: ClassVar[tuple[str, ...]] = ("connectors",)

    def __init__(self, fleet: Fleet, number: int, profile: ChargePointProfile, configuration: Configuration) -> None:
        super().__init__(fleet, number, profile, configuration)
        self.connectors: dict[int, Connector] | None = None

    def report_connectors(self, now_ns: int, *, booted: bool) -> None:
        """Report all connectors after a boot (errata 3.22), else those whose state has changed while offline.

        A report that was lost with the last connection may have been of any of them.
        """
        everything, self.reports_lost = booted or self.reports_lost, False
        for number in range(self.profile.connectors + 1):
            connector = self.connectors.get(number) if self.connectors is not None else None
            if everything or (connector is not None and connector.reported != connector.status):
                self.report_status(number, now_ns)

    @property
    def connectors_known(self) -> list[Connector]:
        """Those there is something to remember about."""
        return list(self.connectors.values()) if self.connectors is not None else []

    def connector(self, number: int) -> Connector:
        """A connector, made now if it was at rest; 0 is the charge point itself."""
        if self.connectors is None:
            self.connectors = {}
        connector = self.connectors.get(number)
        if connector is None:
            connector = self.connectors[number] = Connector(number)
        return connector

    def transaction_on(self, number: int) -> Transaction | None:
        """The transaction that occupies a connector."""
        connector = self.connectors.get(number) if self.connectors is not None else None
        return None if connector is None else connector.transaction

    @property
    def transactions(self) -> list[Transaction]:
        """Those under way, begun and not over."""
        found = [connector.transaction for connector in self.connectors_known]
        return [transaction for transaction in found if transaction is not None and not transaction.over]

    @property
    def is_charging(self) -> bool:
        """Whether a transaction is under way."""
        if self.connectors is not None:
            for connector in self.connectors.values():
                if connector.transaction is not None and not connector.transaction.over:
                    return True
        return False

    def connector_status(self, number: int) -> bytes:
        """The state of a connector."""
        connector = self.connectors.get(number) if self.connectors is not None else None
        return states.AVAILABLE if connector is None else connector.status

    def set_status(self, number: int, status: bytes, now_ns: int) -> None:
        """Change a connector's state; reported once it has lasted, offline not before the return (section 4.9)."""
        connector = self.connector(number)
        connector.change(status)
        minimum_ns = self.configuration.minimum_status_ns
        if minimum_ns:
            connector.report_due_ns = self.fleet.at(now_ns + minimum_ns, self._report_lasting)
        elif self.is_registered:
            self.report_status(number, now_ns)

    def _report_lasting(self, due_ns: int) -> None:
        for connector in self.connectors_known:
            if connector.report_due_ns == due_ns:
                connector.report_due_ns = 0
                if connector.reported == connector.status:
                    self.tidy(connector)
                elif self.is_registered:
                    self.report_status(connector.number, due_ns)

    def report_status(self, number: int, now_ns: int) -> None:
        """Offer a StatusNotification of a connector's present state."""
        status = self.connector_status(number)
        payload = payloads.status_notification(number, status, self.fleet.timestamp(now_ns))
        self.offer(STATUS_NOTIFICATION, now_ns, payload)
        if self.connectors is not None and number in self.connectors:
            self.connectors[number].reported = status
            self.tidy(self.connectors[number])

    def tidy(self, connector: Connector) -> None:
        """Forget a connector there is nothing to remember about."""
        if connector.at_rest and self.connectors is not None:
            self.connectors.pop(connector.number, None)
            self.connectors = self.connectors or None

    def forget_connectors(self) -> None:
        """Nothing is to be remembered about any of them."""
        self.connectors = None
