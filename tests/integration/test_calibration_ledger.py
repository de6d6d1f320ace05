"""The ledgers held against a relay that loses, repeats and swaps messages, and knows exactly which.

Links come and go meanwhile: what they destroy must not be taken for the relay's doing, nor the relay's for theirs.
"""

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
    from loadtest.measure.leg import LostMessages

pytestmark = pytest.mark.integration

SCENARIO = """
from loadtest.locust_plugin import ChargePointFleet, CsmsSubscriber
from loadtest.scenario.drivers import Drivers
from loadtest.scenario.links import LinkModel
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.quantiles import constant
from loadtest.scenario.reconnect import fixed

FLAPPING = LinkModel(mean_up_s=10, down_median_s=0.7, down_spread=1.5)


class Busy(ChargePointFleet):
    profile = ChargePointProfile(
        connectors=2,
        drivers=Drivers(
            per_day=20_000, stay_s=constant(2), energy_wh=constant(9_000), vehicle_power_w=11_000, battery_wh=60_000
        ),
        meter_interval_s=0.5,
        link={link},
        reconnect=fixed(0.3),
        configuration={"TransactionMessageAttempts": "3", "TransactionMessageRetryInterval": "1"},
    )


class CentralSystem(CsmsSubscriber):
    heartbeat_interval_s = 2
"""


def run(tmp_path: Path, broker_url: str, link: str, *options: str) -> tuple[Ledger, str]:
    scenario = tmp_path / "busy.py"
    scenario.write_text(SCENARIO.replace("{link}", link))
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
        ledger, summary = run(tmp_path, relay.url, "FLAPPING", *options)
    assert min(len(relay.dropped), len(relay.duplicated), len(relay.swapped)) > 2
    assert (ledger.duplicated, ledger.reordered) == (len(relay.duplicated), len(relay.swapped))

    dropped = set(map(key, relay.dropped))
    lost, link_cut = named(ledger.lost_messages), named(ledger.link_cut_messages)
    assert (len(lost), len(link_cut)) == (ledger.lost, ledger.link_cut)
    assert lost <= dropped, "nobody is accused of what a link has done"
    assert dropped - lost == dropped & link_cut, "only what was sent right before a cut may be either's doing"
    assert len(link_cut - dropped) == ledger.total.sent - relay.calls > 0, "what links destroyed never got to the relay"
    assert lost, "and links are no excuse for the rest"
    assert ledger.total.link_cut >= ledger.link_cut
    assert ledger.total.cut_off == 0, "nobody else has ended a connection"

    found = ledger.transactions
    assert found is not None
    told: Counter[tuple[str, str]] = Counter()
    for row in found.rows:
        told[row.what, row.cause] += row.count
    hop = "lost between gateway and subscriber"
    assert told["sending lost", hop] == of_transactions([call for call in relay.dropped if key(call) in lost])
    assert told["duplicated", "repeated on the way"] == of_transactions(relay.duplicated)
    assert told["reordered", "overtaken on the way"] == found.reordered == of_transactions(relay.swapped)
    assert told["late", "sent again by the charge point"] + told["late", "link cut in flight"] == found.late
    assert told["sending cut off, lost", "link cut in flight"] > 0
    # What charge points still meant to send as the run ended makes a transaction neither complete nor flawed.
    assert found.complete + found.flawed + found.pending >= found.stopped > 20
    assert found.flawed >= of_transactions(relay.duplicated) // 2
    assert "Messages of transactions with a flaw" in summary
    assert run_record.load(tmp_path / "run").transactions is not None


def named(messages: list[LostMessages]) -> set[tuple[int, int]]:
    return {(row.charge_point, sequence) for row in messages for sequence in row.sequences}


def key(call: tuple[str, str]) -> tuple[int, int]:
    known = stamp.decode(call[0])
    assert known is not None
    return known.charge_point, known.sequence


def of_transactions(calls: list[tuple[str, str]]) -> int:
    return sum(action in MESSAGES for _, action in calls)


def test_an_honest_broker_is_accused_of_nothing(tmp_path: Path, mosquitto_url: str) -> None:
    ledger, _ = run(tmp_path, mosquitto_url, "None", "--duration", "4s")
    found = ledger.transactions
    assert found is not None
    assert found.rows == []
    assert found.started >= found.stopped == found.complete > 0
    assert (found.energy_checked or 0) > 20
    assert found.energy_backwards == 0
