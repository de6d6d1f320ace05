"""The report of a calibration: the same tables for the terminal, Markdown and HTML."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from loadtest.errors import ResultError
from loadtest.measure import calibration_record
from loadtest.reports.figures import count_text, latency_text
from loadtest.reports.table import Table
from loadtest.reports.write import rendered, write_all

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.measure.calibration_record import Calibration, Spread

CALIBRATION_MD = "calibration.md"
CALIBRATION_HTML = "calibration.html"

_RESULTS = {True: ("truthful", "passed", "✅"), False: ("not truthful", "void", "⚠️")}


@dataclasses.dataclass(frozen=True, slots=True)
class CalibrationView:
    """A calibration, ready to be laid out.

    Attributes:
        result: In a word; ``style`` is its class in the page, ``mark`` its sign.
        text: What it comes to, in a sentence.
        remedies: What to do about what did not hold.
        checks: Everything the instrument has to get right.
        times: The floor, and everything that was timed.
        rates: The search for the highest rate.
        machine: What it holds for.
    """

    title: str
    subtitle: str
    result: str
    style: str
    mark: str
    text: str
    remedies: tuple[str, ...]
    checks: Table
    times: Table
    rates: Table
    machine: Table


def calibration_view(calibration: Calibration) -> CalibrationView:
    """Put a calibration into words."""
    result, style, mark = _RESULTS[calibration.truthful]
    quick = " · quick" if calibration.quick else ""
    return CalibrationView(
        title="Calibration",
        subtitle=f"{calibration.machine.name} · {calibration.made_at:%Y-%m-%d %H:%M:%S} UTC{quick}",
        result=result,
        style=style,
        mark=mark,
        text=_text(calibration),
        remedies=tuple(dict.fromkeys(check.remedy for check in calibration.checks if check.remedy)),
        checks=_checks(calibration),
        times=_times(calibration),
        rates=_rates(calibration),
        machine=_machine(calibration),
    )


def write_calibration_reports(results: Path) -> list[Path]:
    """Write ``calibration.md`` and ``calibration.html`` beside ``calibration.json``; returns their paths.

    Raises:
        ResultError: There is no calibration, or they cannot be written.
    """
    calibration = calibration_record.load(results)
    if calibration is None:
        missing = f"there is no {calibration_record.CALIBRATION_JSON} in {results}"
        raise ResultError(missing, hint="loadtest calibrate makes it")
    view = calibration_view(calibration)
    return write_all(results, {name: rendered(name, view=view) for name in (CALIBRATION_MD, CALIBRATION_HTML)})


def _text(calibration: Calibration) -> str:
    floor = f"The instrument's own part of a round trip is {latency_text(calibration.floor_us)}."
    if not calibration.holds_per_s:
        return f"{floor} No rate held."
    most = ""
    if all(step.held for step in calibration.rates):
        most = ", the highest that was tried"
    elif calibration.stub_limited:
        most = "; beyond that the stub was the limit, not the generator"
    return f"{floor} One engine holds to {calibration.holds_per_s:,} messages/s{most}."


def _checks(calibration: Calibration) -> Table:
    rows = tuple(("holds" if check.passed else "missed", check.subject, check.found) for check in calibration.checks)
    return Table("What the instrument has to get right", ("Result", "What", "Found"), rows, left=3)


def _times(calibration: Calibration) -> Table:
    rows = [("wake-up with nothing to do", *_spread(calibration.wake_up))]
    rows += [
        (f"round trip, delay {figure.delay_us // 1000} ms", *_spread(figure.reported)) for figure in calibration.delays
    ]
    opinion = calibration.second_opinion
    if opinion is not None:
        rows.append(("uplink, our client", *_spread(opinion.ours)))
        rows.append(("uplink, aiomqtt", *_spread(opinion.aiomqtt)))
    clock = calibration.clock
    note = f"The clock moves in steps of {clock.step_ns:,} ns; a reading takes {clock.read_ns:,} ns."
    return Table("Times", ("What", "Count", "p50", "p99", "Max"), tuple(rows), note)


def _rates(calibration: Calibration) -> Table:
    rows = tuple(
        (
            count_text(step.wanted_per_s),
            latency_text(step.round_trip.p50_us),
            latency_text(step.round_trip.p99_us),
            *_spread(step.pacer)[1:],
            f"{step.cpu_percent:.0f} %",
            step.why or "held",
        )
        for step in calibration.rates
    )
    columns = ("Due, 1/s", "Round trip, p50", "p99", "Late, p50", "Late, p99", "Late, max", "Engine CPU", "Result")
    return Table("One engine, rate by rate", columns, rows, "Late: how late the engine released what was due.", left=0)


def _machine(calibration: Calibration) -> Table:
    machine = calibration.machine
    rows = (
        ("Processor", f"{machine.cpu}, {machine.cores} cores"),
        ("Kernel", machine.kernel),
        ("Python", machine.python),
        ("loadtest", machine.loadtest),
        ("Broker", calibration.broker or "none"),
    )
    return Table("It holds for", ("", ""), rows, left=2)


def _spread(times: Spread) -> tuple[str, str, str, str]:
    return count_text(times.count), latency_text(times.p50_us), latency_text(times.p99_us), latency_text(times.max_us)
