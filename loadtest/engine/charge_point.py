"""One emulated charge point: OCPP 1.6-J over one connection at a time.

The object *is* the asyncio protocol of its connection and is used again for the next one. It owns no task, queue,
future or timer; everything rare is made when needed, because there are tens of thousands of these in a process.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from loadtest.engine import reservation
from loadtest.engine.commands import dispatch
from loadtest.engine.features import Features
from loadtest.engine.layout import NO_SLOTS
from loadtest.engine.maintenance import firmware_version, resume_after_boot
from loadtest.engine.metering import MeteringConnection
from loadtest.engine.sending import REJECTED, RETIRED
from loadtest.engine.transaction import Transaction
from loadtest.engine.visit import DRAWS, Visit, visit
from loadtest.protocol import configuration_keys as keys
from loadtest.protocol import connector_states as states
from loadtest.scenario.arrivals import next_arrival_s
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from loadtest.engine.configuration import Change, Configuration
    from loadtest.engine.fleet import Fleet
    from loadtest.protocol import frames
    from loadtest.scenario.profile import ChargePointProfile

_VISITS_DRAW = 1 << 32
"""Where the draws of visits begin: apart from all others, so that they depend on nothing that happens."""


class ChargePoint(MeteringConnection):
    """A charge point of the fleet.

    Args:
        fleet: What all charge points of the process share.
        number: Its number in the whole fleet.
        profile: What kind it is.
        configuration: What it starts with.
    """

    __slots__ = NO_SLOTS
    STATE: ClassVar[tuple[str, ...]] = (
        "_arrival_due_ns",
        "_draws",
        "_features",
        "_visits",
        "transactions_begun",
    )

    def __init__(self, fleet: Fleet, number: int, profile: ChargePointProfile, configuration: Configuration) -> None:
        super().__init__(fleet, number, profile, configuration)
        self._draws = self._visits = self.transactions_begun = 0
        self._arrival_due_ns = 0
        self._features: Features | None = None

    def on_call(self, call: frames.Call, now_ns: int) -> None:
        """Answer, unless rejected: a rejected charge point stays silent (OCPP 1.6 section 4.2.1)."""
        if self.state != REJECTED:
            dispatch.answer(self, call, now_ns)

    def on_registered(self, now_ns: int, *, booted: bool) -> None:
        """Report the connectors, and take up what waited for a registration."""
        self.report_connectors(now_ns, booted=booted)
        if booted and self._features is not None and self._features.maintenance is not None:
            resume_after_boot(self, now_ns)
        if not self._arrival_due_ns and self.profile.drivers is not None:
            self._await_driver(now_ns)
        if not self.aligned_due_ns:
            self.schedule_aligned(now_ns)

    # Randomness and rare state ----------------------------------------------------------------------------------

    def draw(self) -> float:
        """The charge point's next random number, uniform in [0, 1)."""
        self._draws += 1
        return self.fleet.draw(self.number, self._draws)

    @property
    def features(self) -> Features:
        """State beyond the ordinary, made now if there is none."""
        if self._features is None:
            self._features = Features()
        return self._features

    @property
    def features_or_none(self) -> Features | None:
        """State beyond the ordinary, if there is any."""
        return self._features

    def configure(self, key: str, value: str, now_ns: int) -> Change:
        """Set a configuration key, and act on it from now on (OCPP 1.6 section 5.3)."""
        refusal = self.configuration.refusal(key, value)
        if refusal is not None:
            return refusal
        self.configuration = self.configuration.changed(key, value)
        match key:
            case keys.HEARTBEAT_INTERVAL if self.is_registered:  # else BootNotification.conf is still to set it
                self.heartbeat_ns = int(value) * NS_PER_S
                self.beat_due_ns = self.fleet.at(now_ns + self.heartbeat_ns, self.beat)
            case keys.WEB_SOCKET_PING_INTERVAL:
                self.pong_missing = False
                self.schedule_ping(now_ns)
            case keys.CLOCK_ALIGNED_DATA_INTERVAL:
                self.schedule_aligned(now_ns)
            case keys.METER_VALUE_SAMPLE_INTERVAL:
                for transaction in self.transactions:
                    transaction.schedule_sample(now_ns)
        return "Accepted"

    @property
    def firmware_version(self) -> str:
        """What runs on it now."""
        return firmware_version(self)

    # Drivers and transactions -----------------------------------------------------------------------------------

    def _await_driver(self, now_ns: int) -> None:
        """Find the next arrival after now on a schedule that begins with the ramp, and be there for it."""
        ramp_ns = self.fleet.schedules_from_ns
        arrival_s = (self._arrival_due_ns - ramp_ns) / NS_PER_S if self._arrival_due_ns else 0.0
        now_s = (now_ns - ramp_ns) / NS_PER_S
        while True:
            share = self.fleet.draw(self.number, _VISITS_DRAW + self._visits * DRAWS)
            arrival_s = next_arrival_s(self.profile, arrival_s, share)
            if math.isinf(arrival_s):
                return
            self._visits += 1
            if arrival_s >= now_s:
                break
        self._arrival_due_ns = self.fleet.at(ramp_ns + int(arrival_s * NS_PER_S), self._driver_comes)

    def _driver_comes(self, due_ns: int) -> None:
        if self.state == RETIRED:
            return
        first = _VISITS_DRAW + (self._visits - 1) * DRAWS
        draws = iter(range(first + 1, first + DRAWS))
        drawn = visit(self.profile, lambda: self.fleet.draw(self.number, next(draws)))
        self._await_driver(due_ns)
        id_tag = b"TAG%07d" % self.number
        free = [each for each in range(1, self.profile.connectors + 1) if self.is_free(each, id_tag, due_ns)]
        if not free:
            self.books.counters.drivers_turned_away += 1
            return
        if drawn.connector not in free:
            drawn.connector = free[0]
        self.welcome(drawn, id_tag, due_ns, remote=False)

    def is_free(self, number: int, id_tag: bytes, now_ns: int) -> bool:
        """Who has that tag may use the connector: it is available, or reserved for the tag."""
        usable = self.connector_status(number) in (states.AVAILABLE, states.RESERVED)
        restarting = self.restart_due_ns > now_ns
        return usable and not restarting and not reservation.blocks(self, number, id_tag, now_ns)

    def begin_transaction(self, number: int, id_tag: bytes, now_ns: int, *, remote: bool) -> Transaction:
        """Somebody presents a tag at a connector that is free, or reserved for it."""
        return self.welcome(visit(self.profile, self.draw, number), id_tag, now_ns, remote=remote)

    def welcome(self, drawn: Visit, id_tag: bytes, now_ns: int, *, remote: bool) -> Transaction:
        """A visit begins, or is announced by the central system."""
        transaction = Transaction(self, drawn, id_tag, remote=remote)
        self.connector(drawn.connector).transaction = transaction
        transaction.begin(now_ns)
        return transaction

    def limits_changed(self, now_ns: int) -> None:
        """A limit of the power was set or lifted."""
        for transaction in self.transactions:
            transaction.limits_changed(now_ns)

    def vacate(self, number: int, now_ns: int) -> None:
        """The driver has left a connector, or never came."""
        connector = self.connector(number)
        transaction, connector.transaction = connector.transaction, None
        if transaction is not None and transaction.meter is not None:
            self.keep_register(number, transaction.meter.register_wh)
        if connector.scheduled_inoperative:
            connector.operative = connector.scheduled_inoperative = False
        if connector.operative:
            self.set_status(number, states.AVAILABLE, now_ns)
            reservation.resume(self, number, now_ns)
            return
        connector.reservation = None
        if connector.status == states.PREPARING:  # from there the table knows no other way
            self.set_status(number, states.AVAILABLE, now_ns)
        self.set_status(number, states.UNAVAILABLE, now_ns)

    # The end ----------------------------------------------------------------------------------------------------

    def retire(self) -> None:
        """Account for what can no longer be sent or awaited, and close for good."""
        self.close_books()
        self.state = RETIRED
        for connector in self.connectors_known:
            if connector.transaction is not None:
                connector.transaction.abandon()
        self.forget_connectors()
        self.close()
