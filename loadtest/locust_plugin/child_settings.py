"""What engines and subscribers are configured with: the plan of the run, from the point of view of one process."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec

from loadtest.protocol.message_topics import MessageTopics
from loadtest.scenario.secret_settings import secret

if TYPE_CHECKING:
    from loadtest.locust_plugin.users import CsmsSubscriber
    from loadtest.scenario.plan import Plan
    from loadtest.scenario.settings import RunSettings


def engine_settings(plan: Plan, number: int) -> dict[str, Any]:
    """Fields of :class:`loadtest.engine.settings.EngineSettings`; ``number`` counts over all workers."""
    settings = plan.settings
    return {
        "run_tag": plan.run_tag,
        "epoch_ns": plan.epoch_ns,
        "seed": settings.seed,
        "gateway_url": plan.gateway_url,
        "direct": msgspec.to_builtins(plan.direct),
        "engine": number,
        "charge_points": settings.charge_points,
        "ramp_s": settings.ramp_s,
        "phases": plan.phases,
        "classes": msgspec.to_builtins(plan.classes),
        "call_timeout_s": settings.call_timeout_s,
        "credentials": msgspec.to_builtins(plan.credentials),
        "password": secret("password"),
    }


def subscriber_settings(plan: Plan, user: CsmsSubscriber, number: int) -> dict[str, Any]:
    """Fields of :class:`loadtest.csms.settings.SubscriberSettings`; ``number`` counts over all workers."""
    settings = plan.settings
    return {
        "broker_url": plan.broker_url,
        "qos": settings.qos,
        "highest_qos": settings.highest_qos,
        "mqtt_version": settings.csms_mqtt_version,
        "command_expiry_s": int(settings.command_expiry_s),
        "encoding": settings.encoding,
        "envelope": settings.envelope,
        "shared_group": plan.shared_group,
        "answer": settings.csms == "embedded",
        "answer_foreign": False,
        "run_tag": plan.run_tag,
        "epoch_ns": plan.epoch_ns,
        # Gateways cut who is silent for longer than what was said here, in whole seconds.
        "heartbeat_interval_s": math.ceil(settings.heartbeat_interval_s) or user.heartbeat_interval_s,
        "phases": plan.phases,
        "classes": msgspec.to_builtins(plan.classes),
        "subscriber_index": number,
        "subscriber_count": plan.subscribers,
        "client": settings.subscriber_client,
        "keep_session": settings.persistent,
        "seed": settings.seed,
        **_topics(settings, user),
    }


def _topics(settings: RunSettings, user: CsmsSubscriber) -> dict[str, Any]:
    """What a subscriber subscribes to and sends; the answers to its own commands must not go to another."""
    topics = MessageTopics(settings.topics)
    plain = {"topics": msgspec.to_builtins(settings.topics)}
    if not user.commands:
        return plain | {"filters": topics.filters}
    return plain | {
        "commands": msgspec.to_builtins(user.commands),
        "filters": topics.call_filters,
        "reply_filter": topics.reply_filter,
        "response_topic": settings.response_topic,
    }
