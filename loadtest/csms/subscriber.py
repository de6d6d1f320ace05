"""One subscriber at work: connected to the broker, measuring, answering, reporting each second."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

from loadtest.clock import monotonic_ns
from loadtest.control import messages
from loadtest.csms import subscriber_client
from loadtest.csms.central_system import Answering, CentralSystem
from loadtest.csms.commander import Commander
from loadtest.csms.registration import Registration
from loadtest.csms.responses import Responses
from loadtest.csms.subscriber_faults import SubscriberFaults
from loadtest.csms.uplink import Uplink
from loadtest.errors import EnvironmentNotReady
from loadtest.measure.health import HealthMonitor
from loadtest.measure.interval import IntervalReport
from loadtest.measure.recorder import Recorder
from loadtest.measure.tags import PACER, SERVICE, Tag
from loadtest.pacing.pacer import Pacer
from loadtest.protocol.encodings import encoding
from loadtest.protocol.message_topics import MessageTopics
from loadtest.transport.mqtt_client import MqttClient
from loadtest.units import NS_PER_MS, NS_PER_S, NS_PER_US

if TYPE_CHECKING:
    from loadtest.control.child import ControlChannel
    from loadtest.csms.settings import CsmsSettings
    from loadtest.csms.subscriber_client import SubscriberClient

TICK_NS = 20 * NS_PER_MS
QUIET_NS = 200 * NS_PER_MS
"""When draining: the silence after which nothing of this run is taken to be on its way any more."""
NAMED_FAULTS = 10
"""Answers to commands that do not fit their schema of which the run's record tells in words."""


