"""Settings as Locust's options: as text, checked by us, and without secrets in the web form."""

from __future__ import annotations

import pytest
from locust.argument_parser import LocustArgumentParser

from loadtest.errors import UsageError
from loadtest.locust_plugin.options import add_options, settings_of
from loadtest.scenario.settings import SETTINGS, resolve


def parser() -> LocustArgumentParser:
    made = LocustArgumentParser()
    add_options(made)
    return made


def test_without_flags_locust_gives_the_defaults() -> None:
    assert settings_of(parser().parse_args([])) == resolve({})


def test_every_setting_has_its_flag() -> None:
    flags = [part for setting in SETTINGS for part in (setting.flag, str(setting.default))]
    assert settings_of(parser().parse_args(flags)) == resolve({})
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


def test_the_web_form_shows_no_setting_that_may_hold_a_password() -> None:
    shown = set(parser().args_included_in_web_ui)
    assert {"charge_points", "duration"} <= shown
    assert not shown & {"gateway", "broker", "results"}
