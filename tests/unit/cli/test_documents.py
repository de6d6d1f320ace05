"""What the documents promise is there."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

from loadtest.cli.examples import EXAMPLES
from loadtest.cli.main import loadtest
from loadtest.errors import ExitCode

ROOT = Path(__file__).parents[3]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "results/README.md",
]
CONTEXT = click.Context(loadtest)


def names() -> list[str]:
    return loadtest.list_commands(CONTEXT)


def command_of(name: str) -> click.Command:
    command = loadtest.get_command(CONTEXT, name)
    assert command is not None
    return command


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"(?<!!)\[[^]]*\]\(([^)#]+)", document.read_text())
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (document.parent / link).exists()] == []


def test_the_readme_fits_on_two_screens() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 64


def test_commands_in_the_readme_exist_with_their_options() -> None:
    text = (ROOT / "README.md").read_text()
    commands = re.findall(r"^\.venv/bin/loadtest (.*?)(?:  +#.*)?$", text, re.MULTILINE)
    assert len(commands) >= 3
    for line in commands:
        name, *arguments = shlex.split(line)
        command = command_of(name)
        known = {option for parameter in command.params for option in parameter.opts}
        assert [word for word in arguments if word.startswith("--") and word not in known] == []
        if name in ("run", "web"):
            assert (ROOT / "scenarios" / f"{arguments[0]}.py").exists()


def test_the_page_of_commands_lists_them_all() -> None:
    table = re.findall(r"^\| (`.*?) \|", (ROOT / "docs" / "command-line.md").read_text(), re.MULTILINE)
    assert {words.split()[0] for cell in table for words in re.findall(r"`([^`]+)`", cell)} == set(names())


def test_examples_in_the_help_have_options_there_are() -> None:
    assert EXAMPLES.keys() <= set(names())
    for name, lines in EXAMPLES.items():
        for line in lines:
            program, command, *arguments = shlex.split(line.partition(" >> ")[0])
            assert (program, command) == ("loadtest", name)
            asked = command_of(name)
            if isinstance(asked, click.Group):
                asked = asked.commands[arguments[0]]
            known = {option for parameter in asked.params for option in parameter.opts} | {"--processes"}
            assert {word for word in arguments if word.startswith("--")} <= known


def test_make_targets_in_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_every_exit_code_is_documented() -> None:
    documented = re.findall(r"^\| (\d+) \|", (ROOT / "docs" / "exit-codes.md").read_text(), re.MULTILINE)
    assert [int(code) for code in documented] == list(ExitCode)


def test_the_lock_pins_every_dependency_and_names_no_place() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pins = [line for line in lock.splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.+!-]+", pin) for pin in pins)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    pinned = {pin.split("==")[0].lower().replace("_", "-") for pin in pins}
    assert {re.split("[<>=]", name)[0].lower() for name in wanted} - pinned == set()
