"""The direct path: how charge points that are MQTT clients themselves talk to the broker, the same for all of a run.

What each of these means on the wire: docs/ocpp-over-mqtt.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from loadtest.errors import UsageError
from loadtest.protocol.encodings import EMQX, JSON, EncodingName, EnvelopeName
from loadtest.protocol.message_topics import TopicTexts, may_meet
from loadtest.protocol.topics import TopicTemplate
from loadtest.scenario.qos_of import qos_of
from loadtest.scenario.settings import DIRECT, GATEWAY, masked
from loadtest.scenario.settings_table import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Collection

    from loadtest.scenario.settings import RunSettings

OF_GATEWAY = ("gateway", "gateway_processes", "gateway_config", "gateway_metrics_port", "security_profile")
_TOPICS = ("up_topic", "reply_topic", "down_topic")
OF_DIRECT = (
    *("encoding", "envelope", "mqtt_version", "session_expiry_s", "mqtt_keep_alive_s", "status_topic"),
    *("qos_of", "response_topic"),
    *_TOPICS,
)
"""Resolved settings that only one of the paths has any use for."""
_BELOW_CHARGE_POINTS = "ocpp/c"
"""Where the topics of messages lie if nobody says otherwise: the central system subscribes to all there is."""


class DirectPath(msgspec.Struct, frozen=True, kw_only=True):
    """What all charge points on the direct path have in common.

    Attributes:
        broker_url: ``mqtt://…`` or ``mqtts://…``; its user name and password are for charge points that have none.
        encoding: Of messages.
        envelope: How they stand in JSON.
        mqtt_version: Of the protocol.
        qos: Of every message of which the next does not say otherwise.
        qos_of: Of CALLs by action, lower or higher.
        session_expiry_s: How long the broker keeps the session of one that is away; 0: not at all.
        keep_alive_s: After this silence a charge point says that it is there; 0: never.
        status_topic: Template of the topic of its status and last will; empty: there is none.
        topics: Templates of the topics of messages.
    """

    broker_url: str
    encoding: EncodingName = JSON
    envelope: EnvelopeName = EMQX
    mqtt_version: Literal["3.1.1", "5"] = "3.1.1"
    qos: Literal[0, 1, 2] = 1
    qos_of: dict[str, int] = {}
    session_expiry_s: float = 0.0
    keep_alive_s: float = 60.0
    status_topic: str = ""
    topics: TopicTexts = TopicTexts()

    def __repr__(self) -> str:
        """Without the password, wherever it may be shown."""
        return f"DirectPath(broker_url={masked(self.broker_url)!r}, mqtt_version={self.mqtt_version!r}, qos={self.qos})"


def direct_path(settings: RunSettings, broker_url: str) -> DirectPath:
    """The direct path of a run whose broker is at this URL."""
    return DirectPath(
        broker_url=broker_url,
        encoding=settings.encoding,
        envelope=settings.envelope,
        mqtt_version="5" if settings.mqtt_version == "5" else "3.1.1",
        qos=settings.qos,  # type: ignore[arg-type]  # a choice of just these
        qos_of=qos_of(settings.qos_of),
        session_expiry_s=settings.session_expiry_s,
        keep_alive_s=settings.mqtt_keep_alive_s,
        status_topic=settings.status_topic,
        topics=settings.topics,
    )


def check_paths(paths: Collection[str], settings: RunSettings) -> None:
    """Refuse settings of a path on which no charge point is.

    Args:
        paths: Those that charge points of the scenario take.
        settings: Of the run.

    Raises:
        UsageError: With one sentence for each.
    """
    faults = []
    if GATEWAY not in paths:
        faults = [
            f"{flag}: is for the gateway, and no charge point goes through one: all are on the direct path"
            for flag in _given(settings, OF_GATEWAY)
        ]
    if DIRECT not in paths:
        faults = [
            f"{flag}: is for charge points that are MQTT clients, and there are none; write --path direct"
            for flag in _given(settings, OF_DIRECT)
        ]
    if {GATEWAY, DIRECT} <= set(paths):
        faults += [
            f"{flag}: some charge points go through the gateway, and the central system speaks to all of them alike: "
            "in JSON, with EMQX's envelope"
            for flag in _given(settings, ("encoding", "envelope"))
        ]
        faults += [
            f"{flag}: some charge points go through the gateway, whose topics these are not; write --path direct, and "
            "have no class on the gateway's"
            for flag in _given(settings, _TOPICS)
        ]
    if settings.encoding != JSON and settings.envelope != EMQX:
        faults.append(f"--envelope: is for --encoding json; {settings.encoding} brings its own")
    if faults:
        raise UsageError(faults)


def further_topic_fault(template: str, example: str, messages: TopicTexts) -> str:
    """What is wrong with a template of topics of another use, such as the example, beside those of messages.

    Empty: nothing.
    """
    try:
        parsed = TopicTemplate(template)
    except ValueError as error:
        return str(error)
    if not parsed.plain:
        return f"{template!r} must have ${{cid}} in it once, and no other placeholder: each charge point has its own"
    taken = (messages.up, messages.reply, messages.down)
    if parsed.text.startswith(_BELOW_CHARGE_POINTS) or any(may_meet(parsed.text, each) for each in taken):
        return f"{template!r} lies among the topics of OCPP messages; take another, such as {example}"
    return ""


def _given(settings: RunSettings, fields: tuple[str, ...]) -> list[str]:
    """Flags of settings that are not as they would be if nobody had said anything."""
    defaults = {
        setting.name + ("_s" if setting.kind == "duration" else ""): (setting.flag, str(setting.default))
        for setting in SETTINGS
    }
    return [
        flag
        for name in fields
        for flag, default in (defaults[name],)
        if (f"{getattr(settings, name):g}s" if name.endswith("_s") else str(getattr(settings, name))) != default
    ]
