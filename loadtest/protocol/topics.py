"""Topic names and filters of the gateway contract.

Defaults are those of EMQX's OCPP gateway: mountpoint ``ocpp/``, CALLs up on ``cp/<id>``, answers up on
``cp/<id>/Reply``, everything down on ``cs/<id>``.
"""

from __future__ import annotations

MOUNTPOINT = "ocpp/"
FORBIDDEN_IN_ID = frozenset("/+#")


def call_topic(charge_point_id: str) -> str:
    """Where a charge point's CALLs are published."""
    return f"{MOUNTPOINT}cp/{charge_point_id}"


def reply_topic(charge_point_id: str) -> str:
    """Where a charge point's CALLRESULTs and CALLERRORs are published."""
    return f"{MOUNTPOINT}cp/{charge_point_id}/Reply"


def downstream_topic(charge_point_id: str) -> str:
    """Where the central system publishes everything meant for a charge point."""
    return f"{MOUNTPOINT}cs/{charge_point_id}"


UPSTREAM_FILTER = f"{MOUNTPOINT}cp/#"
"""Everything charge points send: CALLs and replies."""


def shared(group: str, topic_filter: str) -> str:
    """The filter as a shared subscription of ``group`` (MQTT 5 section 4.8.2)."""
    return f"$share/{group}/{topic_filter}"


def charge_point_of_upstream(topic: str) -> tuple[str, bool] | None:
    """Split an upstream topic into charge point id and "is a reply"; ``None`` when it is not one."""
    prefix = f"{MOUNTPOINT}cp/"
    if not topic.startswith(prefix):
        return None
    charge_point_id, slash, rest = topic[len(prefix) :].partition("/")
    if not charge_point_id or (slash and rest != "Reply"):
        return None
    return charge_point_id, bool(slash)
