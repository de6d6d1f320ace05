"""What charge points show when they connect: passwords, for HTTP Basic or MQTT, and certificates."""

from __future__ import annotations

import binascii
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

from loadtest.errors import Faults, UsageError
from loadtest.scenario.credentials import filled
from loadtest.scenario.settings_table import written
from loadtest.transport import tls

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Sequence

    from loadtest.scenario.credentials import CredentialFiles

_HEX = "hex:"


class Credentials:
    """The credentials of a fleet, read once.

    Args:
        files: Where they are.
        password: Template of the passwords, with ``${cid}`` or ``${number}``; empty: there is none.
        encrypted: The peer's URL is ``wss://`` or ``mqtts://``.

    Raises:
        UsageError: With every fault of the files, never with a secret.
    """

    def __init__(self, files: CredentialFiles, password: str = "", *, encrypted: bool = False) -> None:
        self._files = files
        self._password = password
        self._passwords: dict[str, bytes] = {}
        self._shared: ssl.SSLContext | None = None
        found = Faults()
        with found.gathered():
            if files.password_file:
                self._passwords = read_passwords(Path(files.password_file))
            elif password:
                _check_template(password)
        with found.gathered():
            if encrypted:
                certificate, key = ("", "") if files.personal else (files.client_certificate, files.client_key)
                self._shared = tls.client_context(files.ca_file, certificate, key, names=_names(files))
        found.refuse()

    def refuse_missing(self, fleet: Iterable[tuple[str, int]]) -> None:
        """Refuse a fleet of which some have no certificate or no password.

        Args:
            fleet: Ids and numbers of all there may be. Of several ids with one number one will be, so one is enough.

        Raises:
            UsageError: Names the first that is missing, and says how many are.
        """
        files, everybody, faults = self._files, list(fleet), []
        if self._shared is not None and files.personal:
            for name in ("client_certificate", "client_key"):
                template: str = getattr(files, name)
                if template and (lacking := _without(everybody, _has_file(template))):
                    faults.append(
                        f"{written(name, template)} {template}: {len(lacking):,} charge points have none; "
                        f"the first file missing is {filled(template, *lacking[0])}"
                    )
        if files.password_file and (lacking := _without(everybody, lambda identity, _: identity in self._passwords)):
            called = f"{written('password_file', files.password_file)} {files.password_file}"
            faults.append(
                f"{called}: {len(lacking):,} charge points have no password in it; the first is {lacking[0][0]}"
            )
        if faults:
            raise UsageError(faults)

    def tls(self, charge_point_id: str, number: int) -> ssl.SSLContext | None:
        """What a charge point connects with; ``None``: without TLS.

        One that has a certificate of its own gets a context of its own, which lives as long as its connection.

        Raises:
            UsageError: Its certificate cannot be used.
        """
        files = self._files
        if self._shared is None or not files.personal:
            return self._shared
        certificate = filled(files.client_certificate, charge_point_id, number)
        key = filled(files.client_key, charge_point_id, number)
        return tls.client_context(files.ca_file, certificate, key, names=_names(files))

    def password(self, charge_point_id: str, number: int) -> bytes | None:
        """The password of a charge point, if there is one."""
        if self._password:
            return password_bytes(filled(self._password, charge_point_id, number))
        return self._passwords.get(charge_point_id)

    def headers(self, charge_point_id: str, number: int) -> tuple[tuple[str, str], ...]:
        """The ``Authorization`` header of HTTP Basic (RFC 7617), if there is a password. The user name is the id."""
        password = self.password(charge_point_id, number)
        if password is None:
            return ()
        return (("Authorization", "Basic " + b64encode(charge_point_id.encode() + b":" + password).decode()),)


def password_bytes(text: str) -> bytes:
    """A password as it is written: text stands for its UTF-8, ``hex:00ff…`` for any bytes.

    Raises:
        UsageError: What follows ``hex:`` is not hexadecimal; it is not shown.
    """
    if not text.startswith(_HEX):
        return text.encode()
    try:
        return binascii.unhexlify(text[len(_HEX) :])
    except ValueError:
        raise UsageError("a password that begins with hex: must go on in pairs of hexadecimal digits") from None


def _check_template(password: str) -> None:
    try:
        password_bytes(filled(password, "x", 0))
    except UsageError as error:
        raise UsageError(f"LOADTEST_PASSWORD: {error.message}") from None


def _names(files: CredentialFiles) -> tls.Names:
    return tls.Names(*(written(name, getattr(files, name)) for name in ("client_certificate", "client_key", "ca_file")))


def _has_file(template: str) -> Callable[[str, int], bool]:
    return lambda identity, number: Path(filled(template, identity, number)).is_file()


def _without(fleet: Sequence[tuple[str, int]], has: Callable[[str, int], bool]) -> list[tuple[str, int]]:
    """Those that lack something: the first id of each number of which no id has it."""
    served = {number for identity, number in fleet if has(identity, number)}
    lacking: dict[int, tuple[str, int]] = {}
    for identity, number in fleet:
        if number not in served:
            lacking.setdefault(number, (identity, number))
    return list(lacking.values())


def read_passwords(path: Path) -> dict[str, bytes]:
    """Read a file of passwords in clear: ``id:password`` lines; blank ones and those that begin with ``#`` are skipped.

    Raises:
        UsageError: With every faulty line by its number; never with what stands there.
    """
    called = f"{written('password_file', str(path))} {path}"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"{called}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{called}: is not UTF-8", hint="write other bytes as id:hex:00ff…") from None
    passwords: dict[str, bytes] = {}
    faults: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        charge_point_id, colon, text = line.partition(":")
        fault = "" if charge_point_id and colon and text else "is not id:password"
        if charge_point_id in passwords:
            fault = "has an id for the second time"
        try:
            passwords[charge_point_id] = password_bytes(text)
        except UsageError as error:
            fault = error.message
        if fault:
            faults.append(f"{called}: line {number}: {fault}")
    if faults:
        raise UsageError(faults)
    return passwords
