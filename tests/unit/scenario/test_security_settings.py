"""Who brings which credentials: contradictions are named, and a secret is nowhere in resolved settings."""

from __future__ import annotations

import pytest

from loadtest.errors import UsageError
from loadtest.scenario.credentials import CredentialFiles, filled
from loadtest.scenario.resolve import resolve
from loadtest.scenario.secret_settings import SECRETS, secret
from loadtest.scenario.settings_table import SETTINGS

SECURE = {"gateway": "wss://h:1/o", "broker": "mqtt://h"}
PLAIN = {"gateway": "ws://h:1/o", "broker": "mqtt://h"}


@pytest.fixture(autouse=True)
def _no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOADTEST_PASSWORD", raising=False)


@pytest.mark.parametrize(
    ("values", "password", "faults"),
    [
        ({"ca_file": "x", "password_file": "y"}, "", ["--ca-file: is for a gateway given", "--password-file: is for"]),
        ({}, "s", ["LOADTEST_PASSWORD: the embedded gateway asks for passwords with"]),
        ({"security_profile": "3"}, "s", ["LOADTEST_PASSWORD: the embedded gateway asks for passwords with"]),
        ({"security_profile": "4"}, "", ["--security-profile: '4' is none of 0, 1, 2, 3"]),
        (SECURE | {"security_profile": "2"}, "", ["--security-profile: is for the embedded gateway"]),
        (SECURE | {"client_key": "k"}, "", ["--client-key: needs --client-certificate"]),
        (SECURE | {"password_file": "f"}, "s", ["passwords come from LOADTEST_PASSWORD and --password-file"]),
        (SECURE | {"gateway": "wss://me:s@h/o"}, "s", ["passwords come from LOADTEST_PASSWORD and a user name"]),
        (
            PLAIN | {"ca_file": "x", "client_certificate": "y", "client_key": "z"},
            "",
            ["--ca-file: has no use", "--client-certificate: has no use", "--client-key: has no use"],
        ),
    ],
)
def test_contradictions(
    values: dict[str, object], password: str, faults: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOADTEST_PASSWORD", password)
    with pytest.raises(UsageError) as caught:
        resolve(values)
    assert len(caught.value.faults) == len(faults)
    for fault, begin in zip(caught.value.faults, faults, strict=True):
        assert fault.startswith(begin)


@pytest.mark.parametrize(
    ("values", "password"),
    [
        ({"security_profile": "2"}, "s"),
        (PLAIN, "s"),
        (PLAIN | {"password_file": "f"}, ""),
        (SECURE, ""),
        (SECURE | {"ca_file": "x", "client_certificate": "${cid}.pem", "client_key": "${cid}.key"}, "s"),
    ],
)
def test_what_goes_together(values: dict[str, object], password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_PASSWORD", password)
    settings = resolve(values)
    assert settings.credentials.client_certificate == values.get("client_certificate", "")


def test_a_secret_has_no_flag_and_enters_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOADTEST_PASSWORD", "never-to-be-seen")
    settings = resolve({"security_profile": "1"})
    assert secret("password") == "never-to-be-seen"
    assert "never-to-be-seen" not in repr(settings) + repr(settings.public())
    assert not {setting.name for setting in SECRETS} & {setting.name for setting in SETTINGS}


def test_placeholders() -> None:
    assert filled("${number}/${cid}.pem", "cp-7", 7) == "7/cp-7.pem"
    assert CredentialFiles(client_certificate="a/${cid}.pem").personal
    assert CredentialFiles(client_certificate="a", client_key="${number}").personal
    assert not CredentialFiles(client_certificate="a").personal
