"""How a run begins with a broker that cannot do all it was asked for."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from loadtest.locust_plugin.beginning import set_up
from loadtest.protocol.phases import PHASES
from loadtest.scenario.fleet_classes import ONE_CLASS
from loadtest.scenario.resolve import resolve
from loadtest.scenario.settings import DIRECT

ASKED = {"qos": "2", "subscribers": "4", "qos_of": "Heartbeat=2", "mqtt_version": "5", "broker": "nats"}
ASKED |= {"csms_mqtt_version": "5", "command_expiry": "9s", "response_topic": "answers/${cid}"}
SENTENCE = "NATS 2.9.10 has no QoS 2: QoS 1 instead"


def run_with(broker: dict[str, Any], adaptations: list[str]) -> Any:
    """A run whose stand is up."""
    facts: dict[str, Any] = {
        "adaptations": adaptations,
        "credentials": {},
        "gateway": {"url": "ws://127.0.0.1:1/ocpp", "switches": {}},
        "broker": {"url": "mqtt://me:s3cret@127.0.0.1:2", **broker},
    }
    stand = SimpleNamespace(start=lambda *_: facts, broker_url=lambda _: facts["broker"]["url"])
    description = SimpleNamespace(
        run_tag=7, scenario_sha256="", paths={DIRECT}, phases=PHASES, fleet=(), fleet_classes=ONE_CLASS
    )
    settings = resolve(ASKED)
    return SimpleNamespace(
        settings=settings,
        stand=stand,
        description=description,
        collector=Mock(),
        parts=SimpleNamespace(),
        epoch_ns=1,
        log_dir=Path(),
    )


@pytest.mark.parametrize(
    ("able", "qos", "version", "subscribers", "group"),
    [(False, 1, "3.1.1", 1, ""), (True, 2, "5", 4, "loadtest-0007")],
)
def test_the_plan_has_what_the_broker_can_do(able: bool, qos: int, version: str, subscribers: int, group: str) -> None:
    broker = {"features": {"mqtt5": able, "shared_subscriptions": able, "highest_qos": qos}, "qos": qos}
    run = run_with(broker, [] if able else [SENTENCE])
    plan = set_up(run)
    assert (plan.settings.qos, plan.settings.mqtt_version) == (qos, version)
    assert (plan.settings.csms_mqtt_version, plan.settings.command_expiry_s) == (version, 9.0 if able else 0.0)
    assert plan.settings.response_topic == ("answers/${cid}" if able else "")
    assert plan.direct is not None
    assert (plan.direct.qos, plan.direct.qos_of, plan.direct.mqtt_version) == (qos, {"Heartbeat": qos}, version)
    assert (plan.subscribers, run.parts.subscribers, plan.shared_group) == (subscribers, subscribers, group)
    assert run.settings.qos == 2, "what was asked for stays on record"
    run.collector.adapted.assert_called_once_with([] if able else [SENTENCE])
    ((described,), _) = run.collector.describe_sut.call_args
    assert "s3cret" not in repr(described)
    assert "s3cret" in plan.broker_url
