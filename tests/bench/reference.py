"""What engines are held against: the C programs, built with gcc, and a bare client on the engine's own event loop.

All are run as child processes. What they do stands at the top of their sources.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from loadtest.errors import EnvironmentNotReady, HarnessError
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from types import TracebackType

SOURCES = Path(__file__).parent / "c"
BARE_CLIENT = Path(__file__).parent / "bare_client.py"
FLAGS = ("-O2", "-Wall", "-Wextra", "-Werror")
STOP_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a reference client is to do: heartbeats at a rate over so many connections, in ticks."""

    connections: int
    per_second: float
    warmup_s: int
    window_s: int
    tick_ms: int


class ClientResult(msgspec.Struct, frozen=True):
    """What a reference client counted in its window; ``connect_cpu_ns`` is the CPU time until all were open."""

    connections: int
    sent: int
    round_trips: int
    cpu_ns: int
    window_ns: int
    connect_cpu_ns: int

    @property
    def cpu_us_per_round_trip(self) -> float:
        """CPU time per round trip, in µs."""
        return self.cpu_ns / self.round_trips / 1000

    @property
    def per_second(self) -> float:
        """Round trips per second."""
        return self.round_trips * NS_PER_S / self.window_ns


class ResponderResult(msgspec.Struct, frozen=True):
    """What a responder counted while it served."""

    accepted: int
    calls: int
    malformed: int
    lost: int
    cpu_ns: int
    rss_bytes: int


class Reference:
    """The two programs, built into ``directory``.

    Raises:
        EnvironmentNotReady: There is no C compiler, or it refuses the sources.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            raise EnvironmentNotReady("no C compiler for the reference", hint="apt-get install gcc libc6-dev")
        for program in ("client", "responder"):
            built = subprocess.run(
                [compiler, *FLAGS, "-o", directory / program, SOURCES / f"{program}.c"],
                capture_output=True,
                text=True,
                check=False,
            )
            if built.returncode:
                raise EnvironmentNotReady(f"{compiler} refuses {program}.c:\n{built.stderr}")

    def responder(self, *, boot_interval_s: int = 300) -> Responder:
        """A responder on a free port, serving while its ``with`` block lasts."""
        return Responder([str(self._directory / "responder"), "0", str(boot_interval_s)])

    def client(self, port: int, load: Load) -> ClientResult:
        """Run the client to its end.

        Raises:
            HarnessError: It met something unexpected, and says what.
        """
        return self._run([str(self._directory / "client")], port, load)

    def bare_client(self, port: int, load: Load) -> ClientResult:
        """Run the client on the engine's event loop to its end; raises as :meth:`client`."""
        return self._run([sys.executable, str(BARE_CLIENT)], port, load)

    def _run(self, program: list[str], port: int, load: Load) -> ClientResult:
        numbers = (port, load.connections, load.per_second, load.warmup_s, load.window_s, load.tick_ms)
        run = subprocess.run([*program, *map(str, numbers)], capture_output=True, text=True, check=False)
        if run.returncode:
            raise HarnessError(f"reference client: {run.stderr.strip()}")
        return msgspec.json.decode(run.stdout, type=ClientResult)


class Responder:
    """A running responder.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        pid: Its process id.
        result: What it counted; set when the ``with`` block has ended.
    """

    result: ResponderResult

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self.pid = self._process.pid
        self.port: int = msgspec.json.decode(self._process.stdout.readline())["port"]

    @property
    def url(self) -> str:
        """Where charge points connect; their id follows."""
        return f"ws://127.0.0.1:{self.port}/ocpp"

    def __enter__(self) -> Responder:
        """Nothing to do: it serves from the start."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop it by closing its standard input."""
        output, _ = self._process.communicate(timeout=STOP_TIMEOUT_S)
        if kind is None:
            self.result = msgspec.json.decode(output, type=ResponderResult)
