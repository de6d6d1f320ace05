"""Topic names and filters of the gateway contract.

Defaults are those of EMQX's OCPP gateway: mountpoint ``ocpp/``, CALLs up on ``cp/<id>``, answers up on
``cp/<id>/Reply``, everything down on ``cs/<id>``.
"""

from __future__ import annotations

import re

MOUNTPOINT = "ocpp/"

# Control characters and non-characters are valid UTF-8, but MQTT 3.1.1 (section 1.5.3) lets a broker end the
# connection over one in a topic, and a gateway's connection is shared by all charge points.
_UNFIT = re.compile(
    "[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef/+#]|["
    + "".join(chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF))
    + "]"
)


def fits_topic_level(text: str) -> bool:
    """Whether a peer's word can be one level of a topic, as a charge point's id must be."""
    return bool(text) and not _UNFIT.search(text)


UPSTREAM_FILTER = f"{MOUNTPOINT}cp/#"
"""Everything charge points send: CALLs and replies."""


def shared(group: str, topic_filter: str) -> str:
    """The filter as a shared subscription of ``group`` (MQTT 5 section 4.8.2)."""
    return f"$share/{group}/{topic_filter}"


PLACEHOLDERS = ("cid", "action", "id", "type")
"""What a topic may be made of: charge point id (``clientid`` is the same), action, message id, message type."""
UNDEFINED = b"undefined"
"""What stands for a placeholder that a message has no value for, such as the action of an answer. EMQX's word."""

_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")


class TopicTemplate:
    """A topic with placeholders: ``ocpp/cp/${cid}``.

    Attributes:
        text: As given, ``${clientid}`` written as ``${cid}``.
        prefix: What precedes the first placeholder.
        suffix: What follows the last one.
        plain: Its only placeholder is one ``${cid}``: the topic is prefix, id and suffix.

    Raises:
        ValueError: It is no topic that can be published to; says why.
    """

    __slots__ = ("_parts", "plain", "prefix", "suffix", "text")

    def __init__(self, text: str) -> None:
        self.text = text.replace("${clientid}", "${cid}")
        pieces = _PLACEHOLDER.split(self.text)  # literal, name, literal, name, ..., literal
        literals, names = pieces[::2], pieces[1::2]
        unknown = [name for name in names if name not in PLACEHOLDERS]
        if unknown:
            known = ", ".join(f"${{{name}}}" for name in PLACEHOLDERS)
            raise ValueError(f"{text!r} has the placeholder ${{{unknown[0]}}}, which is none of {known}")
        if not self.text:
            raise ValueError("a topic cannot be empty")
        if any(character in literal for literal in literals for character in "+#\0"):
            raise ValueError(f"{text!r} has a wildcard, + or #: nothing can be published to it")
        if "${" in "".join(literals):
            raise ValueError(f"{text!r} has a placeholder that does not end")
        self._parts = [piece if index % 2 else piece.encode() for index, piece in enumerate(pieces)]
        self.prefix = literals[0].encode()
        self.suffix = literals[-1].encode()
        self.plain = names == ["cid"]

    @property
    def placeholders(self) -> frozenset[str]:
        """Names of the placeholders in it."""
        return frozenset(part for part in self._parts if isinstance(part, str))

    def render(self, values: dict[str, bytes]) -> bytes:
        """The topic; a placeholder without a value becomes :data:`UNDEFINED`."""
        return b"".join(part if isinstance(part, bytes) else values.get(part, UNDEFINED) for part in self._parts)

    def charge_point_of(self, topic: bytes) -> bytes | None:
        """The id for which a plain template makes this topic; ``None`` when there is none."""
        if len(topic) <= len(self.prefix) + len(self.suffix):
            return None
        if not (topic.startswith(self.prefix) and topic.endswith(self.suffix)):
            return None
        charge_point_id = topic[len(self.prefix) : len(topic) - len(self.suffix)]
        return None if b"/" in charge_point_id else charge_point_id
