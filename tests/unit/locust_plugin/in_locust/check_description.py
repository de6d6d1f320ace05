"""What a run says about itself: how to repeat it, under which name, and nothing secret."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from loadtest.locust_plugin.description import describe, run_name
from loadtest.locust_plugin.repeat import repeat_command
from loadtest.measure.limits import Limits
from loadtest.protocol.phases import PHASES
from loadtest.scenario.resolve import resolve

if TYPE_CHECKING:
    import pytest

STEADY = str(Path(__file__).parents[4] / "scenarios" / "steady.py")

CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "charge_points": st.integers(300, 1_000_000),
        "duration": st.sampled_from(["1s", "90s", "1m30s", "2h", "1.5s"]),
        "ramp": st.sampled_from(["0", "250ms", "10s", "3m"]),
        "seed": st.integers(0, 2**63),
        "engines": st.integers(1, 256),
        "qos": st.sampled_from(["0", "1", "2"]),
        "csms": st.just("embedded"),
        "broker": st.sampled_from(["auto", "mqtt://host"]),
        "gateway": st.sampled_from(["embedded", "ws://host:1/ocpp"]),
        "call_timeout": st.sampled_from(["0.5s", "30s", "1m"]),
    },
)


@given(CHANGES)
def test_the_command_repeats_the_run(values: dict[str, Any]) -> None:
    settings = resolve(values | {"run_id": "once", "results": "elsewhere"})
    command = repeat_command(settings, STEADY)
    assert command[:3] == ["loadtest", "run", "steady"]
    flags = dict(zip(command[3::2], command[4::2], strict=True))
    again = resolve({flag.removeprefix("--").replace("-", "_"): text for flag, text in flags.items()})
    assert msgspec.structs.replace(again, run_id="once") == settings


def test_the_seed_and_what_differs_from_the_defaults_is_in_it() -> None:
    assert repeat_command(resolve({}), STEADY) == ["loadtest", "run", "steady", "--seed", "1"]
    assert repeat_command(resolve({"duration": "30"}), STEADY) == ["loadtest", "run", "steady", "--seed", "1"]


def test_a_scenario_of_ones_own_is_given_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert repeat_command(resolve({}), str(tmp_path / "mine.py"))[2] == str(tmp_path / "mine.py")
    monkeypatch.chdir(tmp_path)
    assert repeat_command(resolve({}), str(tmp_path / "mine.py"))[2] == "mine.py"
    (tmp_path / "scenarios").mkdir()
    assert repeat_command(resolve({}), STEADY)[2] == "steady"
    (tmp_path / "scenarios" / "steady.py").touch()
    assert repeat_command(resolve({}), STEADY)[2] == STEADY, "the name leads elsewhere from here"
    assert repeat_command(resolve({}), "scenarios/steady.py")[2] == "steady"


def test_options_of_locust_are_in_it() -> None:
    argv = (
        *("locust", "-f", "x.py", "--headless", "--only-summary", "--duration=5s", "--users", "5"),
        *("--processes", "2", "--master-bind-host", "127.0.0.1", "--master-bind-port", "4711", "--csv", "table"),
    )
    command = repeat_command(resolve({"duration": "5s"}), STEADY, users=5, argv=argv)
    of_locust = ["--", "--users", "5", "--processes", "2", "--csv", "table"]
    assert command == ["loadtest", "run", "steady", "--duration", "5s", "--seed", "1", *of_locust]
    distributed = ("locust", "--web-port", "1", "--master", "--master-bind-port", "4711")
    command = repeat_command(resolve({}), STEADY, argv=distributed)
    assert command[5:] == ["--", "--master", "--master-bind-port", "4711"]


def test_no_password_reaches_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["locust", "--broker", "mqtt://u:s3cret@h", "--gateway=ws://u:s3cret@h", "[", "plain"]
    monkeypatch.setattr("sys.argv", words)
    settings = resolve({"broker": "mqtt://u:s3cret@h", "gateway": "ws://u:s3cret@h"})
    command = repeat_command(settings, STEADY, argv=words)
    described = describe(
        settings, Path("steady.py"), "run", 1, command=command, fleet=[], limits=Limits(), thresholds=(), phases=PHASES
    )
    assert "s3cret" not in msgspec.json.encode(described).decode()
    assert described.host["locust_command"].endswith("plain")
    assert described.versions["locust"][0].isdigit()
    assert 0 <= described.run_tag <= 0xFFFF


def test_a_run_gets_a_name_of_its_own(tmp_path: Path) -> None:
    automatic = run_name(resolve({"results": str(tmp_path)}), "steady")
    assert re.fullmatch(r"\d{8}-\d{6}-steady", automatic)
    settings = resolve({"results": str(tmp_path), "run_id": "mine"})
    for expected in ("mine", "mine-2", "mine-3"):
        assert run_name(settings, "steady") == expected
        (tmp_path / expected).mkdir()
        (tmp_path / expected / "run.json").write_text("{}")
