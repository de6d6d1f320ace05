"""The configuration Mosquitto is measured with."""

from __future__ import annotations

from loadtest.brokers import mosquitto


def directives(*, as_root: bool) -> dict[str, str]:
    lines = mosquitto.config_text(1884, as_root=as_root).splitlines()
    return dict(line.split(" ", 1) for line in lines if not line.startswith("log_type"))


def test_what_holds_messages_back_by_default_is_off() -> None:
    config = directives(as_root=False)
    assert config["set_tcp_nodelay"] == "true"
    assert config["max_inflight_messages"] == config["max_queued_messages"] == "0"
    assert config["persistence"] == "false"


def test_what_is_to_outlive_a_restart_is_kept_in_a_folder_of_the_run() -> None:
    lines = mosquitto.config_text(1884, as_root=False, persistence_dir="/run/logs").splitlines()
    assert {"persistence true", "persistence_location /run/logs/"} <= set(lines)
    assert "persistence false" not in lines


def test_it_listens_on_loopback_only() -> None:
    assert directives(as_root=False)["listener"] == "1884 127.0.0.1"


def test_only_root_is_told_to_stay_who_it_is() -> None:
    assert directives(as_root=True)["user"] == "root"
    assert "user" not in directives(as_root=False)
