"""The figures of a run from its interval log and its ledger alone, without any of our own code.

Nothing of ``loadtest`` is imported: what this finds and what the documents of a run say must be the same.
"""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

from hdrh.histogram import HdrHistogram

if TYPE_CHECKING:
    from pathlib import Path

LOWEST_US, HIGHEST_US, DIGITS = 1, 60_000_000, 3
_LINE = re.compile(r"Tag=([^,]+),[\d.]+,[\d.]+,([\d.]+),(\S+)")


class Series:
    """All samples of one tag."""

    def __init__(self) -> None:
        self.histogram = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
        self.max_us = 0

    def percentile_us(self, percent: float) -> int:
        """HdrHistogram's, but never above the largest sample, which the log tells exactly."""
        return min(int(self.histogram.get_value_at_percentile(percent)), self.max_us)


def latency(run_dir: Path, name: str = "latency.hlog") -> dict[str, Series]:
    """Every series of an interval log by its tag."""
    found: dict[str, Series] = {}
    for tag, max_ms, blob in _LINE.findall((run_dir / name).read_text()):
        series = found.setdefault(tag, Series())
        series.histogram.decode_and_add(blob)
        series.max_us = max(series.max_us, round(float(max_ms) * 1000))
    return found


def together(
    series: dict[str, Series], phase: str, leg: str, kind: str, actions: tuple[str, ...] | None = None
) -> Series:
    """All actions of a leg in a phase, or some of them."""
    merged = Series()
    for tag, one in series.items():
        tag_phase, tag_leg, action, tag_kind = tag.split(".")
        if (tag_phase, tag_leg, tag_kind) == (phase, leg, kind) and (actions is None or action in actions):
            merged.histogram.add(one.histogram)
            merged.max_us = max(merged.max_us, one.max_us)
    return merged


def ledger(run_dir: Path) -> dict[str, Any]:
    """What ``ledger.json`` holds."""
    content: dict[str, Any] = json.loads((run_dir / "ledger.json").read_text())
    return content


def record(run_dir: Path) -> dict[str, Any]:
    """What ``run.json`` holds."""
    content: dict[str, Any] = json.loads((run_dir / "run.json").read_text())
    return content


def sums(rows: list[dict[str, Any]], names: tuple[str, ...]) -> dict[str, int]:
    """Columns of a ledger, added up."""
    return {name: sum(row[name] for row in rows) for name in names}


def of_actions(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Rows of a ledger by their actions, in the order of the alphabet."""
    actions = sorted({row["action"] for row in rows})
    return {action: [row for row in rows if row["action"] == action] for action in actions}


def transactions(run_dir: Path) -> dict[str, int]:
    """The ledger of transactions, from its rows and its flawed messages (up to 1,000 are named) where they tell."""
    found = ledger(run_dir)["transactions"]
    messages = ("lost", "duplicated", "reordered", "late", "pending")
    totals = {what: sum(row["count"] for row in found["rows"] if row["what"] == what) for what in messages}
    flawed = {(flaw["charge_point"], flaw["transaction"]) for flaw in found["flaws"]}
    return {name: found[name] for name in ("started", "stopped", "complete")} | {"flawed": len(flawed)} | totals


def second_by_second(run_dir: Path, column: str) -> list[int]:
    """A column of ``timeline.csv``."""
    heading, *rows = (line.split(",") for line in (run_dir / "timeline.csv").read_text().splitlines())
    return [int(row[heading.index(column)]) for row in rows]


def named_figures(text: str) -> dict[str, int]:
    """Figures in a sentence by the words before them: ``dropped 1 + sent 1,234``."""
    return {name: int(number.replace(",", "")) for name, number in re.findall(r"([a-z][a-z ]*?) ([\d,]*\d)", text)}


def quantity(text: str) -> tuple[float, float]:
    """A size or share as it is written, and half of its last digit: ``9.10 MB`` is 9,541,222 bytes to within 5,243."""
    number, unit = text.split(" ")
    scale = {"%": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30}[unit]
    decimals = len(number.partition(".")[2])
    return float(number) * scale, 0.5 * scale / 10**decimals


def microseconds(text: str) -> tuple[float, float]:
    """A latency as it is written, and half of its last digit: ``3.21 ms`` is 3,210 µs to within 5."""
    number, unit = text.split(" ")
    scale = {"µs": 1, "ms": 1_000, "s": 1_000_000}[unit]
    decimals = len(number.partition(".")[2])
    return float(number) * scale, 0.5 * scale / 10**decimals


class _Tables(HTMLParser):
    """Tables by their captions, and tiles by their labels."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.tiles: dict[str, str] = {}
        self._within: list[str] = []
        self._caption = self._label = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        classes = dict(attrs).get("class") or ""
        self._within.append(f"{tag} {classes}".strip())
        if tag == "figcaption":
            self._caption = ""
        elif tag == "table":
            self.tables[self._caption] = []
        elif tag == "tr":
            self.tables[self._caption].append([])
        elif tag in ("td", "th"):
            self.tables[self._caption][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        while self._within and self._within.pop().split(" ")[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        here = self._within[-1] if self._within else ""
        if here == "figcaption":
            self._caption += data
        elif here.startswith(("td", "th")):
            self.tables[self._caption][-1][-1] += data
        elif here == "p label":
            self._label = data
        elif here == "p value":
            self.tiles[self._label] = data


def page(run_dir: Path) -> tuple[dict[str, list[list[str]]], dict[str, str]]:
    """The tables of ``report.html``, heading first, by their captions; and its tiles."""
    text = (run_dir / "report.html").read_text()
    parser = _Tables()
    parser.feed(re.sub(r"<(script|style)[^>]*>.*?</\1>", "", text, flags=re.DOTALL))
    return parser.tables, parser.tiles


def markdown(run_dir: Path) -> dict[str, list[list[str]]]:
    """The tables of ``summary.md``, heading first, by their titles."""
    found = {}
    for title, block in re.findall(r"^### (.+)\n\n((?:\|.*\n)+)", (run_dir / "summary.md").read_text(), re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in block.splitlines()]
        found[title] = [row for row in rows if not set("".join(row)) <= set("-: |")]
    return found
