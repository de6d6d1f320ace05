"""A gateway that keeps the contract, with flaws that can be switched on: what conformance rows must turn red over.

It shares no code with ours: `websockets` on one side, `aiomqtt` on the other, the standard library's `json` between.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http
import json
import logging
import re
import time
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote, urlsplit

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import OP_CLOSE, OP_PING, Frame
from websockets.typing import Subprotocol

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from websockets.http11 import Request, Response

OCPP16 = Subprotocol("ocpp1.6")
TICK_S = 0.05
QUEUE_LENGTH = 100
UPSTREAM_KEYS = {
    2: ("UniqueId", "Action", "Payload"),
    3: ("UniqueId", "Payload"),
    4: ("UniqueId", "ErrorCode", "ErrorDescription"),
}
ACTIONS = {"Heartbeat", "BootNotification", "DataTransfer"}
BOOT_KEYS = {"chargePointVendor", "chargePointModel"}

_quiet = logging.getLogger("flawed_gateway")
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False


class Connection(ServerConnection):
    """A charge point's connection, with what the gateway knows of it."""

    flaws: frozenset[str] = frozenset()
    identity = ""
    heartbeat_s = 60.0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.opened = self.heard = self.text_heard = time.monotonic()
        self.sent = 0
        self.swapped: list[Any] = []
        self.outstanding: list[Any] = []
        self.arrivals: list[float] = []
        receive = self.protocol.recv_frame
        fail = self.protocol.fail

        def recv_frame(frame: Frame) -> None:
            if frame.opcode is OP_PING and "no pong" in self.flaws:
                return
            if frame.opcode is OP_CLOSE and "closes with 1000 only" in self.flaws:
                frame = Frame(OP_CLOSE, (1000).to_bytes(2, "big"))
            receive(frame)

        def failing(code: int, reason: str = "") -> None:
            if "no close frame" in self.flaws:
                self.transport.abort()
            fail(1011 if "fails with 1011" in self.flaws else code, reason)

        self.protocol.recv_frame = recv_frame  # type: ignore[method-assign]
        self.protocol.fail = failing  # type: ignore[method-assign]

    def data_received(self, data: bytes) -> None:
        self.heard = time.monotonic()
        super().data_received(data)

    def cut(self) -> None:
        self.transport.abort()


