"""Scenarios by name and by path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadtest.errors import UsageError
from loadtest.runner import scenarios

if TYPE_CHECKING:
    from pathlib import Path


SOURCE = "class Fleet:\n    pass\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenarios").mkdir()
    return tmp_path


def test_one_in_the_folder_here_is_found_by_name(here: Path) -> None:
    (here / "scenarios" / "storm.py").write_text(SOURCE)
    assert scenarios.find("storm").path == here / "scenarios" / "storm.py"


def test_one_here_comes_before_one_of_the_same_name_that_is_shipped(here: Path) -> None:
    (here / "scenarios" / "steady.py").write_text(SOURCE)
    assert scenarios.find("steady").path == here / "scenarios" / "steady.py"


def test_a_path_is_taken_as_it_is(here: Path) -> None:
    (here / "mine.py").write_text(SOURCE)
    assert scenarios.find("mine.py").name == "mine"


def test_an_unknown_name_lists_the_known_ones(here: Path) -> None:
    (here / "scenarios" / "storm.py").write_text(SOURCE)
    (here / "scenarios" / "_shared.py").touch()
    with pytest.raises(UsageError) as caught:
        scenarios.find("strom")
    assert "'strom'" in caught.value.message
    assert "storm" in caught.value.hint
    assert "_shared" not in caught.value.hint


def test_a_path_that_leads_nowhere_is_named(here: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.py"):
        scenarios.find("nowhere.py")


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("class (", "is not Python, line 1: invalid syntax"),
        ("x = 1\n", "has no charge points in it"),
        ("\0", "is not Python"),
    ],
)
def test_a_file_that_is_no_scenario_is_refused_by_name_before_anything_starts(
    here: Path, source: str, fault: str
) -> None:
    (here / "mine.py").write_text(source)
    with pytest.raises(UsageError, match=r"mine\.py") as refused:
        scenarios.find("mine.py")
    assert fault in refused.value.message
