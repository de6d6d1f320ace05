"""Every figure of commands, transactions, storms, faults and health is the one found again from a run's files."""

from __future__ import annotations

import io
import math
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
import recompute
from eventful_run import EventfulRun
from rich.console import Console

from loadtest.cli.summary import print_summary
from loadtest.measure import run_record
from loadtest.reports import write_reports

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Read = Callable[[Path], dict[str, list[list[str]]]]

FATES = ("offered", "dropped", "sent", "answered", "call_error", "timed_out", "link_cut", "expired", "unfinished")
PARTS = ("sent", "delivered", "link_cut", "lost", "duplicated", "reordered")
TRANSACTION_MESSAGES = ("StartTransaction", "MeterValues", "StopTransaction")
CAUSES = {"http_503": "HTTP 503", "connection_refused": "connection refused", "tls": "TLS"}


@pytest.fixture(name="run", scope="module")
def an_eventful_run(tmp_path_factory: pytest.TempPathFactory) -> EventfulRun:
    folder: Path = tmp_path_factory.mktemp("run")
    run = EventfulRun(folder, rate_per_s=120).run()
    write_reports(folder)
    return run


@pytest.fixture(name="run_dir", scope="module")
def its_folder(run: EventfulRun) -> Path:
    return run.run_dir


@pytest.fixture(name="terminal", scope="module")
def what_the_terminal_says(run_dir: Path) -> str:
    out = io.StringIO()
    print_summary(run_record.load(run_dir), Console(file=out, width=200))
    return out.getvalue()


def from_page(run_dir: Path) -> dict[str, list[list[str]]]:
    return recompute.page(run_dir)[0]


both = pytest.mark.parametrize("read", [from_page, recompute.markdown], ids=["report.html", "summary.md"])


def names_of(heading: list[str]) -> tuple[str, ...]:
    return tuple(name.lower().replace(" ", "_") for name in heading)


