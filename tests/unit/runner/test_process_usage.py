"""What another process has used, as the scheduler and the kernel account for it."""

from __future__ import annotations

import subprocess
import sys
import time

from loadtest.runner.process_usage import ProcessTreeUsage, ProcessUsage
from loadtest.units import NS_PER_MS

BUSY = """
import sys, time
while time.process_time_ns() < 60_000_000: pass
print(time.process_time_ns(), flush=True)
sys.stdin.read()
"""


def test_cpu_time_is_finer_than_the_ticks_of_the_kernel_and_stays_when_the_process_has_ended() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        single, tree = ProcessUsage(child.pid), ProcessTreeUsage(child.pid)
        own_ns = int(child.stdout.readline())
        time.sleep(0.02)  # it goes to sleep meanwhile
        first = single.read()
        child.stdin.close()
        child.wait()
        # What it did after it had looked: writing a line, and falling asleep.
        assert own_ns <= first.cpu_ns < own_ns + 30 * NS_PER_MS
        if sys.platform == "linux":
            assert first.cpu_ns % (10 * NS_PER_MS)
        assert first.rss_bytes > 1_000_000
        assert single.read() == (first.cpu_ns, 0)
        assert tree.read().rss_bytes == 0
