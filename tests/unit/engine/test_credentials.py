"""What charge points show: passwords from a template or a file, certificates shared or of their own."""

from __future__ import annotations

import base64
import ssl
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.engine.credentials import Credentials, password_bytes, read_passwords
from loadtest.engine.settings import engine_settings
from loadtest.errors import UsageError
from loadtest.runner.certificates import make_certificates
from loadtest.scenario.credentials import CredentialFiles

if TYPE_CHECKING:
    from pathlib import Path

NONE = CredentialFiles()


def user_and_password(headers: tuple[tuple[str, str], ...]) -> bytes:
    ((name, value),) = headers
    assert name == "Authorization"
    assert value.startswith("Basic ")
    return base64.b64decode(value.removeprefix("Basic "))


def test_a_template_gives_each_its_own() -> None:
    credentials = Credentials(NONE, "key ${number} of ${cid}")
    assert user_and_password(credentials.headers("cp-7", 7)) == b"cp-7:key 7 of cp-7"
    assert user_and_password(Credentials(NONE, "hex:00ff").headers("cp-7", 7)) == b"cp-7:\x00\xff"


def test_without_passwords_nothing_is_shown() -> None:
    assert Credentials(NONE).headers("cp-7", 7) == ()
    assert Credentials(NONE).tls("cp-7", 7) is None


def test_a_file_gives_each_its_own_and_the_rest_none(tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    file.write_text("# mine\n\ncp-1:pa:ss wörd\ncp-2:hex:FF00\n")
    credentials = Credentials(CredentialFiles(password_file=str(file)))
    assert user_and_password(credentials.headers("cp-1", 1)) == "cp-1:pa:ss wörd".encode()
    assert user_and_password(credentials.headers("cp-2", 2)) == b"cp-2:\xff\x00"
    assert credentials.headers("cp-3", 3) == ()


def test_every_faulty_line_is_named_and_none_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    file.write_text("hunter2\ncp-1:fine\ncp-1:hunter2\ncp-2:hex:hunter2\n:hunter2\ncp-4:\n")
    with pytest.raises(UsageError) as caught:
        read_passwords(file)
    assert [fault.partition(": line ")[2][0] for fault in caught.value.faults] == ["1", "3", "4", "5", "6"]
    assert "hunter2" not in caught.value.message


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "passwords").write_bytes(b"cp-1:\xff\xfe\n")
    with pytest.raises(UsageError, match="is not UTF-8"):
        read_passwords(tmp_path / "passwords")


@given(st.binary(max_size=40))
def test_any_bytes_can_be_written(password: bytes) -> None:
    assert password_bytes(f"hex:{password.hex()}") == password


def test_a_shared_certificate_has_one_context_and_an_own_one_each_its_own(tmp_path: Path) -> None:
    make_certificates(tmp_path / "c", charge_points=["cp-1", "cp-2"])
    ca_file = str(tmp_path / "c" / "ca.pem")
    shared = Credentials(
        CredentialFiles(ca_file=ca_file, client_certificate=str(tmp_path / "c" / "charge-point.pem")), encrypted=True
    )
    assert isinstance(shared.tls("cp-1", 1), ssl.SSLContext)
    assert shared.tls("cp-1", 1) is shared.tls("cp-2", 2)
    own = Credentials(CredentialFiles(ca_file=ca_file, client_certificate=f"{tmp_path}/c/${{cid}}.pem"), encrypted=True)
    assert own.tls("cp-1", 1) is not own.tls("cp-1", 1), "none is kept"
    with pytest.raises(UsageError, match=r"cp-3\.pem: No such file"):
        own.tls("cp-3", 3)


def test_all_faulty_files_are_named_together(tmp_path: Path) -> None:
    files = CredentialFiles(ca_file=str(tmp_path / "absent"), password_file=str(tmp_path / "none"))
    with pytest.raises(UsageError) as caught:
        Credentials(files, encrypted=True)
    assert len(caught.value.faults) == 2


def test_an_engines_settings_do_not_show_the_password() -> None:
    plain: dict[str, object] = {"run_tag": 1, "epoch_ns": 0, "seed": 1, "engine": 0, "charge_points": 1, "ramp_s": 0}
    settings = engine_settings(plain | {"gateway_url": "wss://u:hunter2@h/o", "password": "hunter2"})
    assert settings.password == "hunter2"
    assert "hunter2" not in repr(settings)


def test_every_file_that_cannot_be_read_is_named_by_its_option(monkeypatch: pytest.MonkeyPatch) -> None:
    files = CredentialFiles(
        ca_file="none.pem", client_certificate="none.crt", client_key="none.key", password_file="none.txt"
    )
    monkeypatch.setenv("LOADTEST_CLIENT_KEY", "none.key")
    with pytest.raises(UsageError) as refused:
        Credentials(files, encrypted=True)
    assert refused.value.faults == (
        "--password-file none.txt: No such file or directory",
        "--ca-file none.pem: No such file or directory",
        "--client-certificate none.crt: No such file or directory",
        "LOADTEST_CLIENT_KEY none.key: No such file or directory",
    )


def test_who_lacks_a_certificate_or_a_password_is_known_before_anybody_connects(tmp_path: Path) -> None:
    make_certificates(tmp_path, charge_points=["cp-0", "cp-2"])
    (tmp_path / "passwords").write_text("cp-0:secret\n")
    template = f"{tmp_path}/${{cid}}.pem"
    files = CredentialFiles(client_certificate=template, password_file=str(tmp_path / "passwords"))
    credentials = Credentials(files, encrypted=True)
    credentials.refuse_missing([("cp-0", 0)])
    with pytest.raises(UsageError) as refused:
        credentials.refuse_missing((f"cp-{number}", number) for number in range(4))
    certificates, passwords = refused.value.faults
    assert certificates == (
        f"--client-certificate {template}: 2 charge points have none; the first file missing is {tmp_path}/cp-1.pem"
    )
    assert passwords.endswith("3 charge points have no password in it; the first is cp-1")


def test_of_ids_that_share_a_number_one_is_enough(tmp_path: Path) -> None:
    (tmp_path / "passwords").write_text("ac-0:secret\ndc-1:secret\n")
    credentials = Credentials(CredentialFiles(password_file=str(tmp_path / "passwords")))
    credentials.refuse_missing([("ac-0", 0), ("ac-1", 1), ("dc-0", 0), ("dc-1", 1)])


def test_a_bad_template_of_passwords_names_its_variable() -> None:
    with pytest.raises(UsageError, match=r"^LOADTEST_PASSWORD: a password that begins with hex:"):
        Credentials(NONE, "hex:0g")
