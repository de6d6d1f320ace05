"""A gateway with known faults, to hold an instrument against: a real WebSocket server that answers OCPP CALLs.

It stands on the `websockets` library rather than on :mod:`loadtest.transport`, so that a fault of our own frame
path meets a foreign one here and cannot hide behind itself.

::

    with StubGateway(StubBehaviour(delay_s=0.05)) as stub:
        ...  # point charge points at stub.url
    assert stub.counts.answered == stub.counts.calls
"""

from __future__ import annotations

import asyncio
import logging
import time
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from websockets.asyncio.server import Server, ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from loadtest.calibration.delay_line import DelayLine
from loadtest.calibration.serving_thread import ServingThread
from loadtest.calibration.stub_behaviour import Fault, StubBehaviour
from loadtest.clock import monotonic_ns, rfc3339, utc_now
from loadtest.errors import RemoteProtocolError
from loadtest.protocol import frames
from loadtest.protocol.call_errors import INTERNAL_ERROR
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from websockets.http11 import Request, Response

GARBAGE = ("\x00\xff{not json", '{"status":"Accepted"}', '[3,"00000000-unknown-id",{}]', "[]", '[9,"?",{}]')
OWN_CALL = '[2,"stub-{}","GetLocalListVersion",{{}}]'

_quiet = logging.getLogger("loadtest.calibration.stub_gateway")
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False  # peers that leave without a word are what this stub is for


@dataclass(slots=True)
class StubCounts:
    """What the stub did, exactly. Read it at any time; it is complete once the stub has stopped.

    Attributes:
        connections: Handshakes accepted.
        refused: Handshakes refused.
        calls_by_action: CALLs received.
        answered: CALLs answered in full and once, CALLERRORs and late answers included.
        faults: CALLs a fault was applied to.
        own_calls: CALLs of the stub's own, sent with ``concatenated``.
        replies: Answers received to them.
        malformed: Messages received that are not OCPP-J.
        delays_ns: Arrival of a CALL to sending its answer: what the delays really were.
        stalls_ns: Start and end of each stall.
    """

    connections: int = 0
    refused: int = 0
    calls_by_action: Counter[str] = field(default_factory=Counter)
    answered: int = 0
    faults: int = 0
    own_calls: int = 0
    replies: int = 0
    malformed: int = 0
    delays_ns: array[int] = field(default_factory=lambda: array("q"))
    stalls_ns: list[tuple[int, int]] = field(default_factory=list)

    @property
    def calls(self) -> int:
        """CALLs received, of all actions."""
        return self.calls_by_action.total()


