"""How a run begins: the system under test comes up, and what it turns out to be goes into the plan for the workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from loadtest import __version__
from loadtest.locust_plugin.host import clock_id, network_id
from loadtest.scenario.credentials import CredentialFiles
from loadtest.scenario.direct_path import direct_path
from loadtest.scenario.plan import Plan
from loadtest.scenario.qos_of import qos_of
from loadtest.scenario.settings import DIRECT, MQTT_3_1_1, masked

if TYPE_CHECKING:
    from loadtest.locust_plugin.run import Run
    from loadtest.scenario.settings import RunSettings


def set_up(run: Run) -> Plan:
    """Start or probe the system under test and make the plan.

    Raises:
        LoadTestError: Something cannot be started or reached.
    """
    settings = run.settings
    facts = run.stand.start(settings, run.epoch_ns, run.description.fleet)
    run.collector.expect("stand", "stand")
    credentials = msgspec.convert(facts.pop("credentials"), CredentialFiles)
    run.collector.adapted(facts.pop("adaptations"))
    run.collector.describe_sut(_without_passwords(facts))
    shared = facts["broker"]["features"]["shared_subscriptions"]
    subscribers = settings.subscribers if shared else 1
    if subscribers < settings.subscribers:
        run.collector.event(
            "single_subscriber",
            "the broker does not share subscriptions: one subscriber takes everything",
            "broker",
        )
    run.parts.subscribers = subscribers
    settings = _adapted(settings, facts["broker"])
    run_tag = run.description.run_tag
    broker_url = run.stand.broker_url(settings)
    return Plan(
        run_tag=run_tag,
        version=__version__,
        scenario_sha256=run.description.scenario_sha256,
        epoch_ns=run.epoch_ns,
        clock=clock_id(),
        network=network_id(),
        gateway_url=facts["gateway"]["url"] if "gateway" in facts else "",
        credentials=credentials,
        broker_url=broker_url,
        direct=direct_path(settings, broker_url) if DIRECT in run.description.paths else None,
        shared_group=f"loadtest-{run_tag:04x}" if subscribers > 1 else "",
        subscribers=subscribers,
        log_dir=str(run.log_dir.resolve()),
        phases=run.description.phases,
        classes=run.description.fleet_classes,
        settings=settings,
    )


def _adapted(settings: RunSettings, broker: dict[str, Any]) -> RunSettings:
    """The settings with what this broker cannot do replaced by what it can."""
    features = broker["features"]
    if not features["mqtt5"]:
        settings = msgspec.structs.replace(
            settings,
            mqtt_version=MQTT_3_1_1,
            csms_mqtt_version=MQTT_3_1_1,
            command_expiry_s=0.0,
            response_topic="",
        )
    by_action = qos_of(settings.qos_of).items()
    taken = "; ".join(f"{action}={min(qos, features['highest_qos'])}" for action, qos in by_action)
    return msgspec.structs.replace(settings, qos=broker["qos"], qos_of=taken)


def _without_passwords(facts: dict[str, Any]) -> dict[str, Any]:
    """The description of the parts as it may be written down."""
    return {
        name: {key: masked(value) if isinstance(value, str) else value for key, value in part.items()}
        for name, part in facts.items()
    }
