"""The plan: what workers are told."""

from __future__ import annotations

from loadtest.scenario import plan as plans
from loadtest.scenario.plan import Plan
from loadtest.scenario.resolve import resolve


def test_a_plan_reaches_the_workers_unchanged() -> None:
    plan = Plan(
        run_tag=7,
        version="0.1.0",
        scenario_sha256="abc",
        epoch_ns=123,
        clock="boot time:[1]",
        network="boot net:[1]",
        gateway_url="ws://127.0.0.1:1/ocpp",
        broker_url="mqtt://127.0.0.1:2",
        shared_group="",
        subscribers=1,
        log_dir="logs",
        settings=resolve({"charge_points": 2000}),
    )
    assert plans.decode(plan.encode()) == plan
