"""Every figure of latency and of the ledgers in the documents of a run is the one found again from its files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
import recompute
from eventful_run import EventfulRun

from loadtest.reports import write_reports
from loadtest.scenario.bounds import below
from loadtest.scenario.thresholds import Latency

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FATES = ("offered", "dropped", "sent", "answered", "call_error", "timed_out", "cut_off", "unfinished")
PARTS = ("sent", "delivered", "lost", "duplicated", "reordered")
LEGS = {
    "Round trip": "round_trip",
    "Uplink": "uplink",
    "Connect": "connect",
    "Register": "register",
    "Command": "command",
    "Downlink": "downlink",
    "Reply": "reply",
}


@pytest.fixture(name="run_dir", scope="module")
def a_run_with_flaws(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("run")
    EventfulRun(
        folder,
        rate_per_s=200,
        lost_every=37,
        duplicated_every=50,
        reordered_every=80,
        stall_from_s=5,
        stall_s=1,
        thresholds=(
            Latency("p99", "uplink", below(1, "ms")),
            Latency("p50", "round_trip", below(10, "s"), action="Heartbeat"),
        ),
    ).run()
    write_reports(folder)
    return folder


def assert_is(text: str, value_us: float) -> None:
    shown_us, half_digit_us = recompute.microseconds(text)
    assert abs(shown_us - value_us) <= half_digit_us * 1.001, f"{text} for {value_us} µs"


def counted(row: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    return [f"{row[name]:,}" for name in names]


def from_page(run_dir: Path) -> dict[str, list[list[str]]]:
    return {title.removesuffix("Copy"): rows for title, rows in recompute.page(run_dir)[0].items()}


@pytest.mark.parametrize("read", [from_page, recompute.markdown], ids=["report.html", "summary.md"])
def test_latency_tables(run_dir: Path, read: Callable[[Path], dict[str, list[list[str]]]]) -> None:
    series, tables = recompute.latency(run_dir), read(run_dir)
    seen = set()
    of_leg = [
        (leg, table) for name, leg in LEGS.items() for title, table in tables.items() if title.startswith(f"{name}: ")
    ]
    for leg, (heading, *rows) in of_leg:
        assert heading == ["Phase", "Action", "Count", "p50", "p90", "p99", "p99.9", "Max", "Service p99"]
        for phase, action, count, *percentiles, longest, service in rows:
            one = series[f"{phase}.{leg}.{action}.intended"]
            assert count == f"{one.histogram.get_total_count():,}"
            for text, percent in zip(percentiles, (50, 90, 99, 99.9), strict=True):
                assert_is(text, one.percentile_us(percent))
            assert_is(longest, one.max_us)
            assert_is(service, series[f"{phase}.{leg}.{action}.service"].percentile_us(99))
            seen.add(f"{phase}.{leg}.{action}.intended")
    assert seen == {tag for tag in series if tag.endswith("intended")}, "no series is left out"


@pytest.mark.parametrize("read", [from_page, recompute.markdown], ids=["report.html", "summary.md"])
def test_ledgers(run_dir: Path, read: Callable[[Path], dict[str, list[list[str]]]]) -> None:
    ledger, tables = recompute.ledger(run_dir), read(run_dir)
    heading, *rows, total = tables["Operations, at the charge points"]
    columns = [name.lower().replace(" ", "_") for name in heading[2:]]
    assert set(FATES) <= set(columns)
    assert rows == [[row["phase"], row["action"], *counted(row, tuple(columns))] for row in ledger["operations"]]
    sums = {name: sum(row[name] for row in ledger["operations"]) for name in columns}
    assert total[2:] == counted(sums, tuple(columns))
    heading, *rows = tables["Uplink, at the subscriber"]
    columns = [name.lower().replace(" ", "_") for name in heading[2:]]
    assert set(PARTS) <= set(columns)
    assert rows == [[row["phase"], row["action"], *counted(row, tuple(columns))] for row in ledger["legs"]]
    heading, *rows = tables["Lost messages by charge point"]
    assert [int(row[2].replace(",", "")) for row in rows] == [row["count"] for row in ledger["lost_messages"][:20]]


def test_tiles(run_dir: Path) -> None:
    series, ledger, tiles = recompute.latency(run_dir), recompute.ledger(run_dir), recompute.page(run_dir)[1]
    for name in ("Round trip", "Uplink"):
        everything = recompute.together(series, "steady", LEGS[name], "intended")
        assert_is(tiles[f"{name} p99"], everything.percentile_us(99))
    assert ledger["lost"] > 0
    assert tiles["Messages lost"] == f"{ledger['lost']:,}"
    assert tiles["Messages duplicated"] == f"{ledger['duplicated']:,}"


def test_thresholds(run_dir: Path) -> None:
    """What was observed, in the page, the summary and JUnit's report; there, only of what was missed."""
    series = recompute.latency(run_dir)
    expected = {
        "p99 uplink steady < 1ms": recompute.together(series, "steady", "uplink", "intended").percentile_us(99),
        "p50 round_trip Heartbeat steady < 10s": series["steady.round_trip.Heartbeat.intended"].percentile_us(50),
    }
    for tables in (from_page(run_dir), recompute.markdown(run_dir)):
        _, *rows = tables["Thresholds"]
        assert {row[1] for row in rows} == expected.keys()
        for _, text, observed, *_ in rows:
            assert_is(re.sub(r"(?<=\d)(?=[a-zµ])", " ", observed), expected[text])
    cases = ET.parse(run_dir / "junit.xml").iter("testcase")
    missed = {case.get("name"): found.get("message", "") for case in cases for found in case.iter("failure")}
    observed = missed["p99 uplink steady < 1ms"].removeprefix("observed ")
    assert_is(re.sub(r"(?<=\d)(?=[a-zµ])", " ", observed), expected["p99 uplink steady < 1ms"])


def test_where_messages_vanished_accounts_for_all_that_were_lost(run_dir: Path) -> None:
    heading, *rows = from_page(run_dir)["Where messages vanished"]
    assert heading == ["Way", "Where", "Messages"]
    assert [row[1] for row in rows if row[0] == "CALLs up"] == ["between gateway and subscriber"]


def test_the_recomputation_would_notice(run_dir: Path) -> None:
    series = recompute.latency(run_dir)["steady.uplink.Heartbeat.intended"]
    with pytest.raises(AssertionError):
        assert_is("1.23 ms", 1_240)
    assert_is("1.23 ms", 1_234)
    assert series.histogram.get_total_count() > 0
