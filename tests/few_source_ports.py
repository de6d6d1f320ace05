"""An engine with more charge points than it has source ports, to be run in a network namespace of its own.

Prints what it reports in the end, as JSON: its counters, and the events it told.
"""

from __future__ import annotations

import json

from loadtest.clock import monotonic_ns
from loadtest.control.messages import AddCohort, Drain, EnterPhase
from loadtest.protocol.phases import DRAIN, RAMP
from loadtest.testing.controlled_child import ControlledChild
from loadtest.testing.stub_behaviour import StubBehaviour
from loadtest.testing.stub_gateway import StubGateway
from loadtest.units import NS_PER_S

CHARGE_POINTS = 200
SOURCE_ADDRESSES = 64
"""Over so many an engine spreads connections on loopback, each with all ports there are."""


def main() -> None:
    with StubGateway(StubBehaviour()) as stub, ControlledChild("loadtest.engine") as engine:
        engine.configure(
            {
                "run_tag": 7,
                "epoch_ns": monotonic_ns(),
                "seed": 1,
                "gateway_url": stub.url,
                "engine": 0,
                "charge_points": CHARGE_POINTS,
                "ramp_s": 0.1,
                "call_timeout_s": 2.0,
                "profile": {},
            }
        )
        engine.send(AddCohort(0, CHARGE_POINTS))
        engine.send(EnterPhase(RAMP, monotonic_ns()))
        ended = "engine.connect_failures.no_source_port"
        engine.report_when(
            lambda report: report.gauges["registered"] + report.counters.get(ended, 0) >= CHARGE_POINTS, timeout_s=20
        )
        engine.send(EnterPhase(DRAIN, monotonic_ns()))
        engine.send(Drain(monotonic_ns() + NS_PER_S))
        final = engine.report_when(lambda report: report.final)
        print(json.dumps({"counters": final.counters, "events": [event.text for event in engine.events]}))  # noqa: T201


if __name__ == "__main__":
    main()