class Subscriber:
    """A central system with its MQTT client and its reports.

    Args:
        settings: What to do.
        channel: Where reports and events go.
    """

    def __init__(self, settings: CsmsSettings, channel: ControlChannel) -> None:
        self._settings = settings
        self._channel = channel
        self._recorder = Recorder()
        self._health = HealthMonitor()
        self._uplink = Uplink(
            self._recorder,
            run_tag=settings.run_tag,
            epoch_ns=settings.epoch_ns,
            phases=settings.phases,
            classes=settings.classes,
        )
        self._encoding = encoding(settings.encoding, settings.envelope)
        self._central_system = CentralSystem(
            self._uplink,
            answer_foreign=settings.answer_foreign,
            encoding=self._encoding,
            topics=MessageTopics(settings.topics),
            response_topic=settings.response_topic,
        )
        self._client: SubscriberClient | None = None
        self._faults: SubscriberFaults | None = None
        self._pacer: Pacer | None = None
        self._commander: Commander | None = None
        self._phase = settings.phases[0]
        self._named_faults = 0
        self._timer: asyncio.TimerHandle | None = None
        self._due_ns = 0
        self._reported_index = 0
        self._final_sent = False
        self._drain_deadline_ns: int | None = None
        self._quiet_since_ns = 0
        self._quiet_at = 0

    async def start(self) -> dict[str, object]:
        """Connect, subscribe, and report from now on. Returns facts for the run record.

        Raises:
            EnvironmentNotReady: The broker is not there, refuses us, or does not grant the subscription.
        """
        settings = self._settings
        client = await subscriber_client.connect(
            settings,
            on_message=self._central_system.on_message,
            on_lost=self._on_lost,
            on_restored=self._on_restored,
        )
        self._client = client
        if isinstance(client, MqttClient):
            self._faults = SubscriberFaults(client, self._central_system, self._channel.send)
        self._central_system.received_ns = client.received_ns
        if settings.answer:
            self._central_system.answering = self._answering(client)
        if settings.commands:
            self._pacer = Pacer(self._on_late)
            self._commander = Commander(client, settings, self._recorder, self._pacer, self._on_invalid)
            self._central_system.commander = self._commander
        try:
            granted = await subscriber_client.subscribe(client, settings.subscription)
        except EnvironmentNotReady:
            await self.close()
            raise
        gc.collect()
        gc.freeze()  # what is loaded by now stays: no collection has to walk it again
        self._health.take_interval()  # setting up is nobody's interval
        self._reported_index = self._second(monotonic_ns()) - 1
        self._tick_later(monotonic_ns())
        return {
            "subscriber": settings.subscriber_index,
            "client": settings.client,
            "mqtt_version": settings.mqtt_version,
            "filters": [topic_filter.decode() for topic_filter, _ in settings.subscription],
            "granted_qos": granted,
        }

    def enter_phase(self, phase: str, start_ns: int) -> None:
        """From ``start_ns`` on it is ``phase``, which is what commands go by."""
        self._phase = phase
        if self._commander is not None:
            self._commander.enter_phase(phase, start_ns)

    def obey_fault(self, command: messages.BeginFault | messages.EndFault) -> None:
        """Be broken, or whole again. A second opinion cannot be: who wants that is refused before."""
        if self._faults is not None:
            self._faults.obey(command)

    def drain(self, deadline_ns: int) -> None:
        """Send the final report once nothing of this run has arrived for a while, at the latest at the deadline."""
        self._drain_deadline_ns = deadline_ns
        self._quiet_since_ns = monotonic_ns()
        self._quiet_at = self._arrivals
        self._finish_if_quiet(self._quiet_since_ns)

    async def close(self) -> None:
        """Stop reporting and disconnect."""
        if self._timer is not None:
            self._timer.cancel()
        if self._pacer is not None:
            self._pacer.close()
        self._health.close()
        if self._client is not None:
            await self._client.close()
            await subscriber_client.forget_session(self._settings)

    def _answering(self, client: SubscriberClient) -> Answering:
        settings = self._settings
        registration = Registration(
            settings.registration_status,
            accept_after_boots=settings.accept_after_boots,
            heartbeat_interval_s=settings.heartbeat_interval_s,
            retry_interval_s=settings.retry_interval_s,
        )
        responses = Responses(
            registration,
            first_transaction_id=settings.subscriber_index + 1,
            transaction_id_step=settings.subscriber_count,
        )
        return Answering(client, responses, registration, settings.qos, self._encoding)

    @property
    def _arrivals(self) -> int:
        """Messages of this run so far, answers to commands included."""
        return self._uplink.arrivals + (self._commander.arrivals if self._commander is not None else 0)

    def _on_late(self, late_us: int) -> None:
        self._recorder.handle(Tag(self._phase, PACER, "command", SERVICE)).append(late_us)

    def _on_invalid(self, text: str) -> None:
        self._named_faults += 1
        if self._named_faults <= NAMED_FAULTS:
            self._channel.send(messages.Event("command_answer_invalid", text))

    def _on_lost(self, reason: str) -> None:
        self._channel.send(messages.Event("broker_lost", reason))

    def _on_restored(self) -> None:
        self._channel.send(messages.Event("broker_restored", "subscribed again"))
        if self._faults is not None:
            self._faults.restored()

    def _second(self, now_ns: int) -> int:
        return (now_ns - self._settings.epoch_ns) // NS_PER_S

    def _tick_later(self, now_ns: int) -> None:
        second_ends_ns = self._settings.epoch_ns + (self._second(now_ns) + 1) * NS_PER_S
        self._due_ns = min(now_ns + TICK_NS, second_ends_ns)
        self._timer = asyncio.get_running_loop().call_later((self._due_ns - now_ns) / NS_PER_S, self._tick)

    def _tick(self) -> None:
        now_ns = monotonic_ns()
        self._health.note_loop_lag((now_ns - self._due_ns) // NS_PER_US)
        self._recorder.fold_if_large()
        self._uplink.fold_if_large()
        if self._central_system.answering is not None:
            self._central_system.answering.check_load()
        if self._commander is not None:
            self._commander.expire(now_ns)
        ended = self._second(now_ns) - 1
        if ended > self._reported_index and not self._final_sent and not self._channel.clogged:
            coalesced = ended - self._reported_index - 1
            self._reported_index = ended
            self._channel.send(messages.Report(self._interval(ended, coalesced=coalesced)))
        if self._drain_deadline_ns is not None:
            self._finish_if_quiet(now_ns)
        self._tick_later(monotonic_ns())

    def _finish_if_quiet(self, now_ns: int) -> None:
        if self._final_sent or self._drain_deadline_ns is None:
            return
        if self._arrivals != self._quiet_at or (self._faults is not None and self._faults.returning):
            self._quiet_at = self._arrivals
            self._quiet_since_ns = now_ns
        if now_ns - self._quiet_since_ns >= QUIET_NS or now_ns >= self._drain_deadline_ns:
            self._final_sent = True
            if self._commander is not None:
                self._commander.close_books()
            self._channel.send(messages.Report(self._interval(self._second(now_ns), final=True)))

    def _interval(self, index: int, *, coalesced: int = 0, final: bool = False) -> IntervalReport:
        assert self._client is not None
        report = IntervalReport(
            index=index,
            final=final,
            series=self._recorder.take_interval(),
            deliveries=self._uplink.rows(),
            classes=self._uplink.report(),
            counters={
                **self._central_system.counters(),
                "csms.answers_lost": self._client.dropped,
                "csms.messages_refused": self._client.refused,
                "csms.messages_too_large": self._client.too_large,
                "csms.reconnects": self._client.reconnects,
            },
            gauges={"csms.unacknowledged": self._client.unacknowledged},
            health=self._health.take_interval(backlog_bytes=self._channel.backlog_bytes, coalesced_intervals=coalesced),
            transaction_arrivals=self._uplink.take_transaction_arrivals(),
            seen=self._uplink.windows() if final else [],
        )
        if self._commander is not None:
            self._commander.report(report)
        return report
