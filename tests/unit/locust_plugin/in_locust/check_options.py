"""Settings as Locust's options: as text, checked by us, and without secrets in the web form."""

from __future__ import annotations

import sys
from typing import Any

import locust
import pytest
from locust.argument_parser import (
    LocustArgumentParser,
    get_empty_argument_parser,
    setup_parser_arguments,
    ui_extra_args_dict,
)
from locust.event import Events

from loadtest.cli.options import refuse_misspelt
from loadtest.cli.run import run, web
from loadtest.errors import UsageError
from loadtest.locust_plugin.options import add_options, leave_passwords_out_of_form, settings_of
from loadtest.scenario.resolve import resolve
from loadtest.scenario.settings_table import SETTINGS


def parser() -> LocustArgumentParser:
    made = LocustArgumentParser()
    add_options(made)
    return made


def test_without_flags_locust_gives_the_defaults() -> None:
    assert settings_of(parser().parse_args([])) == resolve({})


def test_every_setting_has_its_flag() -> None:
    valued = [setting for setting in SETTINGS if setting.kind != "flag"]
    flags = [part for setting in valued for part in (setting.flag, str(setting.default))]
    assert settings_of(parser().parse_args(flags)) == resolve({})
    switches = [setting for setting in SETTINGS if setting.kind == "flag"]
    switched = settings_of(parser().parse_args([setting.flag for setting in switches]))
    assert all(getattr(switched, setting.name) is True for setting in switches)
    changed = settings_of(parser().parse_args(["--charge-points", "7", "--ramp", "250ms", "--qos", "2"]))
    assert (changed.charge_points, changed.ramp_s, changed.qos) == (7, 0.25, 2)


def test_faults_come_from_us_and_all_at_once_not_from_argparse() -> None:
    options = parser().parse_args(["--charge-points", "many", "--qos", "9", "--csms", "maybe"])
    with pytest.raises(UsageError) as refused:
        settings_of(options)
    assert len(refused.value.faults) == 3


def test_the_environment_gives_defaults_that_flags_outdo(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SETTINGS[0].variable == "LOADTEST_CHARGE_POINTS"
    monkeypatch.setenv("LOADTEST_BROKER", "mqtt://u:s3cret@host")
    monkeypatch.setenv("LOADTEST_CHARGE_POINTS", "55")
    settings = settings_of(parser().parse_args(["--charge-points", "56"]))
    assert (settings.broker, settings.charge_points) == ("mqtt://u:s3cret@host", 56)
    assert "s3cret" not in parser().format_help()


def test_thresholds_are_given_one_by_one_and_outdo_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_THRESHOLD", "lost < 7; sent rate > 5/s")
    assert settings_of(parser().parse_args([])).threshold == "lost < 7; sent rate > 5/s"
    given = settings_of(parser().parse_args(["--threshold", "lost < 5", "--threshold", "duplicated < 3"]))
    assert given.threshold == "lost < 5; duplicated < 3"
    monkeypatch.delenv("LOADTEST_THRESHOLD")
    monkeypatch.setenv("LOADTEST_NO_THRESHOLDS", "yes")
    assert settings_of(parser().parse_args([])).no_thresholds is True


def form(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> dict[str, Any]:
    """What Locust fills its start form with, once our listeners have seen the options."""
    hooks = Events()  # type: ignore[no-untyped-call]
    hooks.init_command_line_parser.add_listener(add_options)  # type: ignore[no-untyped-call]
    monkeypatch.setattr(locust, "events", hooks)
    monkeypatch.setattr(sys, "argv", ["locust", *arguments])
    leave_passwords_out_of_form(parser().parse_args(arguments), hooks)
    return ui_extra_args_dict()


def test_the_web_form_asks_for_what_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = form(monkeypatch, "--charge-points", "7", "--broker", "mqtt://host:1884")
    assert asked.keys() == {"charge_points", "duration", "ramp", "seed", "path", "gateway", "broker"}
    assert (asked["charge_points"]["default_value"], asked["broker"]["default_value"]) == ("7", "mqtt://host:1884")


def test_the_web_form_shows_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_GATEWAY", "ws://u:s3cret@host")
    asked = form(monkeypatch, "--broker", "mqtt://u:s3cret@host")
    assert asked.keys() == {"charge_points", "duration", "ramp", "seed", "path"}
    assert "s3cret" not in str(asked)


def test_what_is_wrong_in_the_environment_is_called_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_QOS", "7")
    with pytest.raises(UsageError, match=r"^LOADTEST_QOS: '7' is none of 0, 1, 2$"):
        settings_of(parser().parse_args([]))
    with pytest.raises(UsageError, match=r"^--qos: '8' is none of"):
        settings_of(parser().parse_args(["--qos", "8"]))


def test_an_abbreviation_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["--charge-point", "5"])
    assert "Did you mean '--charge-points'?" in capsys.readouterr().err


def test_no_option_of_locust_is_taken_for_a_slip_in_one_of_ours() -> None:
    ours = {option for command in (run, web) for parameter in command.params for option in parameter.opts}
    theirs = get_empty_argument_parser()
    setup_parser_arguments(theirs)  # type: ignore[no-untyped-call]
    flags = {flag for action in theirs._actions for flag in action.option_strings} - ours
    assert len(flags) > 20
    refuse_misspelt(flags, ours)
