"""Coverage-guided runs of the targets with atheris: ``python tests/fuzz/run.py [--seconds N] [TARGET ...]``.

Each target runs in a process of its own, for libFuzzer never returns. Its corpus is kept in ``build/fuzz/corpus``, an
input that broke a target in ``build/fuzz/findings``; give that file to ``--replay TARGET FILE``.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent.parent / "build" / "fuzz"
MAX_INPUT_BYTES = 20_000


def run_one(name: str, seconds: int) -> None:
    """Fuzz one target in this process until the time is up; ends the process."""
    import atheris

    with atheris.instrument_imports(include=["loadtest", "websockets"]):
        from fuzz.seeds import TARGETS

    target, seeds = TARGETS[name]
    corpus, findings = BUILD / "corpus" / name, BUILD / "findings"
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        (corpus / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
    options = (f"-max_total_time={seconds}", f"-max_len={MAX_INPUT_BYTES}", "-rss_limit_mb=1024", "-timeout=10")
    atheris.Setup([name, *options, f"-artifact_prefix={findings}/{name}-", "-print_final_stats=1", str(corpus)], target)
    atheris.Fuzz()


def replay(name: str, file: Path) -> None:
    """Let one input happen again, without atheris."""
    from fuzz.seeds import TARGETS

    TARGETS[name][0](file.read_bytes())


def run_all(names: list[str], seconds: int) -> int:
    """One target after the other; a line for each, and 1 when one of them was broken."""
    broken = False
    for name in names:
        command = [sys.executable, __file__, "--one", name, "--seconds", str(seconds)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        coverage = re.findall(r"cov: (\d+) ft: (\d+)", done.stderr)
        executions = re.search(r"number_of_executed_units: (\d+)", done.stderr)
        sys.stdout.write(
            f"{name:28} {int(executions[1]) if executions else 0:>11,} executions, "
            f"{' / '.join(coverage[-1]) if coverage else '-'} edges / features"
            f"{'' if done.returncode == 0 else ', BROKEN'}\n"
        )
        sys.stdout.flush()
        if done.returncode:
            broken = True
            sys.stderr.write(done.stderr[-4000:])
    return int(broken)


def main() -> int:
    """Read the command line."""
    sys.path.insert(0, str(HERE.parent))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="default: all")
    parser.add_argument("--seconds", type=int, default=60, help="time for each target")
    parser.add_argument("--one", metavar="TARGET", help="run it in this process, with libFuzzer's own output")
    parser.add_argument("--replay", nargs=2, metavar=("TARGET", "FILE"), help="let one input happen again")
    options = parser.parse_args()
    if options.replay:
        replay(options.replay[0], Path(options.replay[1]))
        return 0
    if options.one:
        run_one(options.one, options.seconds)
    from fuzz.seeds import TARGETS

    unknown = [name for name in options.targets if name not in TARGETS]
    if unknown:
        parser.error(f"no target {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    return run_all(options.targets or list(TARGETS), options.seconds)


if __name__ == "__main__":
    sys.exit(main())
