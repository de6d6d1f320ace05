"""A Mosquitto that a test may stop, start again and suspend, on one port."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path
from typing import Self

from servers import free_port, wait_for_port


class MosquittoProcess:
    """Keeps sessions and messages over a restart, so that what a client loses is the client's fault."""

    def __init__(self, folder: Path, *further_settings: str) -> None:
        executable = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
        assert executable, "these tests need Mosquitto: apt-get install mosquitto mosquitto-clients"
        self.port = free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        config = folder / "restartable.conf"
        settings = [
            f"listener {self.port} 127.0.0.1",
            "persistence true",
            f"persistence_location {folder}/",
            "set_tcp_nodelay true",
            "max_queued_messages 0",
            "max_inflight_messages 0",
            *(further_settings or ("allow_anonymous true",)),
        ]
        if Path("/proc/self").owner() == "root":
            settings.append("user root")  # else it becomes a user that may not write into the test's folder
        config.write_text("\n".join(settings) + "\n")
        self._command = [executable, "-c", str(config)]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.resume()
        self.stop()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_port(self.port)

    def stop(self) -> None:
        """End it; it writes its sessions down first."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def suspend(self) -> None:
        """Let it hang with its sockets open."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
