"""Switches of the gateway from a file: taken, resolved with their defaults, or refused with every fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadtest.errors import UsageError
from loadtest.runner.certificates import CA_FILE, SERVER_FILE, make_certificates
from loadtest.runner.gateway_config import SWITCHES, read_switches, resolved, unfit_for_runs

if TYPE_CHECKING:
    from pathlib import Path


def written(folder: Path, text: str) -> str:
    path = folder / "gateway.toml"
    path.write_text(text)
    return str(path)


def test_switches_are_read_and_resolved(tmp_path: Path) -> None:
    text = 'strict = true\nupstream_qos = 2\n[topic_override_mapping]\nHeartbeat = "hb/${cid}"\n'
    switches = read_switches(written(tmp_path, text))
    assert switches == {"strict": True, "upstream_qos": 2, "topic_override_mapping": {"Heartbeat": "hb/${cid}"}}
    facts = resolved({"port": 1, "broker_url": "mqtt://user:secret@h"} | switches)
    assert facts["strict"] is True
    assert (facts["qos"], facts["piggyback"], facts["idle_timeout_s"]) == (1, "multiple", 30.0)
    assert "secret" not in repr(facts)
    assert set(facts) == SWITCHES | {"qos"}


def test_every_fault_of_a_file_is_told_by_name(tmp_path: Path) -> None:
    text = """
    stict = true
    port = 9000
    qos = 2
    piggyback = "double"
    strict_retry_interval_s = 0
    upstream_topic = "cs/${cid}"
    dnstream_topic = "cs/${cid}"
    upstream_reply_topic = "a/#"
    [topic_override_mapping]
    Heartbeat = "a/${who}"
    """
    with pytest.raises(UsageError) as caught:
        read_switches(written(tmp_path, text))
    told = caught.value.message
    for part in (
        "stict: there is no such switch; did you mean strict?",
        "port: is set with --bind",
        "qos: is set with --qos",
        "piggyback: 'double' is none of multiple, single",
        "strict_retry_interval_s: 0 does not fit",
        "upstream_topic: 'ocpp/cs/${cid}' can be the downstream topic",
        "upstream_reply_topic: 'ocpp/a/#' has a wildcard",
        "topic_override_mapping.Heartbeat: 'ocpp/a/${who}' has the placeholder ${who}",
    ):
        assert part in told
    assert len(caught.value.faults) == 8


@pytest.mark.parametrize("topic", ["down", "cs/${cid}/${action}", "cs/${cid}/${cid}", "cs/+/${cid}"])
def test_a_downstream_topic_names_its_charge_point_once_and_nothing_else(tmp_path: Path, topic: str) -> None:
    with pytest.raises(UsageError, match="dnstream_topic"):
        read_switches(written(tmp_path, f'dnstream_topic = "{topic}"'))


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.toml: No such file"):
        read_switches(str(tmp_path / "nowhere.toml"))
    with pytest.raises(UsageError, match="is not TOML"):
        read_switches(written(tmp_path, "strict ="))


def test_topics_that_a_run_could_not_follow_are_named() -> None:
    assert unfit_for_runs({"mountpoint": "ocpp/", "strict": True, "dnstream_topic": "cs/${cid}"}) == []
    faults = unfit_for_runs({"mountpoint": "m/", "topic_override_mapping": {"Heartbeat": "hb"}})
    assert [fault.split(": ")[1] for fault in faults] == ["mountpoint", "topic_override_mapping"]


def test_files_and_options_are_checked_together_each_named_as_it_was_written(tmp_path: Path) -> None:
    path = written(tmp_path, 'piggyback = "double"\npassword_file = "none.txt"\ntls_key = "none.pem"\n')
    with pytest.raises(UsageError) as refused:
        read_switches(path, {"tls_certificate": "none.crt", "path": "ocpp"})
    told = refused.value.faults
    assert [fault.partition(":")[0] for fault in told] == [
        "--path",
        f"--gateway-config {path}",
        f"--gateway-config {path}",
        "--tls-certificate none.crt",
        f"--gateway-config {path}",
    ]
    assert told[2].endswith("password_file none.txt: No such file or directory")
    assert told[4].endswith("tls_key none.pem: No such file or directory")


def test_what_is_wrong_with_options_alone_names_options() -> None:
    with pytest.raises(UsageError) as refused:
        read_switches("", {"tls_key": "key.pem", "tls_client_ca": "ca.pem"})
    assert refused.value.faults == (
        "--tls-key: needs --tls-certificate as well",
        "--tls-client-ca: needs --tls-certificate as well",
    )
    assert refused.value.hint == ""


def test_an_option_may_complete_a_file(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    path = written(tmp_path, f'tls_client_ca = "{tmp_path / CA_FILE}"\n')
    switches = read_switches(path, {"tls_certificate": str(tmp_path / SERVER_FILE)})
    assert set(switches) == {"tls_client_ca", "tls_certificate"}
