"""The commands about baselines, in documents and in workflows for CI, in the order in which they need one another."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from scenario_copies import unhurried

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
PROGRAM = ".venv/bin/loadtest "
SMALL = ("--charge-points", "40", "--duration", "1s", "--ramp", "0.3s", "--no-thresholds", "--quiet")


def github_steps() -> list[dict[str, Any]]:
    workflow = yaml.safe_load((ROOT / "docs" / "ci" / "github-actions.yml").read_text())
    steps: list[dict[str, Any]] = workflow["jobs"]["load-test"]["steps"]
    return steps


def github_command(name: str) -> str:
    (step,) = [step for step in github_steps() if step.get("name") == name]
    return str(step["run"])


def gitlab_commands() -> list[str]:
    jobs = yaml.safe_load((ROOT / "docs" / "ci" / "gitlab-ci.yml").read_text())
    return [line for job in ("baseline", "against-baseline") for line in jobs[job]["script"]]


def documented() -> list[str]:
    (first, again) = re.findall(
        r"^```sh\n(.*?)^```", (ROOT / "docs" / "baselines.md").read_text(), re.MULTILINE | re.DOTALL
    )
    return [re.sub(r"\s+#.*$", "", line) for line in (first + again).splitlines()]


class Place:
    """A checkout in which commands are carried out, small."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "scenarios").mkdir()
        unhurried(folder / "scenarios", "steady")

    def run(self, command: str, repeats: int = 2) -> subprocess.CompletedProcess[str]:
        words = shlex.split(command.removeprefix(PROGRAM).removeprefix("loadtest "))
        if words[0] == "run" and "--from" not in words:
            for option in ("--charge-points", "--duration"):
                if option in words:
                    del words[words.index(option) : words.index(option) + 2]
            if "--repeat" in words:
                words[words.index("--repeat") + 1] = str(repeats)
            words += SMALL
        done = subprocess.run(
            [sys.executable, "-m", "loadtest", *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done


@pytest.fixture(scope="module")
def main_branch(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """After the pipeline of the main branch."""
    place = Place(tmp_path_factory.mktemp("main"))
    place.run(github_command("Make the baseline"))
    place.run(github_command("Keep the baseline"))
    return place


def test_the_main_branch_makes_a_baseline(main_branch: Place) -> None:
    made = main_branch.folder / "results" / "load-test"
    records = [json.loads((made / f"load-test-{number}" / "run.json").read_bytes()) for number in (1, 2)]
    assert [record["run"]["seed"] for record in records] == [1, 2]
    assert all(len(record["run"]["scenario_sha256"]) == 64 for record in records)
    assert "load-test-2" in (made / "summary.md").read_text()
    assert (main_branch.folder / "results" / "baselines" / "main" / "load-test-2" / "run.json").exists()


def test_a_change_is_held_against_it(main_branch: Place, tmp_path: Path) -> None:
    """In a checkout that has nothing but the cache."""
    place = Place(tmp_path)
    cached = Path("results") / "baselines"
    shutil.copytree(main_branch.folder / cached, tmp_path / cached)
    done = place.run(github_command("Hold the change against the baseline"), repeats=1)
    assert "baseline main  no verdict" in done.stdout
    result = tmp_path / "results" / "load-test"
    assert "## Against baseline main: no verdict" in (result / "summary.md").read_text()
    assert "no regression against main" in (result / "junit.xml").read_text()
    comparison = json.loads((result / "comparison.json").read_bytes())
    assert comparison["arms"][0]["runs"] == ["load-test-1", "load-test-2"]


def test_a_run_is_repeated_exactly(main_branch: Place) -> None:
    (command,) = [command for command in documented() if "--from" in command]
    *words, _example = shlex.split(command)
    first = "results/load-test/load-test-2"
    done = main_branch.run(shlex.join([*words, first, "--run-id", "again", "--quiet"]))
    before, after = (
        json.loads((main_branch.folder / path / "run.json").read_bytes())["run"] for path in (first, "results/again")
    )
    changes = {"results", "run_id"}
    assert {key for key in before["settings"] if before["settings"][key] != after["settings"][key]} == changes
    same = ("seed", "fleet", "charge_points", "scenario_sha256", "thresholds")
    assert [before[key] for key in same] == [after[key] for key in same]
    assert "note" not in done.stderr


def test_the_other_commands_about_baselines_do_what_is_said(main_branch: Place) -> None:
    listed = main_branch.run("loadtest baseline list")
    assert "main" in listed.stdout
    shown = main_branch.run("loadtest baseline show main")
    assert "load-test-1" in shown.stdout


def without_values(command: str) -> list[str]:
    """A command without what stands for names and sizes."""
    words = shlex.split(command.removeprefix(PROGRAM).removeprefix("loadtest "))
    return [word for word in words if word.startswith("--") or word in ("run", "baseline", "save", "list", "show")]


def test_documents_and_gitlab_have_no_other_commands() -> None:
    made, kept, held = map(
        github_command, ("Make the baseline", "Keep the baseline", "Hold the change against the baseline")
    )
    assert gitlab_commands() == [made, kept, held]
    known = [set(without_values(each)) for each in (made, kept, held, "run --from", "baseline list", "baseline show")]
    assert [each for each in documented() if not any(set(without_values(each)) <= one for one in known)] == []


def test_every_step_of_the_workflow_has_something_to_run() -> None:
    runs = [step["run"] for step in github_steps() if "run" in step]
    assert runs[0] == "make setup"
    assert [each for each in runs[1:] if not each.startswith((PROGRAM, "cat results/load-test/summary.md"))] == []
