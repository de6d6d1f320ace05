"""Which machine and which software a figure of the instrument holds for."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import msgspec

from loadtest import __version__

_MACHINE_ID = Path("/etc/machine-id")
_CPU_INFO = Path("/proc/cpuinfo")


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What the speed of the instrument depends on and can be told.

    Attributes:
        machine_id: Of the installation (machine-id(5)); its name where there is none.
        cpu: The processor's name as its maker has it.
        cores: Those this process may use.
        kernel: Its release.
        python: Version of the interpreter.
        loadtest: Version of the harness.
    """

    machine_id: str
    name: str
    cpu: str
    cores: int
    kernel: str
    python: str
    loadtest: str

    def differences(self, here: Machine) -> list[str]:
        """In what ``here`` is another machine than this one, in words; the name alone does not matter."""
        if self.machine_id != here.machine_id:
            return [f"made on {self.name or 'another machine'}, not on this one"]
        return [
            f"{word} was {before}, is {now}"
            for word, before, now in (
                ("processor", self.cpu, here.cpu),
                ("number of cores", self.cores, here.cores),
                ("kernel", self.kernel, here.kernel),
                ("Python", self.python, here.python),
                ("loadtest", self.loadtest, here.loadtest),
            )
            if before != now
        ]


def this_machine() -> Machine:
    """The one this process runs on."""
    name = platform.node()
    return Machine(
        machine_id=_read(_MACHINE_ID).strip() or name,
        name=name,
        cpu=_cpu_name(_read(_CPU_INFO)) or platform.processor() or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        kernel=platform.release(),
        python=platform.python_version(),
        loadtest=__version__,
    )


def _cpu_name(cpu_info: str) -> str:
    lines = (line.partition(":") for line in cpu_info.splitlines())
    return next((value.strip() for name, _, value in lines if name.strip() == "model name"), "")


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
