"""The meters of a charge point's connectors: what they show, and MeterValues beside those of transactions.

Clock-aligned values (OCPP 1.6 section 9.1, ClockAlignedDataInterval) and those that the central system asks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from loadtest.engine import payloads
from loadtest.engine.layout import NO_SLOTS
from loadtest.engine.meter import Reading, meter_template
from loadtest.engine.operations import METER_VALUES
from loadtest.engine.reporting import ReportingConnection
from loadtest.engine.sending import RETIRED

if TYPE_CHECKING:
    from loadtest.engine.configuration import Configuration
    from loadtest.engine.fleet import Fleet
    from loadtest.engine.meter import Context
    from loadtest.scenario.profile import ChargePointProfile


class MeteringConnection(ReportingConnection):
    """A connection that tells what meters show.

    Args:
        fleet: What all charge points of the process share.
        number: The charge point's number in the whole fleet.
        profile: What kind it is.
        configuration: What it starts with.

    Attributes:
        aligned_due_ns: When the next clock-aligned meter values are due; 0: never.
    """

    __slots__ = NO_SLOTS
    STATE: ClassVar[tuple[str, ...]] = ("_registers_wh", "aligned_due_ns")

    def __init__(self, fleet: Fleet, number: int, profile: ChargePointProfile, configuration: Configuration) -> None:
        super().__init__(fleet, number, profile, configuration)
        self.aligned_due_ns = 0
        self._registers_wh: dict[int, float] | None = None

    def register_wh(self, number: int) -> float:
        """The energy register of a connector when nothing charges there."""
        return (self._registers_wh or {}).get(number, 0.0)

    def keep_register(self, number: int, register_wh: float) -> None:
        """What the energy register of a connector shows when a transaction has gone."""
        if self._registers_wh is None:
            self._registers_wh = {}
        self._registers_wh[number] = register_wh

    def reading(self, number: int, now_ns: int) -> Reading:
        """What the meter of a connector shows."""
        transaction = self.transaction_on(number)
        if transaction is None or transaction.meter is None:
            return Reading(self.register_wh(number))
        return transaction.meter.reading(now_ns)

    def schedule_aligned(self, now_ns: int) -> None:
        """Plan the next clock-aligned meter values, if the configuration asks for any."""
        interval_ns = self.configuration.aligned_interval_ns
        self.aligned_due_ns = 0
        if interval_ns:
            self.aligned_due_ns = self.fleet.at(self.fleet.next_aligned_ns(now_ns, interval_ns), self._align)

    def _align(self, due_ns: int) -> None:
        if due_ns != self.aligned_due_ns or self.state == RETIRED:
            return
        measurands = self.configuration.aligned
        for number in range(1, self.profile.connectors + 1):
            transaction = self.transaction_on(number)
            if measurands:
                self._offer_meter_values(number, due_ns, measurands, "Sample.Clock")
            if transaction is not None and transaction.meter is not None and not transaction.over:
                transaction.meter.keep(due_ns, self.configuration.stop_aligned, "Sample.Clock")
        self.schedule_aligned(due_ns)

    def meter_values_now(self, number: int, now_ns: int) -> None:
        """Offer MeterValues of a connector because they were asked for."""
        if self.configuration.sampled:
            self._offer_meter_values(number, now_ns, self.configuration.sampled, "Trigger")

    def _offer_meter_values(self, number: int, due_ns: int, measurands: tuple[str, ...], context: Context) -> None:
        transaction = self.transaction_on(number)
        if transaction is not None and transaction.started_ns and not transaction.over:
            transaction.offer_meter_values(due_ns, measurands, context)
            return
        template = meter_template(self.profile, measurands, context)
        element = template.render(self.reading(number, due_ns), self.fleet.timestamp(due_ns))
        self.offer(METER_VALUES, due_ns, payloads.meter_values(number, None, element))
