"""A central system of your own: handlers in Python for what charge points send, and commands sent to them.

Usage::

    backend = Backend("mqtt://127.0.0.1:1883")

    @backend.on("StartTransaction")
    async def start(charge_point_id: str, payload: dict[str, Any]) -> dict[str, Any]:
        return {"transactionId": 7, "idTagInfo": {"status": "Accepted"}}

    async with backend:
        await backend.call("cp-000001", "Reset", {"type": "Soft"})

What no handler covers is answered as the embedded central system does. Measure it with ``loadtest run … --csms
observe``. Not for the highest rates: every CALL is a task, and aiomqtt carries it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import msgspec

from loadtest.clock import monotonic_ns
from loadtest.csms.registration import Registration
from loadtest.csms.responses import Responses
from loadtest.errors import EnvironmentNotReady, RemoteProtocolError, UsageError
from loadtest.protocol import encodings
from loadtest.protocol.actions import FROM_CHARGE_POINT
from loadtest.protocol.call_errors import CODES, INTERNAL_ERROR, NOT_IMPLEMENTED
from loadtest.protocol.encodings import EMQX, JSON
from loadtest.protocol.frames import CALL, CALL_RESULT
from loadtest.protocol.message_topics import TopicTexts, checked_topics
from loadtest.transport import mqtt_aiomqtt
from loadtest.transport.mqtt_codec import REFUSED

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from loadtest.protocol.encodings import EncodingName, EnvelopeName
    from loadtest.protocol.envelope import Envelope

logger = logging.getLogger(__name__)

Handler = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any] | None]]
"""Takes the charge point's id and the payload of its CALL; returns that of the answer (``None`` stands for ``{}``)."""


class CallRefusedError(Exception):
    """A CALLERROR: raised by a handler it is the answer, raised by :meth:`Backend.call` it was the charge point's.

    Args:
        code: An error code of OCPP-J 1.6 table 7, such as ``NotSupported``.
        description: For people.
    """

    def __init__(self, code: str, description: str = "") -> None:
        super().__init__(f"{code}: {description}" if description else code)
        self.code = code
        self.description = description


