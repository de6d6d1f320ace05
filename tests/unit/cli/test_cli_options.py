"""The command line follows the table of settings."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from loadtest import __version__
from loadtest.cli.main import loadtest
from loadtest.cli.messages import show_error
from loadtest.cli.options import given
from loadtest.errors import EnvironmentNotReady, UsageError, join_hints
from loadtest.scenario.settings_table import SETTINGS


@pytest.mark.parametrize("command", ["run", "web"])
def test_every_setting_has_its_option(command: str) -> None:
    shown = CliRunner().invoke(loadtest, [command, "--help"], terminal_width=200).output
    assert [setting.flag for setting in SETTINGS if setting.flag not in shown] == []


@pytest.mark.parametrize("command", ["run", "web"])
def test_every_option_of_a_run_stands_under_what_it_is_about(command: str) -> None:
    shown = CliRunner().invoke(loadtest, [command, "--help"], terminal_width=200).output
    about_none = shown.partition("\nOptions:\n")[2].partition("\n\n")[0]
    assert about_none.split() == ["-h,", "--help", "Show", "this", "message", "and", "exit."]


def test_the_help_tells_variables_of_the_environment() -> None:
    shown = CliRunner().invoke(loadtest, ["run", "--help"], terminal_width=200).output
    assert "LOADTEST_CHARGE_POINTS" in shown
    assert "LOADTEST_PASSWORD" in shown


@pytest.mark.parametrize(
    ("written", "meant"),
    [("--charge-point=5", "--charge-points"), ("--dur", "--duration"), ("--quite", "--quiet")],
)
def test_a_slip_in_an_option_is_refused_before_anything_starts(written: str, meant: str) -> None:
    refused = CliRunner().invoke(loadtest, ["run", "steady", written]).exception
    assert isinstance(refused, UsageError)
    assert refused.faults == (f"{written.partition('=')[0]}: there is no such option; did you mean {meant}?",)


@pytest.mark.parametrize(
    ("arguments", "fault", "hint"),
    [
        (["steady"], "'steady' is a scenario, and no command", "to run it: loadtest run steady"),
        (["rnu"], "there is no command 'rnu'; did you mean run?", "see loadtest --help"),
        (["run", "stedy"], "there is no scenario 'stedy'; did you mean steady?", "known scenarios: "),
        (["run", "steady", "--host=ws://x"], "--host: is Locust's; where charge points connect is said by", "after --"),
        (["run", "steady", "-t", "5m"], "-t: is Locust's; how long the steady phase lasts is said by", "after --"),
        (["run", "steady", "--worker"], "--worker: is Locust's; a worker is started with locust -f", "after --"),
    ],
)
def test_what_newcomers_try_first_is_refused_with_what_they_meant(arguments: list[str], fault: str, hint: str) -> None:
    refused = CliRunner().invoke(loadtest, arguments).exception
    assert isinstance(refused, UsageError)
    assert refused.message.startswith(fault)
    assert hint in refused.hint


def test_hints_are_joined_as_sentences() -> None:
    assert join_hints(["is it running?", "", "take another", "is it running?", "ask"]) == (
        "is it running? take another; ask"
    )


def test_only_settings_that_were_given_count() -> None:
    assert given({"seed": "3", "engines": None, "quiet": "x"}) == {"seed": "3"}


def test_the_command_line_never_loads_locust_or_gevent() -> None:
    check = "import sys; from loadtest.cli.main import loadtest; loadtest.main(['--help'], standalone_mode=False)"
    check += (
        "; assert 'loadtest.cli.conformance' in sys.modules; sys.exit(bool({'locust', 'gevent'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False, timeout=30, capture_output=True).returncode == 0


def test_the_version() -> None:
    assert __version__ in CliRunner().invoke(loadtest, ["--version"]).output


def test_each_fault_gets_a_line_and_the_hint_comes_last(capsys: pytest.CaptureFixture[str]) -> None:
    show_error(UsageError(["one [thing]", "another"], hint="do this"))
    assert capsys.readouterr().err.splitlines() == ["error: one [thing]", "error: another", "hint: do this"]


def test_more_lines_of_one_fault_are_indented(capsys: pytest.CaptureFixture[str]) -> None:
    show_error(EnvironmentNotReady("it ended\nits last words"))
    assert capsys.readouterr().err.splitlines() == ["error: it ended", "  its last words"]


def test_a_threshold_that_is_empty_is_not_taken_for_none() -> None:
    with pytest.raises(UsageError, match="--threshold: is empty"):
        given({"threshold": ("lost <= 0", " ")})
    assert given({"threshold": ("lost <= 0",)}) == {"threshold": "lost <= 0"}
