"""The durable record of latency: a tagged HdrHistogram interval log (format 1.3), readable by any HdrHistogram tool.

One line per tag and interval: ``Tag=<tag>,<start s>,<length s>,<max ms>,<base64 of the V2 blob>``, starts counted from
the ``StartTime`` in the header. The package's own writer is not used: it knows no tags and fails on a
present-day start time.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, NamedTuple

from loadtest.clock import rfc3339
from loadtest.errors import ResultError
from loadtest.measure.histogram import Histogram
from loadtest.measure.histogram_codec import is_whole

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator
    from pathlib import Path

    from loadtest.measure.result_files import AppendFile
    from loadtest.measure.tags import Tag

_HEADER = """\
#[Latencies of a load test in integer microseconds; Interval_Max in milliseconds]
#[Java: HistogramLogProcessor -i latency.hlog -listtags, then -tag NAME -outputValueUnitRatio 1000 for milliseconds]
#[Histogram log format version 1.3]
#[StartTime: {seconds:.3f} (seconds since epoch), {text}]
#[BaseTime: {seconds:.3f} (seconds since epoch)]
"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"
"""
_START = re.compile(r"#\[StartTime: ([0-9.]+) ")
_LINE = re.compile(r"(?:Tag=([^,]*),)?([0-9.]+),([0-9.]+),([0-9.]+),(HIST[A-Za-z0-9+/=]+)")


class IntervalLogWriter:
    """Writes an interval log line by line; each is in the file when :meth:`write` returns.

    Args:
        file: Where to; still empty.
        started_at: Wall time from which intervals are counted.
    """

    def __init__(self, file: AppendFile, started_at: dt.datetime) -> None:
        self._file = file
        file.append(_HEADER.format(seconds=started_at.timestamp(), text=rfc3339(started_at)))

    def write(self, start_s: float, length_s: float, histograms: dict[Tag, Histogram], fleet_class: str = "") -> None:
        """Append one interval: a line for each tag, with the name of a class and a dot before it if one is given."""
        start = f"Tag={fleet_class}." if fleet_class else "Tag="
        lines = [
            f"{start}{tag},{start_s:.3f},{length_s:.3f},{histogram.max_us / 1000 if histogram.max_us > 0 else 0:.3f},"
            f"{base64.b64encode(histogram.encode()).decode()}\n"
            for tag, histogram in histograms.items()
        ]
        self._file.append("".join(lines))


class Interval(NamedTuple):
    """One line of an interval log, its histogram still encoded."""

    line: int
    tag: str
    start_s: float
    length_s: float
    max_us: int
    blob: bytes

    def samples(self) -> Histogram:
        """The interval's samples.

        Raises:
            ResultError: The encoded histogram is damaged; names the line.
        """
        try:
            return Histogram.decoded(self.blob, self.max_us)
        except ResultError as error:
            raise ResultError(f"line {self.line} is damaged: {error.message}") from error


class IntervalLogReader:
    """Reads an interval log, its unfinished last line excepted.

    Args:
        path: The log.
        damage: Takes a sentence for every line that cannot be read, and reading goes on behind it; without it the
            first such line ends the reading.

    Attributes:
        started_at_s: Start of the run in seconds since the epoch; 0 until its header line is read.
        truncated_line: Number of a last line that was cut off (a killed process, a full disk); 0 when there is none.
    """

    def __init__(self, path: Path, damage: list[str] | None = None) -> None:
        self._path = path
        self._damage = damage
        self.started_at_s = 0.0
        self.truncated_line = 0

    def __iter__(self) -> Iterator[Interval]:
        """The intervals in the order of the file.

        Raises:
            ResultError: The file cannot be read, or a line other than the last is damaged and nobody takes the damage;
                names the line.
        """
        try:
            with self._path.open(encoding="utf-8", errors="replace") as file:
                for number, line in enumerate(file, 1):
                    interval = self._read(number, line)
                    if interval is not None:
                        yield interval
        except OSError as error:
            raise ResultError(f"cannot read {self._path}: {error.strerror}") from error

    def _read(self, number: int, line: str) -> Interval | None:
        if line.startswith("#"):
            start = _START.match(line)
            if start:
                self.started_at_s = float(start[1])
            return None
        if line.startswith('"') or not line.strip():
            return None
        try:
            return _parse(number, line.rstrip("\r\n"))
        except ValueError as error:
            if not line.endswith("\n"):
                self.truncated_line = number
                return None
            if self._damage is None:
                raise ResultError(f"{self._path}: line {number} is damaged: {error}") from error
            self._damage.append(f"line {number} is damaged: {error}")
            return None


def _parse(number: int, line: str) -> Interval:
    parts = _LINE.fullmatch(line)
    if parts is None:
        raise ValueError("not an interval line")
    tag, start_s, length_s, max_ms, text = parts.groups()
    blob = base64.b64decode(text, validate=True)
    if not is_whole(blob):
        raise ValueError("histogram cut off")
    return Interval(number, tag or "", float(start_s), float(length_s), round(float(max_ms) * 1000), blob)


def read_totals(path: Path) -> dict[str, Histogram]:
    """All samples of a log by tag.

    Raises:
        ResultError: As :class:`IntervalLogReader`, or a histogram in it is damaged.
    """
    totals: dict[str, Histogram] = {}
    for interval in IntervalLogReader(path):
        try:
            totals.setdefault(interval.tag, Histogram()).merge(interval.samples())
        except ResultError as error:
            raise ResultError(f"{path}: {error.message}") from error
    return totals
