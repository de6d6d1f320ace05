"""An engine that can do without its records: what is left is the load, the rest is measuring.

Without them ids are counted numbers in place of stamps; nothing is timed, sampled, checked, or counted, except answers,
which tell the bench how much was done.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING

from loadtest.engine.__main__ import main
from loadtest.engine.operations import BOOT_NOTIFICATION
from loadtest.engine.process import EngineProcess
from loadtest.engine.websocket_charge_point import WebSocketChargePoint
from loadtest.transport.loop import run

if TYPE_CHECKING:
    from loadtest.engine.operations import OperationCell
    from loadtest.engine.sending import Asker, Payload


def _send(
    charge_point: WebSocketChargePoint,
    cell: OperationCell,
    intended_ns: int,
    payload: Payload,
    asker: Asker | None,
) -> None:
    """``SendingConnection._send`` without the books."""
    message_id = b"%036x" % (charge_point.number << 24 | charge_point.sequence)
    charge_point.send_call(message_id, cell.name, payload if isinstance(payload, bytes) else payload())
    charge_point.sequence += 1
    charge_point.call_id = message_id
    charge_point.call_cell = cell
    charge_point.call_asker = asker
    charge_point.call_payload = payload
    # For the timeout; and it may be answered when records are kept again.
    charge_point.call_intended_ns = charge_point.call_sent_ns = intended_ns


def answered(charge_point: WebSocketChargePoint, now_ns: int, payload: bytes) -> None:
    """``CallingConnection.answered`` without the books."""
    cell = charge_point.call_cell
    assert cell is not None
    cell.answered += 1
    charge_point.call_id = None
    charge_point.call_sent_ns = 0
    charge_point.call_payload = b""
    if charge_point.call_asker is not None:
        charge_point.call_asker.on_result(cell.action, payload, now_ns)
    elif cell.action == BOOT_NOTIFICATION:
        charge_point.on_boot_answer(payload, now_ns)
    if charge_point.queue is not None or charge_point.outbox is not None:
        charge_point.send_next()


class Books:
    """Whether engines of this process keep records: they do at first, and each SIGUSR1 changes it."""

    def __init__(self) -> None:
        self._kept = True
        note = EngineProcess._on_late

        def note_if_kept(engine: EngineProcess, late_us: int) -> None:
            if self._kept:
                note(engine, late_us)

        setattr(EngineProcess, note.__name__, note_if_kept)

    def switch(self) -> None:
        """Keep them no longer, or again."""
        self._kept = not self._kept
        for function in (_send, answered):
            if self._kept:
                delattr(WebSocketChargePoint, function.__name__)  # what it inherits counts again
            else:
                assert hasattr(WebSocketChargePoint, function.__name__)
                setattr(WebSocketChargePoint, function.__name__, function)


async def switched_main() -> None:
    """An engine that obeys the signal."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, Books().switch)
    await main()


if __name__ == "__main__":
    assert "gevent" not in sys.modules
    run(switched_main())