def counts(row: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    return [f"{row[name]:,}" for name in names]


def assert_is(shown: tuple[float, float], value: float) -> None:
    assert abs(shown[0] - value) <= shown[1] * 1.001, f"{shown[0]} for {value}"


def test_the_run_is_eventful_and_its_books_balance(run_dir: Path) -> None:
    """A figure that is 0 everywhere would be found again in any column."""
    ledger = recompute.ledger(run_dir)
    assert ledger["unbalanced"] == []
    commands = recompute.sums(ledger["commands"]["operations"], FATES)
    legs = [recompute.sums(ledger["commands"][leg], PARTS[:-1]) for leg in ("downlink", "replies")]
    for figures in (commands, *legs, recompute.transactions(run_dir)):
        assert all(figures.values()), figures
    assert len(recompute.record(run_dir)["storms"]) == 2


@both
def test_commands_by_action(run_dir: Path, read: Read) -> None:
    books = recompute.ledger(run_dir)["commands"]
    heading, *rows, total = read(run_dir)["Commands, at the central system"]
    columns = names_of(heading[2:])
    assert sorted(columns) == sorted(FATES)
    by_action = recompute.of_actions(books["operations"])
    assert [row[0] for row in rows] == list(by_action)
    for action, answers, *cells in rows:
        assert cells == counts(recompute.sums(by_action[action], FATES), columns)
        told = {row["answer"]: f"{row['count']:,}" for row in books["answers"] if row["action"] == action}
        assert dict(each.rsplit(" ", 1) for each in answers.split(", ")) == told
    assert total == ["all", "", *counts(recompute.sums(books["operations"], FATES), columns)]


@both
def test_legs_of_commands(run_dir: Path, read: Read) -> None:
    books = recompute.ledger(run_dir)["commands"]
    heading, *rows = read(run_dir)["Commands and their answers, on their way"]
    columns = names_of(heading[3:])
    assert sorted(columns) == sorted(PARTS)
    legs = [("downlink", row) for row in books["downlink"]] + [("reply", row) for row in books["replies"]]
    assert rows == [[leg, row["phase"], row["action"], *counts(row, columns)] for leg, row in legs]
    for _, row in legs:
        assert row["sent"] == row["delivered"] + row["link_cut"] + row["lost"]


@both
def test_transactions(run: EventfulRun, run_dir: Path, read: Read) -> None:
    ledger, tables = recompute.ledger(run_dir)["transactions"], read(run_dir)
    heading, cells = tables["Transactions"]
    found = recompute.transactions(run_dir)
    assert cells == counts(found, names_of(heading))
    assert (found["complete"], found["started"]) == (run.complete, sum(run.transactions))
    heading, *rows = tables["Messages of transactions, by cause"]
    columns = names_of(heading[:-1])
    assert rows == [[*(row[name] for name in columns), f"{row['count']:,}"] for row in ledger["rows"]]
    _, *rows = tables["Messages of transactions with a flaw"]
    assert rows == [
        [
            f"number {flaw['charge_point']}",
            f"its {flaw['transaction']}.",
            f"{flaw['place']}: {flaw['message']}",
            *(flaw[name] for name in ("phase", "what", "cause")),
        ]
        for flaw in ledger["flaws"][:50]
    ]


def after(time_s: float | None) -> str:
    return "not reached" if time_s is None else f"{time_s:.3f} s"


@both
def test_storms(run_dir: Path, read: Read) -> None:
    storms, series = recompute.record(run_dir)["storms"], recompute.latency(run_dir)
    heading, *rows = read(run_dir)["Storms"]
    assert heading == ["", "Boot storm 1", "Storm 2"]
    lines = {label: cells for label, *cells in rows}
    assert len(lines) == len(rows)
    counted = {
        "Charge points away": "away",
        "Connects per second, most": "most_connects_per_s",
        "Connections attempted": "attempts",
        "Handshakes refused": "refused",
        "Connections failed": "failed",
        "Connections timed out": "timed_out",
        "CALLs per second, most": "most_messages_per_s",
        "Transaction messages waiting, most": "backlog_most",
    }
    for label, name in counted.items():
        assert lines.pop(label) == [f"{storm[name]:,}" for storm in storms]
    for cause in {cause for storm in storms for cause in storm["failures"]}:
        shown = lines.pop(f"Of the three above: {CAUSES[cause]}")
        assert shown == [f"{storm['failures'].get(cause, 0):,}" for storm in storms]
    for share in ("50", "90", "99", "100"):
        assert lines.pop(f"{share} % registered after") == [after(storm["back_after_s"].get(share)) for storm in storms]
    assert lines.pop("No more of them than before after") == [after(each["backlog_drained_after_s"]) for each in storms]
    assert lines.pop("Phase") == [storm["phase"] for storm in storms]
    assert lines.pop("From") == [f"{storm['start_s']:.1f} s" for storm in storms]
    assert lines.pop("Connects per second, mean") == [f"{storm['mean_connects_per_s']:,.1f}" for storm in storms]
    for cell, storm in zip(lines.pop("Received by the gateway per second, most"), storms, strict=True):
        assert_is(recompute.quantity(cell), storm["most_bytes_per_s"])
    for label, leg, actions in (
        ("Register p99", "register", None),
        ("Transaction messages p99", "round_trip", TRANSACTION_MESSAGES),
    ):
        for cell, storm in zip(lines.pop(label), storms, strict=True):
            samples = recompute.together(series, storm["phase"], leg, "intended", actions)
            if samples.max_us:
                assert_is(recompute.microseconds(cell), samples.percentile_us(99))
            else:
                assert cell == "–"
    assert not lines, "no line is left out"


def test_what_a_storm_counted_is_in_the_timeline(run_dir: Path) -> None:
    sent, backlog = (recompute.second_by_second(run_dir, column) for column in ("sent", "backlog"))
    boot, again = recompute.record(run_dir)["storms"]
    # Of the second one charge point does not come back: it lasts until the run drains.
    for storm, end_s in ((boot, boot["start_s"] + boot["back_after_s"]["99"]), (again, 9.0)):
        during = slice(math.floor(storm["start_s"]), math.ceil(end_s))
        assert storm["most_messages_per_s"] == max(sent[during])
    assert again["backlog_most"] == max(backlog)


@both
def test_faults(run_dir: Path, read: Read) -> None:
    _, *rows = read(run_dir)["Faults"]
    faults = recompute.record(run_dir)["faults"]
    assert rows == [
        [
            fault["name"],
            fault["what"],
            f"{fault['planned_begin_s']:.1f} s to {fault['planned_end_s']:.1f} s",
            "never" if fault["begin_s"] is None else f"{fault['begin_s']:.3f} s",
            "not" if fault["back_s"] is None else f"{fault['back_s']:.3f} s",
        ]
        for fault in faults
    ]
    assert [row[3:] for row in rows] == [["4.012 s", "6.345 s"], ["never", "not"]]


@both
def test_generator_health(run_dir: Path, read: Read) -> None:
    _, *rows = read(run_dir)["Processes"]
    health = recompute.record(run_dir)["health"]
    assert len(rows) == len(health) == 7
    for (name, role, cpu, cpu_most, memory, trend, lag, pause, late), process in zip(rows, health, strict=True):
        assert (name, role) == (process["source"], process["role"])
        assert_is(recompute.quantity(cpu), process["cpu_percent"])
        assert_is(recompute.quantity(cpu_most), process["cpu_percent_max"])
        assert_is(recompute.quantity(memory), process["rss_bytes_max"])
        assert trend == "–"  # the run was too short to tell
        if process["reports"] or role == "master":
            assert_is(recompute.microseconds(lag), process["loop_lag_max_us"])
        else:
            assert lag == "–"
        if process["reports"]:
            assert_is(recompute.microseconds(pause), process["gc_pause_max_us"])
            assert late == f"{process['coalesced_intervals']:,}"
        else:
            assert (pause, late) == ("–", "–")


def test_the_terminal_tells_the_same(run_dir: Path, terminal: str) -> None:
    commands = recompute.ledger(run_dir)["commands"]
    fates = {name.replace("_", " "): n for name, n in recompute.sums(commands["operations"], FATES).items()}
    lost = sum(row["lost"] for leg in ("downlink", "replies") for row in commands[leg])
    lines = re.search(r"^commands (.*\n.*)$", terminal, re.MULTILINE)
    assert lines is not None
    assert recompute.named_figures(lines[1]) == fates | {"lost on the way": lost}
    line = re.search(r"^transactions (.*)$", terminal, re.MULTILINE)
    assert line is not None
    assert recompute.named_figures(line[1].replace("messages lost", "lost")) == recompute.transactions(run_dir)
    shown = re.findall(r"^storm +(\S+): ([\d,]+) away; registered (.*)$", terminal, re.MULTILINE)
    storms = recompute.record(run_dir)["storms"]
    assert [row[:2] for row in shown] == [(storm["phase"], f"{storm['away']:,}") for storm in storms]
    for (*_, returns), storm in zip(shown, storms, strict=True):
        times: dict[str, str] = dict(re.findall(r"(\d+) % (?:after ([\d.]+) s|never)", returns))
        assert times.keys() == {"50", "90", "99", "100"}
        assert {share for share, time in times.items() if time} == storm["back_after_s"].keys()
        for share, time_s in storm["back_after_s"].items():
            assert_is((float(times[share]), 0.05), time_s)


def test_sentences_and_tiles_tell_the_same(run_dir: Path) -> None:
    commands = recompute.ledger(run_dir)["commands"]
    fates = recompute.sums(commands["operations"], FATES)
    assert recompute.page(run_dir)[1]["Commands answered"] == f"{fates['answered']:,} of {fates['sent']:,}"
    summary = (run_dir / "summary.md").read_text()
    line = re.search(r"^- transactions (.*)$", summary, re.MULTILINE)
    assert line is not None
    told = recompute.named_figures(line[1].replace("of their messages lost", "lost"))
    found = recompute.transactions(run_dir)
    assert told == {name: found[name] for name in ("started", "flawed", "lost", "duplicated", "reordered")}
    cases = ET.parse(run_dir / "junit.xml").iter("testcase")
    missed = [failure.get("message", "") for case in cases for failure in case.iter("failure")]
    downlink, replies = (sum(row["lost"] for row in commands[leg]) for leg in ("downlink", "replies"))
    unanswered = fates["timed_out"] + fates["unfinished"]
    for figures in (
        f"{downlink:,} of {fates['sent']:,} commands and {replies:,} answers to commands were lost;",
        f"{unanswered:,} of {fates['sent']:,} commands were not answered",
        f"{fates['call_error']:,} of {fates['sent']:,} commands were answered with an error",
    ):
        assert [text for text in missed if text.startswith(figures)], missed
        assert f"- {figures}" in summary
