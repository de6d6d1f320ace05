"""What contradicts itself, or cannot be, of the settings of MQTT: topics, versions, qualities of service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadtest.errors import UsageError
from loadtest.protocol.message_topics import TopicTexts, may_meet, topic_faults
from loadtest.scenario.direct_path import further_topic_fault
from loadtest.scenario.qos_of import qos_of
from loadtest.scenario.settings import MQTT_3_1_1

if TYPE_CHECKING:
    from collections.abc import Mapping


def mqtt_faults(fields: Mapping[str, Any], written: Mapping[str, str]) -> list[str]:
    """A sentence for each fault.

    Args:
        fields: Settings by field, as far as each is sound by itself.
        written: Where each setting was written, by name.
    """
    faults = _topic_faults(fields, written) + _mqtt_5_faults(fields, written)
    try:
        qos_of(fields["qos_of"])
    except UsageError as error:
        faults += [f"{written['qos_of']}: {fault}" for fault in error.faults]
    return faults


def _topic_faults(fields: Mapping[str, Any], written: Mapping[str, str]) -> list[str]:
    """Topics that cannot be, or not beside each other."""
    texts = TopicTexts(fields["up_topic"], fields["reply_topic"], fields["down_topic"])
    found = topic_faults(texts)
    faults = [f"{written[f'{name}_topic']}: {fault}" for name, told in found.items() for fault in told]
    if not found and texts.up == texts.reply and fields.get("subscribers", 1) > 1:
        faults.append(
            f"{written['reply_topic']}: subscribers share CALLs out among them, while each has to see all answers: "
            "with --subscribers above 1 take another topic than that of CALLs"
        )
    for name, example in (("status_topic", "ocpp/status/${cid}"), ("response_topic", "ocpp/answers/${cid}")):
        if fields[name] and (fault := further_topic_fault(fields[name], example, texts)):
            faults.append(f"{written[name]}: {fault}")
    status, response = fields["status_topic"], fields["response_topic"]
    if not faults and status and response and may_meet(status, response):
        faults.append(f"{written['response_topic']}: {response!r} is where statuses go; take another")
    return faults


def _mqtt_5_faults(fields: Mapping[str, Any], written: Mapping[str, str]) -> list[str]:
    """What commands are to say, and cannot in the version of MQTT that is spoken, or not with that value."""
    expiry_s = fields.get("command_expiry_s", 0)
    faults = []
    if fields.get("csms_mqtt_version") == MQTT_3_1_1:
        faults = [
            f"{written[name]}: needs --csms-mqtt-version 5: only there a command can say it"
            for name, wanted in (("command_expiry", expiry_s), ("response_topic", fields["response_topic"]))
            if wanted
        ]
    elif fields["response_topic"] and fields.get("mqtt_version") == MQTT_3_1_1:
        faults.append(f"{written['response_topic']}: needs --mqtt-version 5: other charge points do not see it")
    if expiry_s % 1:
        faults.append(f"{written['command_expiry']}: {expiry_s:g} s are no whole seconds, which MQTT counts in")
    return faults