class Backend:
    """A central system behind an MQTT broker; use it as an asynchronous context manager, or :meth:`run` it.

    Args:
        url: The broker, ``mqtt://[user:password@]host[:port]``.
        qos: Quality of service of subscription, answers and commands.
        heartbeat_interval_s: Heartbeat interval of accepting BootNotification answers, unless there is a handler.
        encoding: How messages become bytes; a gateway speaks ``json``.
        envelope: How they stand in JSON; a gateway speaks ``emqx``.
        topics: Templates of the topics of messages; a gateway has those that hold if nothing is said. What cannot be
            is refused with a ``UsageError``.
    """

    def __init__(
        self,
        url: str,
        *,
        qos: int = 1,
        heartbeat_interval_s: int = 300,
        encoding: EncodingName = JSON,
        envelope: EnvelopeName = EMQX,
        topics: TopicTexts = TopicTexts(),  # noqa: B008 - it never changes
    ) -> None:
        self._url = url
        self._topics = checked_topics(topics, "topics.{}")
        self._encoding = encodings.encoding(encoding, envelope)
        self._qos = qos
        self._handlers: dict[str, Handler] = {}
        self._defaults = Responses(Registration(heartbeat_interval_s=heartbeat_interval_s))
        self._client: mqtt_aiomqtt.AiomqttClient | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: dict[tuple[str, str], asyncio.Future[dict[str, Any]]] = {}
        self._lines: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def on(self, action: str) -> Callable[[Handler], Handler]:
        """Register the decorated coroutine function as the handler of an action's CALLs.

        Raises:
            UsageError: No charge point sends that, or it has a handler already.
        """
        if action not in FROM_CHARGE_POINT:
            raise UsageError(f"{action!r} is no action a charge point sends", hint=", ".join(FROM_CHARGE_POINT))
        if action in self._handlers:
            raise UsageError(f"{action} has a handler already")

        def register(handler: Handler) -> Handler:
            self._handlers[action] = handler
            return handler

        return register

    async def call(
        self, charge_point_id: str, action: str, payload: dict[str, Any] | None = None, *, timeout_s: float = 30
    ) -> dict[str, Any]:
        """Ask a charge point for something and return the payload of its answer.

        Waits its turn: a charge point is asked one thing at a time (OCPP-J 1.6 section 4.1.1).

        Args:
            charge_point_id: Whom.
            action: What for; see :data:`loadtest.protocol.actions.FROM_CENTRAL_SYSTEM`.
            payload: The request; nothing stands for ``{}``.
            timeout_s: How long the answer is waited for, once the command is sent.

        Raises:
            CallRefusedError: The charge point answered with a CALLERROR.
            TimeoutError: It did not answer in time; it may be offline.
            EnvironmentNotReady: The backend is not connected.
        """
        async with self._lines.setdefault(charge_point_id, asyncio.Lock()):
            if self._client is None:
                raise EnvironmentNotReady("the backend is not connected", hint="use it with `async with backend:`")
            unique_id = str(uuid.uuid4())
            answered: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
            self._waiting[charge_point_id, unique_id] = answered
            self._publish(charge_point_id, self._encoding.call(unique_id, action, msgspec.json.encode(payload or {})))
            try:
                async with asyncio.timeout(timeout_s):
                    return await answered
            except TimeoutError:
                raise TimeoutError(f"{charge_point_id} did not answer {action} within {timeout_s:g} s") from None
            finally:
                del self._waiting[charge_point_id, unique_id]

    async def __aenter__(self) -> Self:
        """Connect and subscribe.

        Raises:
            UsageError: The URL is not one.
            EnvironmentNotReady: Nothing answers there, or the broker refuses us.
        """
        self._client = await mqtt_aiomqtt.connect(
            self._url,
            client_id=f"lt-backend-{secrets.token_hex(4)}",
            on_message=self._on_message,
            on_lost=lambda reason: logger.warning("the connection to the broker is lost: %s", reason),
            on_restored=lambda: logger.warning("the connection to the broker stands again"),
        )
        granted = await self._client.subscribed([(each.encode(), self._qos) for each in self._topics.filters])
        refused = [each for each, code in zip(self._topics.filters, granted, strict=True) if code >= REFUSED]
        if refused:
            await self._close()
            raise EnvironmentNotReady(f"the broker refuses the subscription to {refused[0]}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give up what is under way and disconnect."""
        await self._close()

    async def run(self) -> None:
        """Serve until cancelled."""
        async with self:
            await asyncio.Event().wait()

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    def _publish(self, charge_point_id: str, text: bytes) -> None:
        if self._client is not None:
            self._client.publish(self._topics.down(charge_point_id.encode()), text, self._qos)

    def _on_message(self, topic: bytes, payload: bytes) -> None:
        """Take one message; what is none of OCPP is logged and dropped."""
        found = self._topics.upstream(topic)
        try:
            envelope = self._encoding.decode(payload)
        except RemoteProtocolError as error:
            logger.warning("%s: %s", topic.decode(), error)
            return
        if found is None:
            return
        charge_point_id = found.charge_point_id.decode()
        if envelope.message_type == CALL:
            # Whoever reads must not wait for a handler: it may itself call the charge point and wait for the answer.
            task = asyncio.get_running_loop().create_task(self._answer(charge_point_id, envelope))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._take_answer(charge_point_id, envelope)

    async def _answer(self, charge_point_id: str, envelope: Envelope) -> None:
        unique_id, action = envelope.unique_id, envelope.action
        try:
            text = self._encoding.call_result(unique_id, action, await self._result(charge_point_id, envelope))
        except CallRefusedError as refusal:
            code = refusal.code if refusal.code in CODES else INTERNAL_ERROR
            text = self._encoding.call_error(unique_id, action, code, refusal.description)
        except Exception:
            logger.exception("the handler of %s failed", action)
            text = self._encoding.call_error(unique_id, action, INTERNAL_ERROR, f"the handler of {action} failed")
        self._publish(charge_point_id, text)

    async def _result(self, charge_point_id: str, envelope: Envelope) -> bytes:
        handler = self._handlers.get(envelope.action)
        if handler is not None:
            request = msgspec.json.decode(envelope.payload, type=dict[str, Any])
            return msgspec.json.encode(await handler(charge_point_id, request) or {})
        answer = self._defaults.payload(envelope.action, charge_point_id.encode(), monotonic_ns())
        if answer is None:
            raise CallRefusedError(NOT_IMPLEMENTED, f"{envelope.action} is not known")
        return answer

    def _take_answer(self, charge_point_id: str, envelope: Envelope) -> None:
        waiting = self._waiting.get((charge_point_id, envelope.unique_id))
        if waiting is None or waiting.done():
            return  # too late, or somebody else's
        if envelope.message_type == CALL_RESULT:
            try:
                waiting.set_result(msgspec.json.decode(envelope.payload, type=dict[str, Any]))
            except msgspec.DecodeError as error:
                waiting.set_exception(CallRefusedError("FormationViolation", f"the answer is no object: {error}"))
        else:
            waiting.set_exception(CallRefusedError(envelope.error_code, envelope.error_description))
