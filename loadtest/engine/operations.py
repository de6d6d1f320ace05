"""What became of every operation: counters and samples by phase and action.

An operation is one CALL a charge point is due to make. It is *offered* when due. It ends *dropped* (never sent)
or *sent*; what was sent ends answered, refused (call_error), timed out, cut off with its connection, cut by the charge
point's own link or restart, or unfinished when the run ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.measure.interval import OperationRow
from loadtest.measure.tags import INTENDED, ROUND_TRIP, SERVICE, Tag
from loadtest.protocol.actions import FROM_CHARGE_POINT
from loadtest.protocol.phases import PHASES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.measure.recorder import Recorder

AUTHORIZE = FROM_CHARGE_POINT.index("Authorize")
BOOT_NOTIFICATION = FROM_CHARGE_POINT.index("BootNotification")
DATA_TRANSFER = FROM_CHARGE_POINT.index("DataTransfer")
DIAGNOSTICS_STATUS_NOTIFICATION = FROM_CHARGE_POINT.index("DiagnosticsStatusNotification")
FIRMWARE_STATUS_NOTIFICATION = FROM_CHARGE_POINT.index("FirmwareStatusNotification")
HEARTBEAT = FROM_CHARGE_POINT.index("Heartbeat")
LOG_STATUS_NOTIFICATION = FROM_CHARGE_POINT.index("LogStatusNotification")
METER_VALUES = FROM_CHARGE_POINT.index("MeterValues")
SECURITY_EVENT_NOTIFICATION = FROM_CHARGE_POINT.index("SecurityEventNotification")
SIGN_CERTIFICATE = FROM_CHARGE_POINT.index("SignCertificate")
SIGNED_FIRMWARE_STATUS_NOTIFICATION = FROM_CHARGE_POINT.index("SignedFirmwareStatusNotification")
START_TRANSACTION = FROM_CHARGE_POINT.index("StartTransaction")
STATUS_NOTIFICATION = FROM_CHARGE_POINT.index("StatusNotification")
STOP_TRANSACTION = FROM_CHARGE_POINT.index("StopTransaction")

_ACTIONS = len(FROM_CHARGE_POINT)

TRANSACTION_RELATED = frozenset({METER_VALUES, START_TRANSACTION, STOP_TRANSACTION})
"""Actions that are queued while a charge point is offline (OCPP 1.6 section 3.7.1); all others are not."""


class OperationCell:
    """Operations of one action intended in one phase.

    ``intended_us`` and ``service_us`` take a sample for each operation that was answered, refused or timed out,
    from the intended and from the real start; the recorder empties them each second.
    """

    __slots__ = (
        "action",
        "answered",
        "call_error",
        "cut_off",
        "dropped",
        "intended_us",
        "link_cut",
        "name",
        "offered",
        "phase",
        "phase_name",
        "sent",
        "service_us",
        "timed_out",
        "unfinished",
    )

    def __init__(self, phase: int, action: int, recorder: Recorder, phases: Sequence[str] = PHASES) -> None:
        self.phase = phase
        self.phase_name = phases[phase]
        self.action = action
        self.name = FROM_CHARGE_POINT[action].encode()
        self.offered = self.dropped = self.sent = 0
        self.answered = self.call_error = self.timed_out = self.cut_off = 0
        self.link_cut = self.unfinished = 0
        names = self.phase_name, ROUND_TRIP, FROM_CHARGE_POINT[action]
        self.intended_us: list[int] = recorder.handle(Tag(*names, INTENDED))
        self.service_us: list[int] = recorder.handle(Tag(*names, SERVICE))

    def row(self) -> OperationRow:
        """The counters as reported."""
        return OperationRow(
            phase=self.phase_name,
            action=FROM_CHARGE_POINT[self.action],
            offered=self.offered,
            dropped=self.dropped,
            sent=self.sent,
            answered=self.answered,
            call_error=self.call_error,
            timed_out=self.timed_out,
            cut_off=self.cut_off,
            link_cut=self.link_cut,
            unfinished=self.unfinished,
        )


class PhaseClock:
    """Which phase an instant belongs to. Phases only ever follow one another, some of them more than once.

    Args:
        names: The run's phases; a phase is known by its position among them.
    """

    __slots__ = ("_starts_ns", "current", "current_start_ns", "names")

    def __init__(self, names: Sequence[str] = PHASES) -> None:
        self.names = names
        self._starts_ns: list[tuple[int, int]] = []
        self.current = 0
        self.current_start_ns = 0

    def enter(self, phase: int, start_ns: int) -> None:
        """From ``start_ns`` on it is ``phase``."""
        self._starts_ns.append((start_ns, phase))
        self.current, self.current_start_ns = phase, start_ns

    def at(self, instant_ns: int) -> int:
        """The phase of an instant; before the first phase it is the first."""
        if instant_ns >= self.current_start_ns:
            return self.current
        for start_ns, phase in reversed(self._starts_ns):
            if instant_ns >= start_ns:
                return phase
        return self._starts_ns[0][1] if self._starts_ns else 0


class Operations:
    """All cells of an engine, made when first needed."""

    __slots__ = ("_cells", "_recorder", "phases")

    def __init__(self, recorder: Recorder, phases: PhaseClock) -> None:
        self._recorder = recorder
        self._cells: list[OperationCell | None] = [None] * (len(phases.names) * _ACTIONS)
        self.phases = phases

    def cell(self, action: int, intended_ns: int) -> OperationCell:
        """The cell of an operation of ``action`` that is due at ``intended_ns``."""
        phases = self.phases
        phase = phases.current if intended_ns >= phases.current_start_ns else phases.at(intended_ns)
        position = phase * _ACTIONS + action
        cell = self._cells[position]
        if cell is None:
            cell = self._cells[position] = OperationCell(phase, action, self._recorder, self.phases.names)
        return cell

    def rows(self) -> list[OperationRow]:
        """The whole ledger so far."""
        return [cell.row() for cell in self._cells if cell is not None]
