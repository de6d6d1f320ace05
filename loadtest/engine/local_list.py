"""The Local Authorization List: what is known of id tags without asking (OCPP 1.6 sections 3.5.2, 5.15 and 7.1).

Lists do not change, an update makes another one; charge points that were sent the same share one object.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakValueDictionary

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

_VALID = frozenset({"Accepted", "ConcurrentTx"})  # section 3.5.2


class Entry(NamedTuple):
    """What is known of a tag: whether it may charge, until when, and which group it belongs to."""

    valid: bool
    expires_ns: int | None
    parent: bytes | None

    def valid_at(self, now_ns: int) -> bool:
        """Whether it may charge now."""
        return self.valid and (self.expires_ns is None or now_ns < self.expires_ns)


def key(id_tag: str | bytes) -> bytes:
    """A tag as it is compared: without regard to case (CiString, section 7.28)."""
    return (id_tag.encode() if isinstance(id_tag, str) else id_tag).lower()


class LocalList:
    """One version of a list.

    Attributes:
        version: As the central system counts; 0 when the list is empty (section 5.10).
        entries: By tag, see :func:`key`.
    """

    __slots__ = ("__weakref__", "_history", "entries", "version")

    def __init__(self, version: int, entries: dict[bytes, Entry], history: bytes) -> None:
        self.version = version if entries else 0
        self.entries = entries
        self._history = history

    def full(self, version: int, data: list[dict[str, Any]], instant_ns: Callable[[str], int]) -> LocalList:
        """The list that replaces this one.

        Raises:
            ValueError: An entry is not complete.
        """
        if any("idTagInfo" not in datum for datum in data):
            raise ValueError("a full list has an idTagInfo for every tag")
        return EMPTY.differential(version, data, instant_ns)

    def differential(self, version: int, data: list[dict[str, Any]], instant_ns: Callable[[str], int]) -> LocalList:
        """The list with changes applied: entries are added or replaced, those without information deleted.

        Raises:
            ValueError: An entry is not complete.
        """
        history = hashlib.blake2b(self._history + msgspec.json.encode((version, data)), digest_size=16).digest()
        known = _known.get(history)
        if known is not None:
            return known
        entries = dict(self.entries)
        for datum in data:
            info = datum.get("idTagInfo")
            if info is None:
                entries.pop(key(datum["idTag"]), None)
            else:
                entries[key(datum["idTag"])] = _entry(info, instant_ns)
        if version < 1 and entries:
            raise ValueError("0 is the version of an empty list, -1 of none")
        made = _known[history] = LocalList(version, entries, history)
        return made


def _entry(info: dict[str, Any], instant_ns: Callable[[str], int]) -> Entry:
    expiry, parent = info.get("expiryDate"), info.get("parentIdTag")
    return Entry(
        info["status"] in _VALID,
        None if expiry is None else instant_ns(expiry),
        None if parent is None else key(parent),
    )


EMPTY = LocalList(0, {}, b"")
"""What a charge point has before it is sent a list."""

_known: WeakValueDictionary[bytes, LocalList] = WeakValueDictionary()
