"""The broker is restarted under transactions: QoS 0 loses some and QoS 1 none, and the ledger says which, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from scenario_copies import unhurried

from loadtest.brokers.mosquitto import Mosquitto
from loadtest.measure import ledger as ledgers
from loadtest.measure.transaction_ledger import DUPLICATED, LOST, SENDING_LOST

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from locust_process import LocustRun

    from loadtest.measure.ledger import Ledger
    from loadtest.measure.run_record import RunRecord

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(Mosquitto().executable() is None, reason="amqtt keeps no sessions on disk"),
]

BUSY = """
from loadtest.scenario.faults import Restart

profile = PublicAc.profile
drivers = replace(profile.drivers, per_day=40_000, stay_s=constant(2))
# Each message once: what a lost one costs is not made good by another.
given_up = {"MessageTimeout": "3", "TransactionMessageAttempts": "1"}
PublicAc.profile = replace(profile, drivers=drivers, meter_interval_s=1, configuration=given_up)
CentralSystem.faults = (Restart(name="broker", part="broker", at_s=2, duration_s=1, recovery_s=4),)
"""
OPTIONS = ("--headless", "--only-summary", "--charge-points", "60", "--ramp", "300ms", "--broker", "mosquitto")
SIZES = ("--duration", "7s", "--drain-timeout", "4s")


def outcome(run: LocustRun) -> tuple[RunRecord, Ledger]:
    run.wait(90)
    record, ledger = run.record(), ledgers.load(run.folder)
    assert record.verdict is not None
    assert record.verdict.reasons == [], run.log.read_text()
    assert record.unbalanced == ledger.unbalanced == []
    (fault,) = record.faults
    assert fault.back_s is not None
    assert record.registered_at_end == 60
    assert run.left_over() == []
    return record, ledger


def test_at_qos_0_every_loss_is_named_and_none_is_made_up(start: Callable[..., LocustRun], tmp_path: Path) -> None:
    record, ledger = outcome(
        start(*OPTIONS, *SIZES, "--qos", "0", scenario=unhurried(tmp_path, "broker_restart", BUSY))
    )
    transactions = ledger.transactions
    assert transactions is not None
    assert 0 < transactions.lost < record.deliveries.lost, "other messages are lost as well"
    assert (transactions.duplicated, transactions.unexplained) == (0, 0)
    # Transaction by transaction: each loss has a name of its own, and nothing else is held against anybody.
    lost = {(flaw.charge_point, flaw.transaction, flaw.place) for flaw in transactions.flaws if flaw.what == LOST}
    assert len(lost) == len(transactions.flaws) == transactions.lost
    assert transactions.flawed == len({key[:2] for key in lost})
    assert transactions.complete >= transactions.stopped - transactions.flawed
    assert {flaw.phase for flaw in transactions.flaws} <= {"steady", "fault:broker", "recovery:broker"}
    assert sum(row.count for row in transactions.rows if row.what == SENDING_LOST) == transactions.lost
    # Hop by hop: what vanished did so between those who counted it.
    upward = [
        hop.count
        for hop in record.counted_by
        if hop.way == "up" and ("given up" in hop.counted_by or "explained" in hop.counted_by)
    ]
    assert sum(upward) == record.deliveries.lost
    operations = record.operations
    assert operations.timed_out + operations.cut_off + operations.unfinished >= record.deliveries.lost


def test_at_qos_1_what_is_kept_on_disk_arrives(start: Callable[..., LocustRun], tmp_path: Path) -> None:
    scenario = unhurried(tmp_path, "broker_restart", BUSY)
    record, ledger = outcome(start(*OPTIONS, *SIZES, "--qos", "1", "--persistent", scenario=scenario))
    transactions = ledger.transactions
    assert transactions is not None
    assert record.deliveries.lost == transactions.lost == transactions.late == transactions.unexplained == 0
    assert record.deliveries.delivered == record.operations.sent
    assert transactions.started > 0
    # MQTT repeats what was not acknowledged when the broker went; nothing else may be remarkable.
    assert {flaw.what for flaw in transactions.flaws} <= {DUPLICATED}
    assert transactions.complete >= transactions.stopped - transactions.flawed
