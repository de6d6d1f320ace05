"""Hosts on one machine: network namespaces joined by a switch, each with a monotonic clock of its own if wanted.

The clocks are the kernel's time namespaces, so that nothing in the product knows of the difference.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[1]


def why_not() -> str:
    """Why hosts cannot be made here; empty when they can."""
    if os.geteuid() != 0:
        return "network and time namespaces need root"
    if missing := [tool for tool in ("ip", "unshare") if shutil.which(tool) is None]:
        return f"not installed: {', '.join(missing)} (apt-get install iproute2 util-linux)"
    trials = (
        ["unshare", "--net", "ip", "link", "add", "probe", "type", "bridge"],
        ["unshare", "--net", "ip", "link", "add", "probe0", "type", "veth", "peer", "name", "probe1"],
        ["unshare", "--mount", "--time", "--monotonic", "1", "--fork", "mount", "-t", "tmpfs", "none", "/mnt"],
    )
    for trial in trials:
        tried = subprocess.run(trial, capture_output=True, text=True, check=False)
        if tried.returncode:
            return f"this kernel does not let us: {' '.join(trial)}: {tried.stderr.strip()}"
    return ""


class Hosts:
    """So many hosts on one switch; gone with everything that runs on them at the end of the block.

    Args:
        clocks_s: For each host, by how many seconds its monotonic clock is ahead; the first one's is this machine's.
        log_dir: For the output of what runs there.
        first_only: A folder that is another one, and empty, on all hosts but the first.

    Attributes:
        network: What all addresses begin with.
    """

    network = "10.77.0."

    def __init__(self, clocks_s: Sequence[int], log_dir: Path, first_only: Path) -> None:
        self._clocks_s = clocks_s
        self._log_dir = log_dir
        self._first_only = first_only
        self._prefix = f"lt{os.getpid()}"
        self._switch = f"{self._prefix}-switch"
        self._made: list[str] = []
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        try:
            self._make(self._switch)
            _ip("-n", self._switch, "link", "add", "switch", "type", "bridge")
            _ip("-n", self._switch, "link", "set", "switch", "up")
            for number in range(len(self._clocks_s)):
                name = self._name(number)
                self._make(name)
                port = f"port{number}"
                _ip("-n", self._switch, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name)
                _ip("-n", self._switch, "link", "set", port, "master", "switch", "up")
                _ip("-n", name, "address", "add", f"{self.address(number)}/24", "dev", "eth0")
                _ip("-n", name, "link", "set", "eth0", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
        for name in self._made:
            for pid in _ip("netns", "pids", name).split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            _ip("netns", "delete", name)

    def address(self, number: int) -> str:
        """A host's address; it is known to the other hosts alone."""
        return f"{self.network}{number + 1}"

    def start(self, number: int, *command: str) -> subprocess.Popen[bytes]:
        """Run a command on a host, in a process group of its own."""
        prefix = ["ip", "netns", "exec", self._name(number)]
        if number:
            prefix += ["unshare", "--mount", "--time", "--monotonic", str(self._clocks_s[number]), "--fork"]
            prefix += ["--kill-child", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', str(self._first_only)]
        with self.log(len(self._processes)).open("wb") as log:
            process = subprocess.Popen(
                [*prefix, *command],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def log(self, number: int) -> Path:
        """What the process started as number so-and-so has said."""
        return self._log_dir / f"on-host-{number}.log"

    def said(self) -> str:
        """What all of them have said."""
        return "\n".join(self.log(number).read_text() for number in range(len(self._processes)))

    def _name(self, number: int) -> str:
        return f"{self._prefix}-{number}"

    def _make(self, name: str) -> None:
        _ip("netns", "add", name)
        self._made.append(name)
        _ip("-n", name, "link", "set", "lo", "up")


def _ip(*arguments: str) -> str:
    ran = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"ip {' '.join(arguments)}: {ran.stderr}"
    return ran.stdout
