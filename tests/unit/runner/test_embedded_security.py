"""What is made for a run with a security profile, and that it goes again."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from loadtest.engine.credentials import Credentials, read_passwords
from loadtest.errors import UsageError
from loadtest.gateway import passwords
from loadtest.gateway.settings import gateway_settings
from loadtest.runner.certificates import make_certificates
from loadtest.runner.embedded_security import EmbeddedSecurity
from loadtest.scenario.credentials import CredentialFiles

FLEET = [("cp-1", 1), ("cp-2", 2)]
GATEWAY = {"port": 1, "broker_url": "mqtt://h"}


def test_profile_0_needs_nothing() -> None:
    security = EmbeddedSecurity(0, FLEET)
    assert (security.gateway, security.charge_points) == ({}, CredentialFiles())
    security.remove()


@pytest.mark.parametrize("profile", [1, 2, 3])
def test_both_sides_fit_and_nobody_else_can_read_it(profile: int) -> None:
    security = EmbeddedSecurity(profile, iter(FLEET))
    files = [Path(value) for value in security.gateway.values() if isinstance(value, str)]
    folder = files[0].parent
    try:
        settings = gateway_settings(GATEWAY | security.gateway)
        Credentials(security.charge_points, encrypted=profile > 1)
        assert bool(settings.tls_certificate) == (profile > 1)
        assert bool(settings.tls_client_ca) == bool(security.charge_points.client_certificate) == (profile == 3)
        if profile < 3:
            hashed = passwords.read(Path(settings.password_file))
            clear = read_passwords(Path(security.charge_points.password_file))
            assert [hashed(identity.encode(), key) for identity, key in clear.items()] == [True, True]
            assert len(set(clear.values())) == 2
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    finally:
        security.remove()
        security.remove()
    assert not folder.exists()


def test_a_template_is_hashed_and_never_written_down() -> None:
    security = EmbeddedSecurity(1, FLEET, "a secret long enough for ${cid}")
    try:
        hashed = passwords.read(Path(security.gateway["password_file"]))
        assert hashed(b"cp-2", b"a secret long enough for cp-2")
        assert security.charge_points == CredentialFiles()
        folder = Path(security.gateway["password_file"]).parent
        assert b"secret" not in b"".join(file.read_bytes() for file in folder.iterdir())
    finally:
        security.remove()


def test_a_short_template_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(UsageError, match="has 5 bytes"):
        EmbeddedSecurity(2, FLEET, "short")
    assert list(tmp_path.iterdir()) == []


def test_what_can_have_no_certificate_is_named_together(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        make_certificates(tmp_path / "c", hosts=["fine", "not fine"], charge_points=["a/b", "x" * 65, "ca", "fine"])
    assert len(caught.value.faults) == 4
    assert not (tmp_path / "c").exists()


def test_certificates_are_never_written_over(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    with pytest.raises(UsageError, match=r"ca\.pem"):
        make_certificates(tmp_path)
