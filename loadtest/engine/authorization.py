"""Whether a charge point asks the central system about a tag, or decides by itself (OCPP 1.6 section 3.5)."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from loadtest.engine.local_list import EMPTY, Entry, LocalList, key
from loadtest.engine.operations import STATUS_NOTIFICATION

if TYPE_CHECKING:
    from loadtest.engine.charge_point import ChargePoint

CACHE_SIZE = 100
"""Tags a charge point's cache holds."""

_CONFLICT = b'{"connectorId":0,"errorCode":"LocalListConflict","status":"%b","timestamp":"%b"}'


class Decision(enum.Enum):
    """What to do about a tag."""

    ASK = enum.auto()
    ACCEPT = enum.auto()
    REFUSE = enum.auto()


class LocalAuthorization:
    """What a charge point knows of tags: the list it was sent, and what answers have told it, oldest first."""

    __slots__ = ("cache", "local_list")

    def __init__(self) -> None:
        self.local_list: LocalList = EMPTY
        self.cache: dict[bytes, Entry] = {}


def decide(charge_point: ChargePoint, id_tag: bytes, now_ns: int) -> Decision:
    """How to authorize a tag that is presented now.

    Connected, a tag known as valid starts at once if ``LocalPreAuthorize`` says so; any other is asked about.
    Offline, a tag known as not valid is refused; one known as valid is accepted if ``LocalAuthorizeOffline`` says so,
    any one else if ``AllowOfflineTxForUnknownId`` does.
    """
    configuration = charge_point.configuration
    entry = _entry(charge_point, id_tag)
    valid = entry is not None and entry.valid_at(now_ns)
    if charge_point.is_registered:
        return Decision.ACCEPT if valid and configuration.boolean("LocalPreAuthorize") else Decision.ASK
    if entry is not None and not valid:
        return Decision.REFUSE
    accepted = (valid and configuration.boolean("LocalAuthorizeOffline")) or configuration.boolean(
        "AllowOfflineTxForUnknownId"
    )
    return Decision.ACCEPT if accepted else Decision.REFUSE


def parent_of(charge_point: ChargePoint, id_tag: bytes) -> bytes | None:
    """The group a tag belongs to, as far as it is known here; to be compared with :func:`local_list.key`."""
    entry = _entry(charge_point, id_tag)
    return None if entry is None else entry.parent


def learn(
    charge_point: ChargePoint, id_tag: bytes, status: str, expiry: str | None, parent: str | None, now_ns: int
) -> None:
    """Take note of what the central system has answered about a tag.

    The cache holds tags that are not in the list (3.5.3). When the answer contradicts the list, the central
    system is told so (3.5.2).
    """
    listed = _listed(charge_point, id_tag)
    if listed is not None:
        if status != "ConcurrentTx" and listed.valid_at(now_ns) != (status == "Accepted"):
            whole, timestamp = charge_point.connector_status(0), charge_point.fleet.timestamp(now_ns)
            charge_point.offer(STATUS_NOTIFICATION, now_ns, _CONFLICT % (whole, timestamp))
        return
    if not charge_point.configuration.boolean("AuthorizationCacheEnabled"):
        return
    try:
        expires_ns = None if expiry is None else charge_point.fleet.instant_ns(expiry)
    except ValueError:
        charge_point.books.counters.malformed += 1
        return
    cache = authorization(charge_point).cache
    cache.pop(key(id_tag), None)
    _make_room(cache, now_ns)
    cache[key(id_tag)] = Entry(status == "Accepted", expires_ns, None if parent is None else key(parent))


def authorization(charge_point: ChargePoint) -> LocalAuthorization:
    """The charge point's knowledge, made now if it had none."""
    features = charge_point.features
    if features.authorization is None:
        features.authorization = LocalAuthorization()
    return features.authorization


def _make_room(cache: dict[bytes, Entry], now_ns: int) -> None:
    """First what is not valid goes, then the oldest (3.5.1)."""
    if len(cache) >= CACHE_SIZE:
        for id_tag in [id_tag for id_tag, entry in cache.items() if not entry.valid_at(now_ns)]:
            del cache[id_tag]
    if len(cache) >= CACHE_SIZE:
        del cache[next(iter(cache))]


def _entry(charge_point: ChargePoint, id_tag: bytes) -> Entry | None:
    """What is known of a tag; the list comes first (3.5.3)."""
    listed = _listed(charge_point, id_tag)
    features = charge_point.features_or_none
    if listed is not None or features is None or features.authorization is None:
        return listed
    cached = features.authorization.cache.get(key(id_tag))
    return cached if charge_point.configuration.boolean("AuthorizationCacheEnabled") else None


def _listed(charge_point: ChargePoint, id_tag: bytes) -> Entry | None:
    features = charge_point.features_or_none
    if features is None or features.authorization is None:
        return None
    entry = features.authorization.local_list.entries.get(key(id_tag))
    return entry if charge_point.configuration.boolean("LocalAuthListEnabled") else None
