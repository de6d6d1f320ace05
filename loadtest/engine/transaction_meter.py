"""The meter of a transaction: what it shows, and what it keeps for the StopTransaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.engine.charging import Charging
from loadtest.engine.meter import meter_template
from loadtest.engine.stop_data import StopData

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint
    from loadtest.engine.meter import Context, Reading
    from loadtest.engine.visit import Visit


class TransactionMeter:
    """Runs from the start of a transaction until the connector is free.

    Args:
        charge_point: Who charges.
        visit: Where, and with what car.
        now_ns: When charging begins.

    Attributes:
        start_wh: The connector's register then.
        charging: The energy since.
    """

    __slots__ = ("_charge_point", "_kept", "charging", "start_wh")

    def __init__(self, charge_point: ChargePoint, visit: Visit, now_ns: int) -> None:
        self._charge_point = charge_point
        self._kept: StopData | None = None
        self.start_wh = charge_point.register_wh(visit.connector)
        self.charging = Charging(visit.vehicle, charge_point.profile, now_ns)

    @property
    def register_wh(self) -> float:
        """The connector's register as of the last look at it."""
        return self.start_wh + self.charging.energy_wh

    def reading(self, now_ns: int) -> Reading:
        """What it shows now."""
        return self.charging.reading(self.start_wh, now_ns)

    def element(self, now_ns: int, measurands: tuple[str, ...], context: Context) -> bytes:
        """The reading as a ``meterValue`` element."""
        template = meter_template(self._charge_point.profile, measurands, context)
        return template.render(self.reading(now_ns), self._charge_point.fleet.timestamp(now_ns))

    def keep(self, now_ns: int, measurands: tuple[str, ...], context: Context) -> None:
        """Keep the reading for the StopTransaction, if any measurands are wanted there."""
        if measurands:
            self._kept = self._kept or StopData()
            self._kept.add(self.element(now_ns, measurands, context))

    def take_kept(self) -> bytes:
        """The ``transactionData``: elements joined by commas. Nothing is kept after that."""
        kept, self._kept = self._kept, None
        return b"" if kept is None else kept.rendered()
