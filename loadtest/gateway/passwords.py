"""The password file: who may connect with HTTP Basic, without the passwords themselves.

One charge point a line: ``id:sha256$<salt>$<hash>``, in hexadecimal; blank lines and those that begin with ``#`` count
for nothing. The hash is HMAC-SHA-256 of the password's bytes under the salt. Why not something slower:
``docs/decisions/0011-passwords-are-keys.md``.
"""

from __future__ import annotations

import hmac
import re
import secrets
from typing import TYPE_CHECKING

from loadtest.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

LEAST_BYTES = 16
"""Shortest AuthorizationKey (OCPP 1.6 security whitepaper, and OCPP-J 1.6 section 6.2). Shorter ones can be guessed."""

_ENTRY = re.compile(r"sha256\$([0-9a-f]{32})\$([0-9a-f]{64})")
_FORBIDDEN_IN_ID = frozenset("/+#:")


def entry(charge_point_id: str, password: bytes) -> str:
    """A line of the file, with a salt of its own.

    Raises:
        UsageError: The id can have no password, or the password is too short to be hashed fast; says which.
    """
    faults = []
    if not charge_point_id or _FORBIDDEN_IN_ID.intersection(charge_point_id) or not charge_point_id.isprintable():
        faults.append(f"{charge_point_id!r} is no id for HTTP Basic: it must be printable, without / + # and :")
    if len(password) < LEAST_BYTES:
        faults.append(
            f"the password of {charge_point_id!r} has {len(password)} bytes; OCPP wants at least {LEAST_BYTES}"
        )
    if faults:
        raise UsageError(faults)
    salt = secrets.token_bytes(16)
    return f"{charge_point_id}:sha256${salt.hex()}${_hash(salt, password).hex()}"


class Passwords:
    """Tells whether user name and password belong together. Made by :func:`read`.

    Args:
        entries: Salt and hash by user name.
    """

    def __init__(self, entries: dict[bytes, tuple[bytes, bytes]]) -> None:
        self._entries = entries

    def __len__(self) -> int:
        return len(self._entries)

    def __call__(self, user: bytes, password: bytes) -> bool:
        """Compare; an unknown user takes as long as a wrong password."""
        salt, expected = self._entries.get(user, _NOBODY)
        return hmac.compare_digest(_hash(salt, password), expected)


def read(path: Path, name: str = "password file") -> Passwords:
    """Read a password file.

    Args:
        path: The file.
        name: What the user calls it, for messages.

    Raises:
        UsageError: With every faulty line by its number; never with what stands there.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"{name} {path}: {error.strerror}") from None
    entries: dict[bytes, tuple[bytes, bytes]] = {}
    first_line: dict[bytes, int] = {}
    faults: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith(b"#"):
            continue
        user, _, hashed = line.rstrip().partition(b":")
        match = _ENTRY.fullmatch(hashed.decode("ascii", "replace"))
        if not user or match is None:
            faults.append(f"{name} {path}: line {number} is not id:sha256$salt$hash")
        elif user in entries:
            faults.append(f"{name} {path}: line {number} has the id of line {first_line[user]} again")
        else:
            entries[user] = (bytes.fromhex(match[1]), bytes.fromhex(match[2]))
            first_line[user] = number
    if not entries and not faults:
        faults.append(f"{name} {path}: has no entry, so nobody could connect")
    if faults:
        raise UsageError(faults, hint="loadtest password ID makes a line")
    return Passwords(entries)


def _hash(salt: bytes, password: bytes) -> bytes:
    return hmac.digest(salt, password, "sha256")


_NOBODY = (bytes(16), secrets.token_bytes(32))