class StubGateway(ServingThread):
    """The stub, served by a thread while its ``with`` block lasts.

    Args:
        behaviour: Its switches. Assign :attr:`behaviour` to change them while it serves; stalls are fixed at the start.

    Attributes:
        url: Where charge points connect, ``ws://127.0.0.1:<free port>/ocpp``; their id follows.
        counts: What it did.
    """

    def __init__(self, behaviour: StubBehaviour | None = None) -> None:
        super().__init__("stub gateway")
        self.behaviour = behaviour or StubBehaviour()
        self.counts = StubCounts()
        self._transaction_id = 0
        self._faulty = 0
        self._delay_line: DelayLine
        self._server: Server

    async def begin(self) -> str:
        """Start serving; returns the URL."""
        self._delay_line = DelayLine(asyncio.get_running_loop())
        self._server = await serve(
            self._serve_charge_point,
            "127.0.0.1",
            0,
            process_request=self._refuse,
            process_response=self._select_subprotocol,
            compression=None,
            ping_interval=None,
            close_timeout=0.5,
            logger=_quiet,
        )
        if self.behaviour.stall_every_s:
            first_ns = monotonic_ns() + round((self.behaviour.stall_every_s - self.behaviour.stall_s) * NS_PER_S)
            self._delay_line.call_at(first_ns, lambda: self._stall(first_ns))
        return f"ws://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}/ocpp"

    async def end(self) -> None:
        """Stop serving; what still waits for its delay is not sent any more."""
        self._delay_line.cancel_all()
        self._server.close()
        await self._server.wait_closed()

    def _stall(self, due_ns: int) -> None:
        start_ns = monotonic_ns()
        next_ns = due_ns + round(self.behaviour.stall_every_s * NS_PER_S)
        time.sleep(max(0.0, self.behaviour.stall_s - (start_ns - due_ns) / NS_PER_S))
        self.counts.stalls_ns.append((start_ns, monotonic_ns()))
        self._delay_line.call_at(next_ns, lambda: self._stall(next_ns))

    def _refuse(self, connection: ServerConnection, request: Request) -> Response | None:
        del request
        status = self.behaviour.refuse_status
        if status is None:
            return None
        self.counts.refused += 1
        return connection.respond(status, "refused by the stub gateway\n")

    def _select_subprotocol(self, connection: ServerConnection, request: Request, response: Response) -> None:
        del connection, request
        if self.behaviour.subprotocol is not None and response.status_code == 101:
            response.headers["Sec-WebSocket-Protocol"] = self.behaviour.subprotocol

    async def _serve_charge_point(self, connection: ServerConnection) -> None:
        self.counts.connections += 1
        try:
            while True:
                text = await connection.recv(decode=False)
                self._take(connection, text, monotonic_ns())
        except ConnectionClosed:
            pass

    def _take(self, connection: ServerConnection, text: bytes, arrived_ns: int) -> None:
        try:
            message = frames.decode(text)
        except RemoteProtocolError:
            self.counts.malformed += 1
            return
        if isinstance(message, frames.Call):
            self.counts.calls_by_action[message.action] += 1
            self._answer(connection, message, arrived_ns)
        else:
            self.counts.replies += 1

    def _answer(self, connection: ServerConnection, call: frames.Call, arrived_ns: int) -> None:
        fault = self._fault_for(call.action)
        if fault is Fault.NEVER:
            return
        if fault is Fault.CUT:
            connection.transport.close()  # the socket under the WebSocket: no close frame
            return
        texts = self._texts(call, fault)
        delay_s = self.behaviour.late_s if fault is Fault.LATE else self.behaviour.delay_s

        def send() -> None:
            if connection.state is not State.OPEN:
                return  # the charge point has not waited
            for text in texts:
                broadcast([connection], text)
            if fault is not Fault.GARBAGE:
                self.counts.answered += 1
                self.counts.delays_ns.append(monotonic_ns() - arrived_ns)

        if delay_s:
            self._delay_line.call_at(arrived_ns + round(delay_s * NS_PER_S), send)
        else:
            send()

    def _texts(self, call: frames.Call, fault: Fault | None) -> tuple[str, ...]:
        """The text messages that answer a CALL."""
        if fault is Fault.GARBAGE:
            return (GARBAGE[self.counts.faults % len(GARBAGE)],)
        if fault is Fault.CALL_ERROR:
            return (frames.encode(frames.CALL_ERROR, call.message_id, INTERNAL_ERROR, "", {}).decode(),)
        answer = frames.encode(frames.CALL_RESULT, call.message_id, self._payload(call.action)).decode()
        if fault is Fault.DUPLICATE:
            return answer, answer
        if self.behaviour.concatenated:
            self.counts.own_calls += 1
            return (OWN_CALL.format(self.counts.own_calls) + answer,)
        return (answer,)

    def _fault_for(self, action: str) -> Fault | None:
        behaviour = self.behaviour
        if behaviour.fault is None or (behaviour.fault_actions and action not in behaviour.fault_actions):
            return None
        self._faulty += 1
        if self._faulty % behaviour.fault_every:
            return None
        self.counts.faults += 1
        return behaviour.fault

    def _payload(self, action: str) -> dict[str, Any]:
        match action:
            case "BootNotification":
                return {"status": "Accepted", "currentTime": _now(), "interval": self.behaviour.boot_interval_s}
            case "Heartbeat":
                return {"currentTime": _now()}
            case "Authorize":
                return {"idTagInfo": {"status": "Accepted"}}
            case "StartTransaction":
                self._transaction_id += 1
                return {"idTagInfo": {"status": "Accepted"}, "transactionId": self._transaction_id}
            case "DataTransfer" | "SignCertificate":
                return {"status": "Accepted"}
            case _:
                return {}


def _now() -> str:
    return rfc3339(utc_now())
