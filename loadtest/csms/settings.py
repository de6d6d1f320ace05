"""A subscriber process's configuration, as its parent sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from loadtest.control.settings import read_fields
from loadtest.errors import UsageError
from loadtest.protocol.encodings import EMQX, JSON, PROTOBUF, EncodingName, EnvelopeName
from loadtest.protocol.message_topics import TopicTexts, topic_filter
from loadtest.protocol.phases import PHASES
from loadtest.protocol.topics import UPSTREAM_FILTER, shared
from loadtest.scenario.commands import CommandLoad
from loadtest.scenario.fleet_classes import FleetClasses
from loadtest.scenario.settings import MQTT_3_1_1, MQTT_5
from loadtest.transport import mqtt_url

if TYPE_CHECKING:
    from collections.abc import Mapping

RegistrationStatus = Literal["Accepted", "Pending", "Rejected"]
Count = Annotated[int, Meta(ge=0)]
TopicFilter = Annotated[str, Meta(min_length=1)]


class CsmsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a subscriber has to know before it takes messages.

    Attributes:
        broker_url: ``mqtt://[user:password@]host[:port]``.
        run_tag: 16 bits that mark this run's messages.
        epoch_ns: The run's origin of time on the monotonic clock.
        mqtt_version: That the subscriber speaks.
        qos: Quality of service of subscription and answers.
        highest_qos: Of the subscription, where charge points publish some messages with more than ``qos``.
        command_expiry_s: MQTT 5: after this time a broker drops a command instead of delivering it; 0: never.
        response_topic: MQTT 5: template of the topics that commands name for their answers; empty: they name none.
        encoding: How messages become bytes.
        envelope: How they stand in JSON.
        topics: Templates of the topics charge points publish on, and are addressed at.
        phases: The run's phases; a number in a stamp is a position in it.
        classes: What charge points are told apart by.
        filters: What to subscribe to.
        shared_group: Name of the shared subscription of all subscribers; empty: everything for itself.
        reply_filter: What to subscribe to for ourselves alone: the answers to our own commands. Empty when the filters
            above take them already, or nobody wants them.
        answer_foreign: Answer CALLs without this run's stamp as well; a run on somebody's broker must not.
        answer: Answer CALLs; ``False`` only listens, while another central system answers.
        heartbeat_interval_s: ``interval`` of an accepting BootNotification response.
        registration_status: Answer to a charge point's BootNotifications, until ``accept_after_boots``.
        retry_interval_s: ``interval`` of a Pending or Rejected BootNotification response.
        accept_after_boots: How many BootNotifications of a charge point get ``registration_status`` before it is
            accepted; 0: it never is.
        subscriber_index: This subscriber's number.
        subscriber_count: How many there are; keeps transaction ids apart.
        client: ``aiomqtt`` is the second opinion, for low rates.
        keep_session: The broker is to keep session and queued messages while this subscriber is away.
        seed: Seed of the run.
        commands: What to ask of charge points; ``None`` asks nothing. This subscriber asks those whose number leaves
            ``subscriber_index`` when divided by ``subscriber_count``, its share of the rates.
    """

    broker_url: str
    run_tag: Annotated[int, Meta(ge=0, le=0xFFFF)]
    epoch_ns: int
    mqtt_version: Literal["3.1.1", "5"] = "3.1.1"
    qos: Literal[0, 1, 2] = 1
    highest_qos: Literal[0, 1, 2] = 0
    command_expiry_s: Annotated[int, Meta(ge=0, lt=1 << 32)] = 0
    response_topic: str = ""
    encoding: EncodingName = JSON
    envelope: EnvelopeName = EMQX
    topics: TopicTexts = TopicTexts()
    phases: Annotated[tuple[str, ...], Meta(min_length=1, max_length=16)] = PHASES
    classes: FleetClasses = FleetClasses()
    filters: Annotated[tuple[TopicFilter, ...], Meta(min_length=1)] = (UPSTREAM_FILTER,)
    shared_group: Annotated[str, Meta(pattern="^[^/+#]*$")] = ""
    reply_filter: str = ""
    answer: bool = True
    answer_foreign: bool = True
    heartbeat_interval_s: Count = 300
    registration_status: RegistrationStatus = "Accepted"
    retry_interval_s: Count = 10
    accept_after_boots: Count = 0
    subscriber_index: Count = 0
    subscriber_count: Annotated[int, Meta(ge=1)] = 1
    client: Literal["lean", "aiomqtt"] = "lean"
    keep_session: bool = False
    seed: int = 1
    commands: CommandLoad | None = None

    @property
    def subscription(self) -> list[tuple[bytes, int]]:
        """The filters as they are sent to the broker, each with its QoS."""
        wanted = [shared(self.shared_group, each) if self.shared_group else each for each in self.filters]
        if self.reply_filter:
            wanted.append(self.reply_filter)
        if self.response_topic:
            wanted.append(topic_filter(self.response_topic))
        return [(each.encode(), max(self.qos, self.highest_qos)) for each in wanted]


def csms_settings(plain: Mapping[str, Any]) -> CsmsSettings:
    """Read and check a subscriber's configuration.

    Raises:
        UsageError: With one sentence for each field that is missing, unknown, of the wrong type or out of range.
    """
    values, faults = read_fields(CsmsSettings, "csms", plain)
    faults += _contradictions(values)
    if faults:
        raise UsageError(faults)
    return CsmsSettings(**values)


def _contradictions(values: Mapping[str, Any]) -> list[str]:
    """What each field allows by itself but not together, and what only the URL parser can tell."""
    faults: list[str] = []
    if "broker_url" in values:
        try:
            mqtt_url.parse(values["broker_url"])
        except UsageError as error:
            faults += error.faults
    commands = values.get("commands")
    if commands is not None:
        try:
            commands.check()
        except UsageError as error:
            faults += error.faults
    if values.get("mqtt_version", MQTT_3_1_1) != MQTT_5:
        for_5 = ("command_expiry_s", "response_topic")
        faults += [f"csms.{name}: needs mqtt_version 5" for name in for_5 if values.get(name)]
    if values.get("keep_session") and values.get("client") == "aiomqtt":
        faults.append("csms.keep_session: needs the lean client")
    if values.get("encoding") == PROTOBUF and values.get("envelope", EMQX) != EMQX:
        faults.append("csms.envelope: is for encoding json; protobuf brings its own")
    index, count = values.get("subscriber_index", 0), values.get("subscriber_count", 1)
    if index >= count:
        faults.append(f"csms.subscriber_index: {index} is not below subscriber_count {count}")
    if count > 1 and values.get("accept_after_boots", 0):
        # Boots of one charge point reach different subscribers, none of which could count them.
        faults.append("csms.accept_after_boots: needs a single subscriber")
    return faults
