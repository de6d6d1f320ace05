"""The ledgers held against a relay that loses, repeats and swaps messages, and knows exactly which."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from loadtest.measure import ledger as ledgers
from loadtest.measure import run_record
from loadtest.measure.transaction_records import MESSAGES
from loadtest.protocol import stamp
from loadtest.testing.flawed_relay import FlawedRelay

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.measure.ledger import Ledger

pytestmark = pytest.mark.integration

SCENARIO = """
from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber
from loadtest.scenario.drivers import Drivers
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.quantiles import constant


class Busy(ChargePointFleet):
    profile = ChargePointProfile(
        connectors=2,
        drivers=Drivers(
            per_day=20_000, stay_s=constant(2), energy_wh=constant(9_000), vehicle_power_w=11_000, battery_wh=60_000
        ),
        meter_interval_s=0.5,
        configuration={"TransactionMessageAttempts": "3", "TransactionMessageRetryInterval": "1"},
    )


class CentralSystem(CsmsSubscriber):
    heartbeat_interval_s = 2
"""


def run(tmp_path: Path, broker_url: str, *options: str) -> tuple[Ledger, str]:
    scenario = tmp_path / "busy.py"
    scenario.write_text(SCENARIO)
    command = [sys.executable, "-m", "loadtest", "run", str(scenario), "--results", str(tmp_path), "--run-id", "run"]
    command += ["--charge-points", "60", "--ramp", "300ms", "--broker", broker_url, "--qos", "0", *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    ledger = ledgers.load(tmp_path / "run")
    assert ledger.unbalanced == [], ended.stdout + ended.stderr
    return ledger, (tmp_path / "run" / "summary.md").read_text()


def test_lost_repeated_and_swapped_messages_are_reported_with_exactly_those_counts(
    tmp_path: Path, mosquitto_url: str
) -> None:
    broker = urlsplit(mosquitto_url)
    assert broker.hostname is not None
    assert broker.port is not None
    with FlawedRelay(broker.hostname, broker.port) as relay:
        options = ("--duration", "5s", "--call-timeout", "1s", "--drain-timeout", "4s")
        ledger, summary = run(tmp_path, relay.url, *options)
    assert relay.calls == ledger.total.sent
    assert min(len(relay.dropped), len(relay.duplicated), len(relay.swapped)) > 2
    assert (ledger.lost, ledger.duplicated, ledger.reordered) == (
        len(relay.dropped),
        len(relay.duplicated),
        len(relay.swapped),
    )
    named = {(row.charge_point, sequence) for row in ledger.lost_messages for sequence in row.sequences}
    stamps = [stamp.decode(unique_id) for unique_id, _ in relay.dropped]
    assert named == {(each.charge_point, each.sequence) for each in stamps if each is not None}

    found = ledger.transactions
    assert found is not None
    told: Counter[tuple[str, str]] = Counter()
    for row in found.rows:
        told[row.what, row.cause] += row.count
    hop = "lost between gateway and subscriber"
    assert told["sending lost", hop] == of_transactions(relay.dropped)
    assert told["duplicated", "repeated on the way"] == of_transactions(relay.duplicated)
    assert told["reordered", "overtaken on the way"] == found.reordered == of_transactions(relay.swapped)
    assert told["late", "sent again by the charge point"] == found.late
    assert found.complete + found.flawed >= found.stopped > 20
    assert found.flawed >= of_transactions(relay.duplicated) // 2
    assert "Messages of transactions with a flaw" in summary
    assert run_record.load(tmp_path / "run").transactions is not None


def of_transactions(calls: list[tuple[str, str]]) -> int:
    return sum(action in MESSAGES for _, action in calls)


def test_an_honest_broker_is_accused_of_nothing(tmp_path: Path, mosquitto_url: str) -> None:
    ledger, _ = run(tmp_path, mosquitto_url, "--duration", "4s")
    found = ledger.transactions
    assert found is not None
    assert found.rows == []
    assert found.started >= found.stopped == found.complete > 0
    assert found.energy_checked > 20
    assert found.energy_backwards == 0
