"""Settings of a broker as they are written."""

from __future__ import annotations

import pytest

from loadtest.errors import UsageError
from loadtest.scenario.broker_settings import broker_settings
from loadtest.scenario.resolve import resolve


def test_names_and_values_of_any_kind_are_told_apart() -> None:
    text = "set_tcp_nodelay=false; mqtt.ack_wait = 10s ;java.Xmx=;log=a=b"
    assert broker_settings(text) == {"set_tcp_nodelay": "false", "mqtt.ack_wait": "10s", "java.Xmx": "", "log": "a=b"}
    assert broker_settings("") == {}


def test_everything_wrong_is_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        broker_settings("nodelay; a=1; =2; a=3; b=1\nlistener 1")
    assert caught.value.faults == (
        "--broker-setting: 'nodelay' is not name=value",
        "--broker-setting: '=2' is not name=value",
        "--broker-setting a: is given twice",
        "--broker-setting: 'b=1\\nlistener 1' is not name=value",
    )


def test_a_run_refuses_them_where_they_were_written() -> None:
    with pytest.raises(UsageError) as caught:
        resolve({"broker_setting": "nodelay", "engines": "0"}, from_environment={"broker_setting"})
    assert "LOADTEST_BROKER_SETTING: 'nodelay' is not name=value" in caught.value.faults
    assert len(caught.value.faults) == 2
    with pytest.raises(UsageError, match="--broker-setting: is for a broker that the harness starts"):
        resolve({"broker": "mqtt://host:1883", "broker_setting": "a=1"})
