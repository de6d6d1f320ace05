"""When a configuration of EMQX's counts as the one wanted."""

from __future__ import annotations

from typing import Any

import pytest

from loadtest.brokers.emqx import wanted


def changed(**fields: Any) -> dict[str, Any]:
    return {**wanted.GATEWAY, **fields}


@pytest.mark.parametrize(
    "found",
    [
        changed(),
        changed(idle_timeout="7200s", default_heartbeat_interval="10m", status="running", enable_stats=True),
        changed(idle_timeout="1h60m"),
        changed(dnstream={**wanted.GATEWAY["dnstream"], "more": 1}),
    ],
)
def test_the_same_written_otherwise_is_as_wanted(found: dict[str, Any]) -> None:
    assert list(wanted.differences(wanted.GATEWAY, found)) == []


def test_each_difference_is_named_with_both_values() -> None:
    found = changed(idle_timeout="30s", dnstream={"topic": "cp/${cid}", "max_mqueue_len": 100})
    del found["message_format_checking"]
    assert list(wanted.differences(wanted.GATEWAY, found)) == [
        'idle_timeout: "30s" instead of "2h"',
        'message_format_checking: nothing instead of "disable"',
        'dnstream.topic: "cp/${cid}" instead of "cs/${cid}"',
    ]


@pytest.mark.parametrize("bind", ["0.0.0.0:4711", ":4711", "4711", 4711, "[::]:4711"])
def test_a_listener_bound_everywhere_is_on_the_port(bind: object) -> None:
    found = wanted.listener(4711) | {"bind": bind}
    assert list(wanted.differences(wanted.listener(4711), found)) == []
    assert len(list(wanted.differences(wanted.listener(4712), found))) == 1


def test_a_listener_bound_elsewhere_differs() -> None:
    found = wanted.listener(4711) | {"bind": "127.0.0.1:4711"}
    assert list(wanted.differences(wanted.listener(4711), found)) == [
        'bind: "127.0.0.1:4711" instead of "0.0.0.0:4711"'
    ]


def test_subprotocols_may_be_a_list_or_a_text() -> None:
    found = wanted.listener(1)
    found["websocket"]["supported_subprotocols"] = ["ocpp1.6"]
    assert list(wanted.differences(wanted.listener(1), found)) == []
    found["websocket"]["supported_subprotocols"] = "ocpp1.6, ocpp2.0"
    assert len(list(wanted.differences(wanted.listener(1), found))) == 1


def test_correcting_keeps_what_is_the_users_and_drops_what_is_read_only() -> None:
    found = {
        "id": wanted.LISTENER_ID,
        "status": {"running": True},
        "node_status": [],
        "enable_authn": False,
        "websocket": {"path": "/x", "compress": True},
    }
    corrected = wanted.corrected(found, wanted.listener(9))
    assert corrected == {
        **wanted.listener(9),
        "enable_authn": False,
        "websocket": {"compress": True, **wanted.listener(9)["websocket"]},
    }
