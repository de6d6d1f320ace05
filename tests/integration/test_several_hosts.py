"""The commands of docs/distributed.md on three hosts, each with a clock of its own: figures are as of one clock."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from network_namespaces import Hosts, why_not
from scenario_copies import unhurried

from loadtest.measure import run_record
from loadtest.units import NS_PER_S, NS_PER_US

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtest.measure.run_record import RunRecord

pytestmark = pytest.mark.integration

AHEAD_S = (0, 5_000, 90_000)
"""The master's clock is this machine's; the workers' are ahead, by more than any histogram holds."""
CHARGE_POINTS = 61
DOCUMENT = Path(__file__).parents[2] / "docs" / "distributed.md"
COMMANDS = re.findall(r"^((?:loadtest|locust) .*?) +#", DOCUMENT.read_text(), re.MULTILINE)


class Run(NamedTuple):
    record: RunRecord
    folder: Path
    statuses: list[int]
    said: str


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    if reason := why_not():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("hosts")
    scenario = unhurried(folder, "steady")
    small = ("--charge-points", str(CHARGE_POINTS), "--ramp", "0.3s", "--duration", "2s")
    results = ("--results", str(folder / "results"), "--run-id", "run", "--quiet")
    (folder / "results").mkdir()
    with Hosts(AHEAD_S, folder, folder / "results") as hosts:

        def documented(command: str) -> list[str]:
            """A command of the document, for here."""
            program, *words = shlex.split(command.replace("10.0.0.", hosts.network))
            words = [str(scenario) if word in ("steady", "scenarios/steady.py") else word for word in words]
            return [sys.executable, "-m", program, *words]

        run, *workers = COMMANDS
        processes = [hosts.start(0, *documented(run), *small, *results)]
        processes += [hosts.start(number, *documented(worker)) for number, worker in enumerate(workers, 1)]
        statuses = [process.wait(90) for process in processes]
        run_dir = folder / "results" / "run"
        assert (run_dir / run_record.RUN_JSON).exists(), hosts.said()
        yield Run(run_record.load(run_dir), run_dir, statuses, hosts.said())


def test_the_run_passes_and_every_count_agrees(run: Run) -> None:
    record = run.record
    assert record.verdict is not None
    assert record.verdict.reasons == [], run.said
    assert run.statuses == [0, 0, 0]
    sent = record.operations.sent
    assert sent == record.operations.answered == record.deliveries.delivered > 0
    assert (record.deliveries.lost, record.deliveries.duplicated, record.unbalanced) == (0, 0, [])


def test_each_worker_had_its_own_part_of_the_fleet(run: Run) -> None:
    """Two engines with one charge point between them would throw each other out of the gateway."""
    assert run.record.registered == run.record.registered_at_end == CHARGE_POINTS
    assert {health.source for health in run.record.health if health.role == "engine"} == {
        "worker-0/engine-0",
        "worker-1/engine-0",
    }
    sent = json.loads((run.folder / run_record.LEDGER_JSON).read_bytes())["operations"]
    assert sum(row["sent"] for row in sent if row["action"] == "BootNotification") == CHARGE_POINTS


def test_the_measured_offsets_are_the_true_ones_within_their_bounds(run: Run) -> None:
    clocks = run.record.clocks
    assert [clock.worker for clock in clocks] == ["worker-0", "worker-1"]
    for clock, ahead_s in zip(sorted(clocks, key=lambda each: each.offset_ns), AHEAD_S[1:], strict=True):
        assert abs(clock.offset_ns - ahead_s * NS_PER_S) <= clock.bound_us * NS_PER_US, clock
        assert 0 < clock.bound_us <= clock.error_us
        assert clock.clock in {health.host for health in run.record.health}
    assert run.record.one_way_error_us == sum(clock.error_us for clock in clocks), "from one worker to the other"


def test_there_is_one_folder_of_results_and_workers_did_without_it(run: Run) -> None:
    logs = {path.name: path.read_text() for path in (run.folder / "logs").iterdir()}
    assert not [name for name, text in logs.items() if name.startswith("worker") and not text], "sent by nobody"
    assert {path.name for path in run.folder.iterdir()} >= {"run.json", "ledger.json", "latency.hlog", "report.html"}


def test_one_way_times_are_times_between_two_hosts_and_not_between_two_clocks(run: Run) -> None:
    legs = {row.tag.split(".")[1]: row for row in run.record.latency}
    assert {"uplink", "round_trip"} <= legs.keys()
    for row in run.record.latency:
        assert row.overflow == 0, row
        if ".uplink." in row.tag:
            # The error of the conversion, and no more, may stand between what is shown and what was.
            assert row.min_us >= -run.record.one_way_error_us, row
    assert {phase.name for phase in run.record.phases} == {"ramp", "steady", "drain"}
