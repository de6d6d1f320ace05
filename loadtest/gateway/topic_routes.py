"""Which topic a message is published to, and which one a charge point is reached by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from loadtest.protocol.frames import CALL, CALL_RESULT
from loadtest.protocol.topics import UNDEFINED, TopicTemplate, fits_topic_level

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtest.gateway.settings import GatewaySettings
    from loadtest.gateway.translation import Translated

UPSTREAM_FIELDS = ("upstream_topic", "upstream_reply_topic", "upstream_error_topic")
MAX_LEVEL_CHARACTERS = 255
"""Of an action or a message id that is to be part of a topic: a broker may refuse long ones, and charge points do not
send such."""

_TYPE_DIGITS = {kind: b"%d" % kind for kind in (2, 3, 4)}
_text = msgspec.json.Decoder(str)


class Templates(NamedTuple):
    """The topics of a configuration, mountpoint included."""

    call: TopicTemplate
    result: TopicTemplate
    error: TopicTemplate
    downstream: TopicTemplate
    by_action: dict[str, TopicTemplate]

    @property
    def plain(self) -> bool:
        """Nothing but the charge point's id and the message's type decides."""
        return not self.by_action and self.call.plain and self.result.plain and self.error.plain


def templates(settings: GatewaySettings) -> Templates:
    """The topics of a configuration that has been checked."""
    mount, overrides = settings.mountpoint, settings.topic_override_mapping
    return Templates(
        call=TopicTemplate(mount + settings.upstream_topic),
        result=TopicTemplate(mount + settings.upstream_reply_topic),
        error=TopicTemplate(mount + settings.upstream_error_topic),
        downstream=TopicTemplate(mount + settings.dnstream_topic),
        by_action={action: TopicTemplate(mount + text) for action, text in overrides.items()},
    )


def topic_faults(values: Mapping[str, Any]) -> list[str]:
    """What is wrong with the topics among settings whose types are right, all of it."""
    faults: list[str] = []

    def template(name: str, text: str) -> TopicTemplate | None:
        try:
            made = TopicTemplate(values["mountpoint"] + text)
        except ValueError as error:
            faults.append(f"gateway.{name}: {error}")
            return None
        if not made.prefix:
            faults.append(
                f"gateway.{name}: {made.text!r} begins with a placeholder: a charge point could choose a topic or a "
                "filter that brokers keep to themselves, such as $SYS or $share"
            )
        return made

    upstream = {name: template(name, values[name]) for name in UPSTREAM_FIELDS}
    for action, text in values["topic_override_mapping"].items():
        name = f"topic_override_mapping.{action}"
        upstream[name] = template(name, text)
    downstream = template("dnstream_topic", values["dnstream_topic"])
    if downstream is not None and not downstream.plain:
        faults.append(
            f"gateway.dnstream_topic: {downstream.text!r}, the mountpoint included, must have ${{cid}} once "
            "and no other placeholder, or messages could not be told apart"
        )
    elif downstream is not None:
        faults += [
            f"gateway.{name}: {each.text!r} can be the downstream topic of a charge point, which would get as a "
            "command what was sent by itself or by another"
            for name, each in upstream.items()
            if each is not None and each.plain and _may_meet(each, downstream)
        ]
    return faults


def _may_meet(one: TopicTemplate, other: TopicTemplate) -> bool:
    """Whether two plain templates make the same topic for some two ids, which have no slash in them."""
    shorter, longer = sorted((one.prefix, other.prefix), key=len)
    ending, end = sorted((one.suffix, other.suffix), key=len)
    if not (longer.startswith(shorter) and end.endswith(ending)):
        return False
    return b"/" not in longer[len(shorter) :] + end[: len(end) - len(ending)]


class TopicRoutes:
    """Topics that depend on more than the charge point: slower than prefix and suffix, so made only when needed."""

    def __init__(self, chosen: Templates) -> None:
        self._chosen = chosen

    def topic(self, identity: bytes, message: Translated) -> bytes | None:
        """Where to publish a message; ``None`` when a charge point's own words make no topic, or one that loops."""
        chosen = self._chosen
        values = {"cid": identity, "type": _TYPE_DIGITS[message.kind]}
        template = chosen.result if message.kind == CALL_RESULT else chosen.error
        if message.kind == CALL:
            action = _level(message.action)
            values["action"] = action
            template = chosen.by_action.get(action.decode(), chosen.call)
        if "id" in template.placeholders:
            values["id"] = _level(message.message_id)
        if not all(values.get(name, UNDEFINED) for name in template.placeholders):
            return None
        topic = template.render(values)
        return topic if chosen.downstream.charge_point_of(topic) is None else None


def _level(text: bytes | msgspec.Raw) -> bytes:
    """A JSON string as a level of a topic; empty when it cannot be one, :data:`UNDEFINED` for what is no string."""
    try:
        level = _text.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return UNDEFINED
    return level.encode() if len(level) <= MAX_LEVEL_CHARACTERS and fits_topic_level(level) else b""
