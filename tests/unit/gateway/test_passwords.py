"""The password file: what is in it, what it tells, and that it keeps its secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadtest.errors import UsageError
from loadtest.gateway.passwords import entry, read

if TYPE_CHECKING:
    from pathlib import Path

KEY = bytes(range(240, 256)) + b"\x00:\n\xff"


def written(folder: Path, *lines: str) -> Path:
    file = folder / "passwords"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def test_only_user_and_password_that_belong_together_open_the_door(tmp_path: Path) -> None:
    other = bytes(20)
    passwords = read(written(tmp_path, "# keys", "", entry("cp-1", KEY), entry("cp-2", other)))
    assert len(passwords) == 2
    assert passwords(b"cp-1", KEY)
    assert passwords(b"cp-2", other)
    assert not passwords(b"cp-1", other)
    assert not passwords(b"cp-3", KEY)
    assert not passwords(b"cp-1", b"")


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(password=st.binary(min_size=16, max_size=40), wrong=st.binary(max_size=40))
def test_any_bytes_are_a_password(tmp_path: Path, password: bytes, wrong: bytes) -> None:
    passwords = read(written(tmp_path, entry("Säule 7", password)))
    assert passwords("Säule 7".encode(), password)
    assert passwords("Säule 7".encode(), wrong) == (wrong == password)


def test_equal_passwords_cannot_be_seen_to_be_equal() -> None:
    assert entry("a", KEY).partition(":")[2] != entry("a", KEY).partition(":")[2]


@pytest.mark.parametrize(
    ("identity", "password"), [("", KEY), ("a:b", KEY), ("a/b", KEY), ("a\nb", KEY), ("a", KEY[:15])]
)
def test_what_can_have_no_entry(identity: str, password: bytes) -> None:
    with pytest.raises(UsageError) as caught:
        entry(identity, password)
    assert repr(password)[2:-1] not in caught.value.message


def test_every_faulty_line_is_named_and_none_is_shown(tmp_path: Path) -> None:
    good = entry("cp-1", KEY)
    file = written(tmp_path, good, "cp-2:hunter2-in-the-clear", good.upper(), entry("cp-1", KEY), ":" + good, "nothing")
    with pytest.raises(UsageError) as caught:
        read(file)
    assert [fault.partition(" line ")[2][:2].strip() for fault in caught.value.faults] == ["2", "3", "4", "5", "6"]
    assert "has the id of line 1 again" in caught.value.faults[2]
    assert "hunter2" not in caught.value.message
    assert good.partition(":")[2] not in caught.value.message


def test_a_file_that_opens_for_nobody_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no entry"):
        read(written(tmp_path, "# nothing yet"))
    with pytest.raises(UsageError, match="No such file"):
        read(tmp_path / "absent")
