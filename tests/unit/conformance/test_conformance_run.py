"""Whatever a row does, there is a finding; and what is shown and written of it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from loadtest.cli import conformance_report
from loadtest.conformance import row as rows
from loadtest.conformance.findings import Finding, Nonconformity, Verdict, deviating, passed
from loadtest.conformance.row import SLOW, Row, Theme
from loadtest.conformance.run import Result, run
from loadtest.conformance.target import Target, gateway_address
from loadtest.errors import EnvironmentNotReady

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.conformance.bench import Bench

TARGET = Target(
    gateway=gateway_address("ws://user:secret@host/ocpp")[0], broker="mqtt://user:secret@host", idle_timeout_s=1.0
)
theme = Theme("theme")


@theme.row("1")
async def fine(bench: Bench) -> Finding:
    """All is well."""
    return passed("[bold]as it should be[/bold]")


@theme.row("1")
async def odd(bench: Bench) -> Finding:
    """Something is odd."""
    return deviating("seen", "a quirk")


@theme.row("2")
async def wrong(bench: Bench) -> Finding:
    """Something is wrong."""
    raise Nonconformity("it did otherwise")


@theme.row("2")
async def unreachable(bench: Bench) -> Finding:
    """The broker is away."""
    raise EnvironmentNotReady("no broker")


@theme.row("2")
async def broken(bench: Bench) -> Finding:
    """A bug."""
    raise KeyError("bug")


@theme.row("2")
async def hung(bench: Bench) -> Finding:
    """It never ends."""
    await asyncio.sleep(3600)
    return passed("never")


@theme.row("3", SLOW)
async def slow(bench: Bench) -> Finding:
    """It takes long."""
    return passed("never")


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> list[Result]:
    monkeypatch.setattr(rows, "LIMIT_S", 0.05)
    return asyncio.run(run(TARGET, theme.rows))


def test_whatever_happens_is_a_finding(results: list[Result]) -> None:
    assert [(result.row.id, result.finding.verdict, result.finding.observed) for result in results] == [
        ("theme.fine", Verdict.PASSED, "[bold]as it should be[/bold]"),
        ("theme.odd", Verdict.DEVIATING, "seen"),
        ("theme.wrong", Verdict.FAILED, "it did otherwise"),
        ("theme.unreachable", Verdict.FAILED, "no broker"),
        ("theme.broken", Verdict.FAILED, "KeyError: 'bug'"),
        ("theme.hung", Verdict.FAILED, "not finished within 0.05 s"),
        ("theme.slow", Verdict.SKIPPED, "slow: --slow"),
    ]


def test_no_more_rows_at_once_than_told() -> None:
    running = most = 0

    async def check(bench: Bench) -> Finding:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return passed("")

    asyncio.run(run(TARGET, [Row(f"a.{number}", "", "", check) for number in range(9)], concurrency=3))
    assert most == 3


def test_the_table_shows_what_was_seen(results: list[Result], capsys: pytest.CaptureFixture[str]) -> None:
    conformance_report.print_results(results)
    out = capsys.readouterr().out
    assert "[bold]as it should be[/bold]" in out, "text from outside is no markup"
    assert "seen; a quirk" in out
    assert "Something is wrong. Observed: it did otherwise" in out
    assert out.splitlines()[-1] == "1 passed, 1 deviating, 4 failed, 1 skipped"


def test_the_list_says_when_a_row_applies(capsys: pytest.CaptureFixture[str]) -> None:
    conformance_report.print_rows(theme.rows)
    assert "It takes long (slow: --slow)" in capsys.readouterr().out


def test_the_file_has_every_row_and_no_password(results: list[Result], tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    conformance_report.write_json(path, TARGET, results, embedded=False)
    text = path.read_text()
    document = json.loads(text)
    assert "secret" not in text
    assert document["gateway"] == {"url": "ws://host:80/ocpp", "embedded": False}
    assert document["totals"] == {"passed": 1, "deviating": 1, "failed": 4, "skipped": 1}
    assert document["rows"][1].items() >= {"id": "theme.odd", "section": "1", "deviation": "a quirk"}.items()
