"""What one run shows, from its record and from the files beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
import simulated_runs
from sample_run import SampleRun

from loadtest.compare.run_figures import run_figures
from loadtest.measure import run_record
from loadtest.measure.run_description import FleetPart
from loadtest.measure.run_totals import DeliveryTotals, OperationTotals, TransactionTotals
from loadtest.measure.source_health import SourceHealth
from loadtest.measure.storm import Storm

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.compare.figure_keys import Key


def named(figures: dict[Key, float]) -> dict[str, float]:
    return {str(key): value for key, value in figures.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("figures") / "run"
    SampleRun(steady_s=20, rate_per_s=60, lost_every=100).finished(place)
    return place


def test_all_actions_and_throughput_come_from_the_files(folder: Path) -> None:
    record = run_record.load(folder)
    found = run_figures(record, folder)
    values = named(found.values)
    assert values["throughput"] == pytest.approx(60, rel=0.05)
    assert values["loss"] == pytest.approx(100 * record.deliveries.lost / record.operations.sent)
    together = found.samples["steady", "uplink"]
    assert values["uplink p90"] == min(together.percentile(90), together.max_us)
    assert values["uplink Heartbeat p50"] < values["uplink Heartbeat p90"]
    assert values["uplink StartTransaction p99.9"] == 0  # there are not ten messages above it
    assert found.gaps == []
    without = named(run_figures(record).values)
    assert "uplink p90" not in without
    assert "throughput" not in without
    assert without["uplink Heartbeat p50"] == values["uplink Heartbeat p50"]


def test_a_damaged_log_is_told_and_nothing_is_made_of_it(folder: Path, tmp_path: Path) -> None:
    lines = (folder / "latency.hlog").read_text().splitlines(keepends=True)
    (tmp_path / "latency.hlog").write_text("".join(lines[:20]) + "nonsense\n" + "".join(lines[20:]))
    found = run_figures(run_record.load(folder), tmp_path)
    assert not found.samples
    assert "latency.hlog" in found.gaps[0]
    assert "uplink p90" not in named(found.values)


def test_costs_losses_and_times(folder: Path) -> None:
    record = msgspec.structs.replace(
        run_record.load(folder),
        operations=OperationTotals(sent=1_000),
        deliveries=DeliveryTotals(observed=True, lost=5),
        registered_after_s={50: 1.0, 99: 2.5},
        storms=[
            Storm(kind="reconnect", phase="fault:cut", start_s=5.0, away=40, back_after_s={99: 3.0}),
            Storm(kind="reconnect", phase="fault:cut", start_s=9.0, away=40, back_after_s={99: 7.0}),
        ],
        health=[
            SourceHealth(
                source="broker", role="stand", cpu_percent=6.0, rss_bytes_first=7_000_000, rss_bytes_max=8_000_000
            ),
            SourceHealth(source="gateway", role="stand", cpu_percent=0.0, rss_bytes_max=30_000_000),
        ],
    )
    found = run_figures(record, folder)
    values = named(found.values)
    assert values["loss"] == pytest.approx(0.5)
    assert values["time to 99 % registered"] == 2.5
    assert values["time to 99 % back in fault:cut"] == 7.0
    # 6 % of a second for 60 messages
    assert values["broker CPU per message"] == pytest.approx(1_000, rel=0.05)
    assert "gateway CPU per message" not in values  # less than can be seen
    assert values["gateway memory"] == 30_000_000
    assert values["broker memory per charge point"] == pytest.approx(1_000_000 / record.registered)
    assert "gateway memory per charge point" not in values  # nobody has looked at it before


def test_what_stands_between_charge_points_and_central_system_is_added_up_only_if_all_of_it_is_known(
    folder: Path,
) -> None:
    def together(path: str, *parts: str) -> float | None:
        record = run_record.load(folder)
        record.run.fleet = [FleetPart(name="A", charge_points=40, cohorts=1, path=path)]
        record.health = [SourceHealth(source=part, role="stand", cpu_percent=3.0) for part in parts]
        return named(run_figures(record, folder).values).get("broker and gateway CPU per message")

    assert together("direct", "broker") == pytest.approx(500, rel=0.05)  # 3 % of a second for 60 messages
    assert together("gateway", "broker", "gateway") == pytest.approx(1_000, rel=0.05)
    assert together("gateway", "broker") is None  # the gateway is elsewhere
    assert together("direct") is None


def test_engines_transactions_and_bytes_on_the_wire(folder: Path) -> None:
    carried = {"engine.tcp_connections": 50, "engine.tcp_bytes_sent": 150_000, "engine.tcp_bytes_received": 50_000}
    record = msgspec.structs.replace(
        run_record.load(folder),
        registered=40,
        health=[
            SourceHealth(source=f"engine-{i}", role="engine", cpu_percent=3.0, rss_bytes_first=10, rss_bytes_max=4_010)
            for i in range(2)
        ],
        transactions=TransactionTotals(started=200, lost=0, late=3),
        counters=carried,
    )
    values = named(run_figures(record, folder).values)
    assert values["engine CPU per message"] == pytest.approx(1_000, rel=0.05)  # 6 % of a second for 60 messages
    assert values["engine memory per charge point"] == 200
    assert (values["transaction messages lost"], values["transaction messages late"]) == (0, 1.5)
    assert values["bytes on the wire per connection"] == 4_000
    assert values["bytes on the wire per charge point"] == 5_000
    not_all = msgspec.structs.replace(record, counters=carried | {"engine.tcp_uncounted": 1})
    assert "bytes on the wire per connection" not in named(run_figures(not_all, folder).values)


def test_simulated_runs_are_as_real_ones_are() -> None:
    values = named(run_figures(simulated_runs.run(np.random.default_rng(1))).values)
    assert values["round trip MeterValues p99"] > values["round trip MeterValues p50"] > 0


def test_classes_have_figures_of_their_own(tmp_path: Path) -> None:
    record = SampleRun(classes={"Depot": 20, "Kerb": 20}, lost_every=50).finished(tmp_path)
    values = named(run_figures(record).values)
    for part in record.classes:
        series = {row.tag: row for row in part.all_actions}
        assert values[f"uplink p50 of {part.name}"] == series["steady.uplink.all.intended"].p50_us
        assert values[f"loss of {part.name}"] == 100 * part.deliveries.lost / part.operations.sent
    assert f"connect p50 of {part.name}" in values
    assert "uplink p50 of Depot in ramp" not in values