class FlawedGateway:
    """Serves while its block lasts.

    Args:
        broker_url: The broker.
        flaws: What it does wrong, each by the words used below; none: it keeps the contract.
    """

    def __init__(
        self,
        broker_url: str,
        *flaws: str,
        credentials: tuple[str, str] | None = None,
        checking: bool = False,
        idle_timeout_s: float = 30.0,
        qos: int = 2,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.url = ""
        self.flaws = frozenset(flaws)
        self._broker_url = broker_url
        self._credentials = credentials
        self._checking = checking
        self._tls = tls
        self._idle_timeout_s = idle_timeout_s
        self._qos = 0 if "QoS 0" in flaws else qos
        self._connections: dict[str, Connection] = {}
        self._stored: dict[str, list[str]] = {}
        self._left: dict[str, float] = {}
        self._open = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        parts = urlsplit(self._broker_url)
        assert parts.hostname
        self._mqtt = await self._open.enter_async_context(
            aiomqtt.Client(parts.hostname, parts.port or 1883, protocol=aiomqtt.ProtocolVersion.V5, logger=_quiet)
        )
        for work in (self._downstream(), self._watch()):
            task = asyncio.create_task(work)
            self._open.callback(task.cancel)
        server: Server = await self._open.enter_async_context(
            serve(
                self._serve,
                "127.0.0.1",
                0,
                process_request=self._admit,
                process_response=self._answer,
                select_subprotocol=self._select,
                create_connection=type("Flawed", (Connection,), {"flaws": self.flaws}),
                compression=None,
                ssl=self._tls,
                ping_interval=None,
                close_timeout=0.2,
                max_size=64 * 1024 if "small messages only" in self.flaws else 2**20,
                logger=_quiet,
            )
        )
        port = next(iter(server.sockets)).getsockname()[1]
        self.url = f"wss://localhost:{port}/ocpp" if self._tls else f"ws://127.0.0.1:{port}/ocpp"
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in list(self._connections.values()):
            connection.cut()
        await self._open.aclose()

    # -- handshake ---------------------------------------------------------------------------------------------------

    def _admit(self, connection: Any, request: Request) -> Response | None:
        status = self._refusal(connection, request)
        return None if status is None else connection.respond(http.HTTPStatus(status), "no\n")

    def _refusal(self, connection: Connection, request: Request) -> int | None:
        flaws = self.flaws
        path = request.path if "query in the id" in flaws else request.path.partition("?")[0]
        if not re.match(r"/ocpp(/|$)", path) and "any path" not in flaws:
            return 404
        offered = [
            offer.strip() for offer in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if offer.strip()
        ]
        if not offered and "no subprotocol needed" not in flaws:
            return 400
        if offered and OCPP16 not in offered and "any subprotocol" not in flaws:
            return 500 if "crashes like EMQX" in flaws else 400
        if offered and offered[0] != OCPP16 and "only the first offer" in flaws:
            return 400
        escaped = path.removeprefix("/ocpp").removeprefix("/")
        identity = escaped if "ids not decoded" in flaws else unquote(escaped)
        if not identity and "empty ids" not in flaws:
            return 400
        unfit = re.search(r"[/+#]", identity) or re.search(r"%(?![0-9A-Fa-f]{2})", escaped)
        if (unfit and "any id" not in flaws) or (len(identity) > 100 and "short ids only" in flaws):
            return 400
        if "plain requests are bad" in flaws and "Upgrade" not in request.headers:
            return 400
        if time.monotonic() - self._left.get(identity, -9) < 1 and "ids rest for a second" in flaws:
            return 400
        connection.identity = identity
        return self._unknown(request.headers.get("Authorization", ""))

    def _unknown(self, authorization: str) -> int | None:
        if "nobody is known" in self.flaws and authorization:
            return 400
        if self._credentials is None or "everybody is known" in self.flaws:
            return None
        wanted = base64.b64encode(":".join(self._credentials).encode()).decode()
        return None if authorization == f"Basic {wanted}" else 400

    def _answer(self, connection: Any, request: Request, response: Response) -> Response:
        if "no subprotocol selected" in self.flaws:
            del response.headers["Sec-WebSocket-Protocol"]
        if "odd compression" in self.flaws and "Sec-WebSocket-Extensions" in request.headers:
            response.headers["Sec-WebSocket-Extensions"] = "permessage-deflate; odd=1"
        return response

    def _select(self, connection: Any, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        return (OCPP16 if OCPP16 in offered else offered[0]) if offered else None

    # -- a connection ------------------------------------------------------------------------------------------------

    async def _serve(self, plain: ServerConnection) -> None:
        assert isinstance(plain, Connection)
        connection, identity, flaws = plain, plain.identity, self.flaws
        older = self._connections.get(identity)
        if older is not None and "both stay" not in flaws:
            older.cut()
        self._connections[identity] = connection
        subscribing = asyncio.ensure_future(self._subscribe(identity))
        if "subscribes late" not in flaws:
            await subscribing
        for text in self._stored.pop(identity, []):
            await connection.send(text)
        try:
            while True:
                if "fragments alone" in flaws:
                    async for fragment in connection.recv_streaming():
                        await self._upstream(connection, fragment)
                else:
                    await self._upstream(connection, await connection.recv())
        except ConnectionClosed:
            pass
        finally:
            await asyncio.gather(subscribing, return_exceptions=True)
            self._left[identity] = time.monotonic()
            if self._connections.get(identity) is connection:
                del self._connections[identity]
                if "stores for later" not in flaws:
                    with contextlib.suppress(aiomqtt.MqttError):
                        await self._mqtt.unsubscribe(f"ocpp/cs/{identity}")

    async def _subscribe(self, identity: str) -> None:
        if "subscribes late" in self.flaws:
            await asyncio.sleep(0.3)
        await self._mqtt.subscribe(f"ocpp/cs/{identity}", qos=2)

    async def _watch(self) -> None:
        flaws = self.flaws
        while True:
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            for connection in list(self._connections.values()):
                alive = connection.heard if "pings are life" in flaws else connection.text_heard
                factor = 3 if "patient" in flaws else 2
                idle_since = connection.text_heard if "pings are nothing" in flaws else connection.heard
                silent = connection.heartbeat_s and now - alive >= factor * connection.heartbeat_s
                idle = now - idle_since >= self._idle_timeout_s
                if (silent and "no watch over silence" not in flaws) or (idle and "no idle timeout" not in flaws):
                    connection.cut()

    # -- up ----------------------------------------------------------------------------------------------------------

    async def _upstream(self, connection: Connection, frame: str | bytes) -> None:
        flaws = self.flaws
        if isinstance(frame, bytes):
            if "takes binary frames" not in flaws:
                connection.cut()
            return
        if not frame and "answers empty frames" not in flaws:
            return
        if "text is nothing" not in flaws:
            connection.text_heard = time.monotonic()
        try:
            message = json.loads(frame)
            if isinstance(message, str) and "strings unwrapped" in flaws:
                message = json.loads(message)
        except ValueError:
            message = None
        envelope = self._envelope(message)
        if envelope is None:
            if "answers bad frames" in flaws or not frame:
                await connection.send('[4,"-1","FormationViolation","",{}]')
            if "closes on bad frames" in flaws or ("closes on strings" in flaws and isinstance(message, str)):
                await connection.close(1002)
        elif self._fits(envelope):
            if envelope["MessageTypeId"] in (3, 4):
                connection.outstanding.clear()
            await self._publish(connection, envelope)

    def _envelope(self, message: Any) -> dict[str, Any] | None:
        if not isinstance(message, list) or not message or type(message[0]) is not int:
            return None
        kind, *fields = message
        wanted = {2: (3,), 3: (2,), 4: (3, 4) if "short call errors" in self.flaws else (4,)}.get(kind, ())
        if len(fields) not in wanted:
            return None
        return (
            {"MessageTypeId": kind} | dict(zip(UPSTREAM_KEYS[kind], fields, strict=False)) | self._further(kind, fields)
        )

    def _further(self, kind: int, fields: list[Any]) -> dict[str, Any]:
        if "further key" in self.flaws:
            return {"Further": 1}
        if "action in results" in self.flaws and kind == 3:
            return {"Action": "Boot"}
        if "keeps details" in self.flaws and kind == 4:
            return {"ErrorDetails": fields[3]}
        return {}

    def _fits(self, envelope: dict[str, Any]) -> bool:
        flaws, kind, unique_id = self.flaws, envelope["MessageTypeId"], envelope["UniqueId"]
        if kind != 2:
            return "drops answers" not in flaws
        if "checks types" in flaws and not (isinstance(unique_id, str) and isinstance(envelope["Payload"], dict)):
            return False
        if "short unique ids only" in flaws and len(unique_id) > 36:
            return False
        action = envelope["Action"]
        if "known actions only" in flaws:
            return action in ACTIONS
        if self._checking and "checks nothing" not in flaws:
            return action in ACTIONS and (action != "BootNotification" or set(envelope["Payload"]) == BOOT_KEYS)
        return True

    async def _publish(self, connection: Connection, envelope: dict[str, Any]) -> None:
        flaws = self.flaws
        envelopes = [envelope]
        if "swaps" in flaws:
            connection.swapped.insert(0, envelope)
            if len(connection.swapped) < 2:
                return
            envelopes, connection.swapped = connection.swapped, []
        suffix = "" if envelope["MessageTypeId"] == 2 else "/Reply"
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if "properties" in flaws:
            properties.UserProperty = ("gateway", "flawed")
        for each in envelopes:
            text = self._encode(each)
            topic = f"ocpp/cp/{connection.identity}{suffix}"
            await self._mqtt.publish(topic, text, self._qos, retain="retains" in flaws, properties=properties)

    def _encode(self, value: Any) -> str:
        return json.dumps(_floating(value) if "numbers are floats" in self.flaws else value)

    # -- down --------------------------------------------------------------------------------------------------------

    async def _downstream(self) -> None:
        async for message in self._mqtt.messages:
            identity = message.topic.value.removeprefix("ocpp/cs/")
            assert isinstance(message.payload, bytes)
            frame = self._frame(message.payload)
            if frame is None:
                continue
            connection = self._connections.get(identity)
            receivers = [connection] if connection else []
            if "broadcasts" in self.flaws:
                receivers = list(self._connections.values())
            if not receivers and "stores for later" in self.flaws:
                self._stored.setdefault(identity, []).append(self._encode(frame))
            for receiver in receivers * (2 if message.qos == 2 and "QoS 2 twice" in self.flaws else 1):
                with contextlib.suppress(ConnectionClosed):
                    await self._deliver(receiver, frame)

    def _frame(self, payload: bytes) -> list[Any] | None:
        flaws = self.flaws
        try:
            envelope = json.loads(payload)
            kind = envelope["MessageTypeId"]
            keys = UPSTREAM_KEYS[kind] if type(kind) is int or "loose types" in flaws else ()
        except (ValueError, KeyError, TypeError):
            return ["nonsense"] if "passes nonsense" in flaws else None
        if not keys:
            return None
        if "no further keys" in flaws and set(envelope) - {"MessageTypeId", *keys}:
            return None
        if "half messages" not in flaws and not set(keys) <= set(envelope):
            return None
        if self._checking and "checks downstream" in flaws and envelope.get("Payload") == {"type": "Violent"}:
            return None
        frame = [kind, *(envelope.get(key) for key in keys)]
        if kind == 4:
            frame.append(envelope.get("ErrorDetails", {}) if "keeps details" in flaws else {})
        return frame

    async def _deliver(self, connection: Connection, frame: list[Any]) -> None:  # noqa: C901 - a list of rules
        flaws, now = self.flaws, time.monotonic()
        kind, payload = frame[0], frame[-1]
        if "correlates" in flaws and kind == 3 and frame[1] in ("unknown", "never-asked"):
            return
        if "one at a time" in flaws and kind == 2:
            connection.outstanding.append(frame)
            if len(connection.outstanding) > 1:
                return
        if "short queue" in flaws:
            connection.arrivals = [arrival for arrival in connection.arrivals if now - arrival < 0.5] + [now]
            if len(connection.arrivals) > QUEUE_LENGTH:
                return
        if kind == 3 and isinstance(payload, dict) and "interval" in payload:
            interval = payload["interval"]
            if type(interval) is not int or interval < 0:
                if "odd intervals dropped" in flaws:
                    return
                if "crashes like EMQX" in flaws:
                    await connection.close(1011)
                    return
            elif self._counts(payload["status"], interval):
                connection.heartbeat_s = interval
                connection.text_heard = now
        connection.sent += 1
        if "dies after ten frames" in flaws and connection.sent > 10:
            connection.cut()
            return
        if "swaps" in flaws or "concatenates" in flaws:
            connection.swapped.insert(0 if "swaps" in flaws else len(connection.swapped), frame)
            if kind == 2 and len(connection.swapped) < 2:
                return
            frames, connection.swapped = connection.swapped, []
            texts = [self._encode(each) for each in frames]
            for text in ["".join(texts)] if "concatenates" in flaws else texts:
                await connection.send(text)
            return
        await connection.send(self._encode(frame))

    def _counts(self, status: str, interval: int) -> bool:
        if "zero is nothing" in self.flaws and interval == 0:
            return False
        return status == "Accepted" or "pending counts" in self.flaws


def _floating(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: (item if key == "MessageTypeId" else _floating(item)) for key, item in value.items()}
    if isinstance(value, list):
        return [_floating(item) for item in value]
    return float(value) if type(value) is int and abs(value) > 2**53 else value
