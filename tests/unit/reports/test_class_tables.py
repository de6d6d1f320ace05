"""What a report says of each class of a mixed fleet, found once more from the files beside it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
import recompute
from rich.console import Console
from sample_run import SampleRun

from loadtest.cli.summary import print_summary
from loadtest.measure import run_record
from loadtest.reports.class_tables import classes
from loadtest.reports.write import write_reports

if TYPE_CHECKING:
    from pathlib import Path

SIZES = {"Depot": 10, "Kerb": 30}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixed")
    SampleRun(lost_every=37, duplicated_every=23, classes=SIZES).finished(folder)
    write_reports(folder)
    return folder


def test_every_class_has_a_row_and_the_run_is_their_sum(folder: Path) -> None:
    tables, _ = recompute.page(folder)
    for title in ("Operations by class", "Arrivals by class, at the subscriber"):
        heading, *parts, whole = next(rows for name, rows in tables.items() if name.startswith(title))
        assert [row[0] for row in parts] == list(SIZES)
        assert whole[0] == "all"
        for column in range(1, len(heading)):
            assert int(whole[column].replace(",", "")) == sum(int(row[column].replace(",", "")) for row in parts)
    assert "Arrivals by class, at the subscriber" in recompute.markdown(folder)


@pytest.mark.parametrize("leg", ["round_trip", "uplink"])
def test_percentiles_of_a_class_are_those_of_its_samples(folder: Path, leg: str) -> None:
    titles = {"round_trip": "Round trip by class, all actions", "uplink": "Uplink by class, all actions"}
    shown = recompute.markdown(folder)[titles[leg]][1:]
    assert {(row[0], row[1]) for row in shown} == {(phase, name) for phase in ("ramp", "steady") for name in SIZES}
    series = recompute.latency(folder, "latency-classes.hlog")
    for phase, name, count, *times in shown:
        of_class = {tag.removeprefix(f"{name}."): one for tag, one in series.items() if tag.startswith(f"{name}.")}
        samples = recompute.together(of_class, phase, leg, "intended")
        assert int(count) == samples.histogram.total_count
        for text, percent in zip(times, (50, 90, 99, 99.9, 100), strict=False):
            value_us, half = recompute.microseconds(text)
            assert abs(samples.percentile_us(percent) - value_us) <= half + 1


def test_the_summary_tells_of_each_class(folder: Path) -> None:
    out = io.StringIO()
    record = run_record.load(folder)
    print_summary(record, Console(file=out, width=200))
    for part in record.classes:
        (line,) = [line for line in out.getvalue().splitlines() if line.startswith(f"class    {part.name}")]
        assert f"{SIZES[part.name]} of {SIZES[part.name]} registered; sent {part.operations.sent}," in line
        assert f"lost {part.deliveries.lost}; round trip p50 " in line


def test_one_class_is_not_told_apart(tmp_path: Path) -> None:
    record = SampleRun(classes={"Kerb": 40}).finished(tmp_path)
    assert classes(record) == ()
    write_reports(tmp_path)
    assert "Classes" not in (tmp_path / "summary.md").read_text()
