"""A subscriber that is slow, or away from its broker, on command: what arrives, when, and that its books stay."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import msgspec
import psutil
import pytest
from mosquitto_process import MosquittoProcess

from loadtest.clock import monotonic_ns
from loadtest.control import messages
from loadtest.measure.histogram import Histogram
from loadtest.protocol import stamp
from loadtest.protocol.phases import PHASES
from loadtest.scenario.faults import Kill, Restart, Slow
from loadtest.testing.controlled_child import ControlledChild
from loadtest.transport import mqtt_client
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.measure.interval import IntervalReport
    from loadtest.scenario.faults import Fault

pytestmark = pytest.mark.integration

RUN_TAG = 0xFA17
INTENDED = "steady.uplink.Heartbeat.intended"


class Scene:
    """A subscriber process and the messages it is sent."""

    def __init__(self, child: ControlledChild, url: str, **settings: Any) -> None:
        self.child = child
        self._url = url
        self._epoch_ns = monotonic_ns() - 5 * NS_PER_S
        self._sequence = 0
        child.configure({"broker_url": url, "run_tag": RUN_TAG, "epoch_ns": self._epoch_ns, **settings})

    def publish(self, count: int, qos: int = 1) -> None:
        asyncio.run(self._publish(count, qos))

    async def _publish(self, count: int, qos: int) -> None:
        client = await mqtt_client.connect(self._url, client_id="charge-points", on_message=lambda *_: None)
        for _ in range(count):
            intended_us = (monotonic_ns() - self._epoch_ns) // 1000
            unique_id = stamp.encode(RUN_TAG, PHASES.index("steady"), 3, self._sequence, intended_us, 0).decode()
            self._sequence += 1
            text = json.dumps({"MessageTypeId": 2, "UniqueId": unique_id, "Action": "Heartbeat", "Payload": {}})
            client.publish(b"ocpp/cp/a", text.encode(), qos)
        await client.close()

    def begin(self, fault: Fault) -> None:
        self.child.send(messages.BeginFault(fault.name, msgspec.to_builtins(fault), monotonic_ns()))

    def begun(self, fault: Fault) -> None:
        """Have it begin, and wait until it certainly has: a second lies between two reports."""
        self.begin(fault)
        for _ in range(2):
            self.child.next_report()

    def end(self, fault: Fault) -> None:
        self.child.send(messages.EndFault(fault.name, monotonic_ns()))

    def connected(self) -> bool:
        """Whether the subscriber has a connection to its broker."""
        sockets = psutil.Process(self.child.pid).net_connections("tcp")
        return any(each.status == psutil.CONN_ESTABLISHED for each in sockets)

    def until_connected(self, connected: bool) -> None:
        deadline_s = time.monotonic() + 20
        while self.connected() is not connected:
            assert time.monotonic() < deadline_s
            time.sleep(0.02)

    def until_back(self, name: str) -> None:
        deadline_ns = monotonic_ns() + 20 * NS_PER_S
        while not isinstance(notice := self.child._next(deadline_ns), messages.FaultState):
            pass
        assert (notice.name, notice.begun) == (name, False)

    def drain(self) -> None:
        self.child.send(messages.Drain(monotonic_ns() + 20 * NS_PER_S))

    def delivered(self) -> tuple[int, int]:
        """Different messages and repeated ones, by the final report."""
        report = self.child.report_when(lambda report: report.final, 30)
        return sum(row.delivered for row in report.deliveries), sum(row.duplicated for row in report.deliveries)


def uplink(reports: list[IntervalReport]) -> Histogram:
    merged = Histogram()
    for series in (series for report in reports for series in report.series if series.tag == INTENDED):
        merged.add_series(series)
    return merged


@pytest.mark.parametrize(
    ("fault", "keep_session", "qos", "arrive"),
    [
        (Kill, True, 1, 50),
        (Kill, False, 1, 20),
        (Restart, True, 1, 50),
        (Restart, True, 0, 20),
    ],
)
def test_what_is_sent_while_it_is_away_waits_only_in_a_session_that_is_kept(
    tmp_path: Path, fault: type[Kill | Restart], keep_session: bool, qos: int, arrive: int
) -> None:
    with MosquittoProcess(tmp_path) as broker:
        with ControlledChild("loadtest.csms") as child:
            scene = Scene(child, broker.url, keep_session=keep_session, qos=qos)
            scene.publish(20, qos)
            child.report_when(lambda report: report.counters["csms.calls"] == 20, 20)
            away = fault(name="away", part="subscriber", at_s=1, duration_s=1)
            scene.begin(away)
            scene.until_connected(False)
            scene.publish(30, qos)
            scene.end(away)
            scene.until_back("away")
            scene.publish(10, qos)
            scene.drain()
            assert scene.delivered() == (arrive + 10, 0)
        broker.stop()
    assert b"lt-csms" not in (tmp_path / "mosquitto.db").read_bytes(), "no session is left behind"


def test_who_is_on_its_way_back_is_waited_for_even_if_its_broker_is_down(tmp_path: Path) -> None:
    with MosquittoProcess(tmp_path) as broker, ControlledChild("loadtest.csms") as child:
        scene = Scene(child, broker.url, keep_session=True, qos=1)
        away = Restart(name="away", part="subscriber", at_s=1, duration_s=1)
        scene.begin(away)
        scene.until_connected(False)
        scene.publish(30)
        broker.stop()
        scene.end(away)
        scene.drain()
        time.sleep(0.6)  # silence enough for the books to be closed
        broker.start()
        assert scene.delivered() == (30, 0)


def test_a_rate_shows_in_the_uplink(mosquitto_url: str) -> None:
    with ControlledChild("loadtest.csms") as child:
        scene = Scene(child, mosquitto_url)
        slow = Slow(name="slow", rate_per_s=50, at_s=1, duration_s=1)
        scene.begun(slow)
        started_s = time.monotonic()
        scene.publish(100)
        reports = [child.next_report()]
        while reports[-1].counters["csms.calls"] < 100:
            reports.append(child.next_report())
        assert time.monotonic() - started_s > 1.9, "so long do a hundred take"
        assert uplink(reports).max_us - uplink(reports).min_us > 500_000
        scene.end(slow)
        scene.publish(100)
        scene.drain()
        assert scene.delivered() == (200, 0)


def test_late_answers_leave_the_uplink_alone(mosquitto_url: str) -> None:
    with ControlledChild("loadtest.csms") as child:
        scene = Scene(child, mosquitto_url)
        scene.begun(Slow(name="slow", delay_s=2, at_s=1, duration_s=1))
        started_s = time.monotonic()
        scene.publish(20)
        reports = [child.next_report()]
        while reports[-1].counters["csms.calls"] < 20:
            reports.append(child.next_report())
        assert uplink(reports).min_us < 2_000_000
        child.report_when(lambda report: report.counters["csms.answered"] == 20, 20)
        assert time.monotonic() - started_s >= 2
