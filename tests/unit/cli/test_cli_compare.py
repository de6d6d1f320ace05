"""``loadtest compare`` and its reports; the runs themselves are simulated."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
import simulated_runs
from click.testing import CliRunner
from sample_run import SampleRun

from loadtest.cli.main import loadtest
from loadtest.clock import utc_now
from loadtest.errors import ExitCode, LoadTestError
from loadtest.measure import comparison_record, run_record, run_set

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

RANK = "uplink Heartbeat p99"


def make_set(results: Path, name: str, factor: float, runs: int = 5, classes: dict[str, float] | None = None) -> None:
    random = np.random.default_rng(sum(map(ord, name)))
    names = [f"{name}-{number}" for number in range(1, runs + 1)]
    for run in names:
        (results / name / run).mkdir(parents=True)
        record = simulated_runs.run(random, run, slower=lambda _: factor, settings={"qos": len(name)}, classes=classes)
        run_record.write(record, results / name / run)
    run_set.write(run_set.RunSet(name=name, made_at=utc_now(), runs=names), results / name)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("compare") / "results"
    for name, factor in (("one", 1.0), ("other", 1.0), ("slow", 1.5)):
        make_set(place, name, factor)
    make_set(place, "few", 1.0, runs=2)
    make_set(place, "less", 3.0, runs=2)
    return place


def compared(results: Path, *words: str) -> Result:
    arguments = ["compare", *words, "--results", str(results)]
    return CliRunner().invoke(loadtest, arguments, standalone_mode=False)


def test_arms_are_ranked_and_written_down(results: Path, tmp_path: Path) -> None:
    done = compared(results, "one", "other", "slow", "--rank", RANK, "--out", str(tmp_path))
    assert done.return_value == ExitCode.PASSED, done.output
    assert done.output.startswith("3 arms  different")
    assert "slow +" in done.output
    assert re.search(r"3 +slow .* worse\n", done.output)
    found = comparison_record.load(tmp_path)
    assert found is not None
    assert found.command[:2] == ["loadtest", "compare"]
    assert "uplink Heartbeat p99" in found.command
    assert found.ranking is not None
    assert [place.rank for place in found.ranking.places] == [1, 1, 3]
    page = (tmp_path / "comparison.html").read_text()
    text = (tmp_path / "comparison.md").read_text()
    for document in (page, text):
        assert "Ranking by uplink Heartbeat p99" in document
        assert found.ranking.text in document
        assert "setting qos" in document
    assert text.startswith("# ℹ️ steady: 3 arms: different")
    assert "://" not in page.split("<script>", 1)[0]  # nothing is fetched from anywhere


def test_a_regression_against_the_baseline_has_its_code(results: Path, tmp_path: Path) -> None:
    done = compared(results, "one", "other", "slow", "--baseline", "one", "--rank", RANK, "--out", str(tmp_path))
    assert done.return_value == ExitCode.REGRESSION, done.output
    assert "baseline one  regression" in done.output
    assert "against one" in done.output
    fine = compared(results, "slow", "one", "--baseline", "slow", "--out", str(tmp_path))
    assert fine.return_value == ExitCode.PASSED
    assert "no regression" in fine.output
    large = compared(results, "one", "slow", "--baseline", "one", "--tolerance", "80%", "--out", str(tmp_path))
    assert large.return_value == ExitCode.PASSED


def test_two_repeats_are_no_verdict(results: Path) -> None:
    done = compared(results, "few", "less")
    assert done.return_value == ExitCode.PASSED
    assert "no verdict" in done.output
    (folder,) = results.glob("compare-*")
    names = {"comparison.json", "comparison.md", "comparison.html"}
    assert {path.name for path in folder.iterdir()} == names
    (folder / "comparison.html").unlink()
    again = ["report", folder.name, "--results", str(results)]
    assert CliRunner().invoke(loadtest, again, standalone_mode=False).return_value == ExitCode.PASSED
    assert {path.name for path in folder.iterdir()} == names


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("one", "nowhere"), "there is no run, set, baseline or matrix 'nowhere'"),
        (("one",), "1 given; 2 to 20"),
        (("one", "other", "--baseline", "slow"), "'slow' is none of the arms"),
        (("one", "other", "--rank", "speed"), "no two arms have a figure 'speed'"),
    ],
)
def test_what_cannot_be_compared_is_refused(results: Path, words: tuple[str, ...], said: str) -> None:
    refused = compared(results, *words).exception
    assert isinstance(refused, LoadTestError)
    assert said in refused.message
    assert refused.exit_code == ExitCode.USAGE


def test_pictures_are_of_every_leg_and_every_figure(tmp_path: Path) -> None:
    for name, uplink_us in (("one", 900.0), ("two", 1_300.0)):
        for number in range(1, 5):
            folder = tmp_path / name / f"{name}-{number}"
            SampleRun(uplink_us=uplink_us, steady_s=8, rate_per_s=100).finished(folder)
            record = run_record.load(folder)
            assert record.verdict is not None
            run_record.write(msgspec.structs.replace(record, state="complete"), folder)
        run_set.write(
            run_set.RunSet(name=name, made_at=utc_now(), runs=[f"{name}-{each}" for each in range(1, 5)]),
            tmp_path / name,
        )
    done = compared(tmp_path, "one", "two", "--out", str(tmp_path / "out"))
    assert done.return_value == ExitCode.PASSED, done.output
    page = (tmp_path / "out" / "comparison.html").read_text()
    charts = json.loads(page.split('id="charts">', 1)[1].split("</script>", 1)[0])
    by_name = {chart["id"]: chart for chart in charts}
    legs = [(variant["choice"]["Leg"], variant["choice"]["Phase"]) for variant in by_name["curves"]["variants"]]
    assert legs[0] == ("Uplink", "steady")
    assert ("Connect", "ramp") in legs
    assert [trace["name"] for trace in by_name["curves"]["variants"][0]["data"]] == ["one", "two"]
    found = comparison_record.load(tmp_path / "out")
    assert found is not None
    assert len(by_name["intervals"]["variants"]) == len(found.figures)
    assert {figure.name for figure in found.figures} >= {"uplink p50", "throughput", "loss"}
    assert any(shape.real and shape.leg == "uplink" for shape in found.shapes)


def test_what_is_found_in_a_class_alone_is_told_and_no_regression(tmp_path: Path) -> None:
    for name, factor in (("was", 1.0), ("is", 2.0)):
        make_set(tmp_path, name, 1.0, classes={"Fiber": 1.0, "Country": factor})
    out = tmp_path / "out"
    done = compared(tmp_path, "was", "is", "--baseline", "was", "--out", str(out))
    assert done.return_value == ExitCode.PASSED, done.output
    assert "of single classes, which is no regression:" in done.output
    assert re.search(r"worse +uplink p50 of Country ", done.output)
    assert "of Fiber" not in done.output
    for name in ("comparison.html", "comparison.md"):
        assert "uplink p50 of Fiber" in (out / name).read_text()
