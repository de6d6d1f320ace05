"""The folder of a run while it grows: samples and timeline second by second, the documents at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadtest.errors import ResultError
from loadtest.measure import run_record
from loadtest.measure.interval_log import IntervalLogWriter
from loadtest.measure.result_documents import to_json
from loadtest.measure.result_files import AppendFile, DiskReserve, write_whole
from loadtest.measure.timeline import TimelineWriter

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.measure.run_record import RunRecord
    from loadtest.measure.seconds import Second
    from loadtest.measure.timeline import TimelineRow


class RunWriter:
    """What is written of a run. After it is made nothing here raises: failures are told.

    Args:
        folder: Made when it is missing.
        record: Of the run, as it begins.

    Raises:
        ResultError: The folder cannot be written to.
    """

    def __init__(self, folder: Path, record: RunRecord) -> None:
        self._folder = folder
        names = [run_record.LATENCY_HLOG, run_record.TIMELINE_CSV]
        if record.run.fleet_classes:
            names.append(run_record.CLASSES_HLOG)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._files = [AppendFile(folder / name) for name in names]
            self._reserve = DiskReserve(folder / ".reserve")
            run_record.write(record, folder)
        except OSError as error:
            raise ResultError(f"cannot write to {folder}: {error.strerror}") from error
        self._samples = IntervalLogWriter(self._files[0], record.run.started_at)
        self._timeline = TimelineWriter(self._files[1])
        self._of_class = [IntervalLogWriter(file, record.run.started_at) for file in self._files[2:]]

    def add_samples(self, index: int, second: Second) -> None:
        """Append what was measured in a second."""
        if second.histograms:
            self._samples.write(float(index), 1.0, second.histograms)
        for log in self._of_class:
            for name, histograms in second.of_class.items():
                log.write(float(index), 1.0, histograms, name)

    def add_row(self, row: TimelineRow) -> None:
        """Append a row of the timeline."""
        self._timeline.write(row)

    def close(self) -> list[str]:
        """Nothing more grows; returns what could not be written, a sentence each."""
        for file in self._files:
            file.close()
        return [f"{file.path.name}: {_reason(file.error)}" for file in self._files if not file.complete]

    def release_reserve(self) -> None:
        """Only the documents are to come, for which disk space was held back."""
        self._reserve.release()

    def write(self, name: str, document: Any) -> str:
        """Write a document in one step; returns what went wrong, empty if nothing did."""
        try:
            write_whole(self._folder / name, to_json(document))
        except OSError as error:
            return f"{name}: {_reason(error)}"
        return ""


def _reason(error: OSError | None) -> str:
    return (error.strerror if error else None) or "more was waiting than memory is set aside for"
