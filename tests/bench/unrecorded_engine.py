"""An engine that does what the other does and keeps no record of it: what is left is the load, the rest is measuring.

Ids are counted numbers in place of stamps; nothing is timed, sampled, checked, or counted, except answers, which tell
the bench how much was done.
"""

from __future__ import annotations

import sys
from collections import deque
from typing import TYPE_CHECKING, Any

from loadtest.engine.__main__ import main
from loadtest.engine.operations import BOOT_NOTIFICATION
from loadtest.engine.process import EngineProcess
from loadtest.engine.websocket_charge_point import WebSocketChargePoint
from loadtest.measure.recorder import Recorder
from loadtest.transport.loop import run

if TYPE_CHECKING:
    from loadtest.engine.operations import OperationCell
    from loadtest.engine.sending import Asker, Payload


def send(
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
    charge_point.call_sent_ns = intended_ns  # for the timeout


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


def forget() -> None:
    """Have engines of this process keep no record."""
    nowhere: deque[int] = deque(maxlen=0)
    patches: dict[type, dict[str, Any]] = {
        WebSocketChargePoint: {"_send": send, "answered": answered},
        Recorder: {"handle": lambda *_: nowhere, "fold_if_large": lambda *_: None, "take_interval": lambda *_: []},
        EngineProcess: {"_on_late": lambda *_: None},
    }
    for kind, replaced in patches.items():
        for name, function in replaced.items():
            assert hasattr(kind, name), f"{kind.__name__} has no {name} any more"
            setattr(kind, name, function)


if __name__ == "__main__":
    assert "gevent" not in sys.modules
    forget()
    run(main())
