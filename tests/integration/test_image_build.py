"""The Dockerfile, step by step, without Docker: what is copied is enough to install, and what is installed is whole."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "docs" / "deploy" / "Dockerfile"
OFFLINE = ("--no-deps", "--no-build-isolation")
"""What the dependencies are is pip's affair; here they are those of this environment."""


def files_below(root: Path, name: str) -> set[str]:
    """A file, or those in a folder that a build has not put there; relative to the root."""
    found = [path for path in (root / name).rglob("*") if path.is_file()] or [root / name]
    return {str(path.relative_to(root)) for path in found if "__pycache__" not in path.parts}


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Docker would be sent: only what .dockerignore lets through."""
    folder = tmp_path_factory.mktemp("context")
    ignored, *rules = Path(f"{DOCKERFILE}.dockerignore").read_text().split()
    assert ignored == "*"
    for rule in (rule.removeprefix("!") for rule in rules if rule.startswith("!")):
        for name in files_below(ROOT, rule):
            copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def image(context: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in the place of the root of the image's file system."""
    root = tmp_path_factory.mktemp("image")
    directory = root
    for line in DOCKERFILE.read_text().splitlines():
        instruction, _, rest = line.partition(" ")
        if instruction == "WORKDIR":
            directory = root / rest.lstrip("/")
            directory.mkdir(parents=True, exist_ok=True)
        elif instruction == "COPY" and not rest.startswith("--from"):
            *sources, target = rest.split()
            for source in sources:
                copy(context / source, root / target.lstrip("/") if target.startswith("/") else directory / target)
        elif instruction == "RUN" and "/opt/loadtest" in rest:
            install(rest.replace("/opt/loadtest", str(root / "opt/loadtest")), directory)
    return root


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def install(command: str, directory: Path) -> None:
    words = [*shlex.split(command), *(OFFLINE if "pip" in command else ())]
    words[0] = sys.executable if words[0] == "python" else words[0]
    subprocess.run(words, cwd=directory, check=True, capture_output=True, env=environment())
    if "venv" in words:  # with the dependencies of this environment, behind its own packages
        own = site_packages(Path(words[-1]))
        for old in (*own.glob("setuptools*"), own / "_distutils_hack"):  # what ensurepip brings may be too old to build
            shutil.rmtree(old, ignore_errors=True)
        (own / "distutils-precedence.pth").unlink(missing_ok=True)
        (own / "of-the-tests.pth").write_text(sysconfig.get_path("purelib"))


def site_packages(venv: Path) -> Path:
    return next(venv.glob("lib/python3*/site-packages"))


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def test_everything_of_the_package_is_installed(image: Path) -> None:
    """Templates, styles, schemas: what is missing here is missed by the first who wants a report."""
    installed = site_packages(image / "opt" / "loadtest")
    assert files_below(installed, "loadtest") == files_below(ROOT, "loadtest")


def test_its_commands_start_and_know_the_scenarios(image: Path) -> None:
    home, programs = image / "home" / "loadtest", image / "opt" / "loadtest" / "bin"
    assert not (home / "loadtest").exists(), "or the commands below would not be those of the image"
    script = "import loadtest; print(loadtest.__file__)"
    where = subprocess.run(
        [programs / "python", "-c", script], cwd=home, capture_output=True, text=True, check=True, env=environment()
    )
    assert where.stdout.startswith(str(image))
    asked = [str(programs / "loadtest"), "run", "no-such-scenario"]
    refused = subprocess.run(asked, cwd=home, capture_output=True, text=True, check=False, env=environment())
    assert refused.returncode == 2
    assert re.search(r"known scenarios: .*steady", refused.stderr)


def test_the_broker_finds_its_configuration(image: Path) -> None:
    assert "listener 1883" in (image / "etc" / "loadtest" / "mosquitto.conf").read_text()
