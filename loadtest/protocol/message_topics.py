"""The topics of OCPP messages on the direct path: what they are made of, and who is who by them.

Without anything said they are those of EMQX's gateway, see :mod:`loadtest.protocol.topics`.
"""

from __future__ import annotations

import re
from itertools import combinations
from typing import NamedTuple

import msgspec

from loadtest.errors import UsageError
from loadtest.protocol.topics import UPSTREAM_FILTER, TopicTemplate

UP, REPLY, DOWN = "ocpp/cp/${cid}", "ocpp/cp/${cid}/Reply", "ocpp/cs/${cid}"
_PLACEHOLDER = re.compile(r"\$\{[a-z]+\}")
_LEVEL = re.compile(r"[^$]*(?:\$\{[a-z]+\}[^$]*)?")


class TopicTexts(msgspec.Struct, frozen=True):
    """Templates as they are written.

    Attributes:
        up: Of the CALLs of charge points.
        reply: Of their answers; the same as ``up`` where one topic does for both.
        down: Of everything for a charge point.
    """

    up: str = UP
    reply: str = REPLY
    down: str = DOWN


class Upstream(NamedTuple):
    """What a topic that charge points publish on tells."""

    charge_point_id: bytes
    takes_calls: bool


class MessageTopics:
    """Topics of each charge point, and the charge point of each topic.

    Args:
        texts: That :func:`topic_faults` finds nothing wrong with.

    Attributes:
        filters: What a central system subscribes to for everything that charge points send.
        call_filters: For their CALLs alone.
        reply_filter: For their answers alone; empty when these are not to be had apart.
    """

    def __init__(self, texts: TopicTexts) -> None:
        self._up, self._reply, self._down = (TopicTemplate(each) for each in (texts.up, texts.reply, texts.down))
        self._is_up, self._is_reply = _matcher(texts.up), _matcher(texts.reply)
        up, reply = topic_filter(texts.up), topic_filter(texts.reply)
        self.call_filters = [up]
        self.reply_filter = reply if reply != up else ""
        # One filter that takes both is one subscription less for a broker to match.
        self.filters = [UPSTREAM_FILTER] if (texts.up, texts.reply) == (UP, REPLY) else list(dict.fromkeys((up, reply)))

    def up(self, identity: bytes, action: bytes) -> bytes:
        """Where a charge point publishes a CALL."""
        template = self._up
        if template.plain:
            return template.prefix + identity + template.suffix
        return template.render({"cid": identity, "action": action})

    def reply(self, identity: bytes) -> bytes:
        """Where it publishes its answers."""
        if self._reply.plain:
            return self._reply.prefix + identity + self._reply.suffix
        return self._reply.render({"cid": identity})  # shared with CALLs, which have an action and it has none

    def down(self, identity: bytes) -> bytes:
        """Where everything for it is published."""
        return self._down.prefix + identity + self._down.suffix

    def addressee(self, topic: bytes) -> bytes:
        """The charge point that a topic of :meth:`down` is for."""
        return self._down.charge_point_of(topic) or b""

    def upstream(self, topic: bytes) -> Upstream | None:
        """Whose topic this is; ``None`` when charge points do not publish on it.

        Raises:
            UnicodeDecodeError: It is not UTF-8.
        """
        text = topic.decode()
        for matcher, takes_calls in ((self._is_up, True), (self._is_reply, False)):
            found = matcher.fullmatch(text)
            if found is not None:
                return Upstream(found["cid"].encode(), takes_calls)
        return None


def topic_filter(template: str) -> str:
    """What to subscribe to for every topic that a template makes: a level with a placeholder in it may be any."""
    return "/".join("+" if "${" in level else level for level in template.split("/"))


def checked_topics(texts: TopicTexts, written: str) -> MessageTopics:
    """The topics of these templates; ``written`` is where a template stands, such as ``--{}-topic``.

    Raises:
        UsageError: With a sentence for each fault found.
    """
    faults = topic_faults(texts)
    if faults:
        raise UsageError([f"{written.format(name)}: {fault}" for name, told in faults.items() for fault in told])
    return MessageTopics(texts)


def topic_faults(texts: TopicTexts) -> dict[str, list[str]]:
    """What is wrong with templates, by field of :class:`TopicTexts`; empty: nothing."""
    faults: dict[str, list[str]] = {}
    for name, allowed in (("up", ("cid", "action")), ("reply", ("cid",)), ("down", ("cid",))):
        # One topic for CALLs and answers is one template.
        wanted = ("cid", "action") if name == "reply" and texts.reply == texts.up else allowed
        fault = template_fault(getattr(texts, name), wanted)
        if fault:
            faults.setdefault(name, []).append(fault)
    several = ("up", "down") if texts.reply == texts.up else ("up", "reply", "down")
    sound = [name for name in several if name not in faults]
    for one, other in combinations(sound, 2):
        first, second = getattr(texts, one), getattr(texts, other)
        if may_meet(first, second):
            remedy = "make them differ in a level that is a word alone"
            remedy += ", or be the same" if other == "reply" else ""
            faults.setdefault(other, []).append(f"{second!r} and {first!r} are subscribed to alike; {remedy}")
    return faults


def template_fault(template: str, allowed: tuple[str, ...]) -> str:
    """What is wrong with one template by itself; empty: nothing."""
    try:
        parsed = TopicTemplate(template)
    except ValueError as error:
        return str(error)
    names = _PLACEHOLDER.findall(parsed.text)
    if names.count("${cid}") != 1:
        return f"{template!r} must have ${{cid}} in it once: each charge point has its own"
    for name in names:
        if name[2:-1] not in allowed or names.count(name) > 1:
            return f"{template!r} must have no placeholder but {' and '.join(f'${{{each}}}' for each in allowed)}, once"
    if not all(_LEVEL.fullmatch(level) for level in parsed.text.split("/")):
        return (
            f"{template!r} has two placeholders, or another $, in one level; one to a level can be told from the rest"
        )
    return ""


def may_meet(one: str, other: str) -> bool:
    """Whether a subscription to one template can bring a topic of the other: a level with a placeholder may be any."""
    pairs = list(zip(topic_filter(one).split("/"), topic_filter(other).split("/"), strict=False))
    return one.count("/") == other.count("/") and all("+" in pair or pair[0] == pair[1] for pair in pairs)


def _matcher(template: str) -> re.Pattern[str]:
    text = template.replace("${clientid}", "${cid}")
    pieces = (
        "(?P<cid>[^/]+)" if piece == "${cid}" else "[^/]+" if "${" in piece else re.escape(piece)
        for piece in re.split(r"(\$\{[a-z]+\})", text)
    )
    return re.compile("".join(pieces))
