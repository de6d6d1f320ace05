"""Everything an OCPP security profile needs, made for one run: authority, certificates, passwords, for both sides.

It lies in a folder of its own that only its owner can look into, and goes with the run unless we are killed by SIGKILL.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadtest.engine.credentials import password_bytes
from loadtest.errors import UsageError
from loadtest.gateway import passwords
from loadtest.runner.certificates import CA_FILE, LOOPBACK_HOSTS, SERVER_FILE, SHARED_CLIENT_FILE, make_certificates
from loadtest.scenario.credentials import CredentialFiles, filled

if TYPE_CHECKING:
    from collections.abc import Iterable

BASIC = frozenset({1, 2})
ENCRYPTED = frozenset({2, 3})
CLIENT_CERTIFICATES = 3
"""Profiles: unsecured transport with Basic authentication, TLS with Basic, TLS with client certificates."""

KEY_BYTES = 20
"""Length of the passwords made up, the longest AuthorizationKey of OCPP 1.6."""


class EmbeddedSecurity:
    """Credentials of a run.

    Args:
        profile: OCPP security profile, 0 to 3.
        charge_points: Ids and numbers of all charge points; used by profiles 1 and 2.
        password: Template of the passwords; empty: everyone gets a random one.
        address: By which the gateway will be reached, when it is not loopback.

    Attributes:
        gateway: What the gateway is to be asked for besides.
        charge_points: What charge points are to use.

    Raises:
        UsageError: The password is too short.
    """

    def __init__(
        self, profile: int, charge_points: Iterable[tuple[str, int]], password: str = "", *, address: str = ""
    ) -> None:
        self.gateway: dict[str, Any] = {}
        self.charge_points = CredentialFiles()
        self._folder: Path | None = None
        if not profile:
            return
        self._folder = folder = Path(tempfile.mkdtemp(prefix="loadtest-security-"))  # made with mode 0700
        try:
            files: dict[str, str] = {}
            if profile in BASIC:
                files |= self._make_passwords(folder, charge_points, password)
            if profile in ENCRYPTED:
                make_certificates(folder, (*LOOPBACK_HOSTS, address) if address else LOOPBACK_HOSTS)
                files["ca_file"] = str(folder / CA_FILE)
                self.gateway["tls_certificate"] = str(folder / SERVER_FILE)
            if profile == CLIENT_CERTIFICATES:
                # One certificate for all, because one context for each charge point would cost the generator, not the
                # gateway: that checks the whole chain for each of them, and only the name cannot be theirs.
                files["client_certificate"] = str(folder / SHARED_CLIENT_FILE)
                self.gateway |= {"tls_client_ca": str(folder / CA_FILE), "check_identity": False}
            self.charge_points = CredentialFiles(**files)
        except BaseException:
            self.remove()
            raise

    def remove(self) -> None:
        """Delete everything; safe to call twice."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _make_passwords(self, folder: Path, charge_points: Iterable[tuple[str, int]], template: str) -> dict[str, str]:
        hashed: list[str] = []
        clear: list[str] = []
        for identity, number in charge_points:
            text = filled(template, identity, number) if template else f"hex:{secrets.token_hex(KEY_BYTES)}"
            try:
                hashed.append(passwords.entry(identity, password_bytes(text)))
            except UsageError as error:
                raise UsageError([f"LOADTEST_PASSWORD: {fault}" for fault in error.faults]) from None
            clear.append(f"{identity}:{text}")
        self.gateway["password_file"] = _written(folder / "gateway-passwords", hashed)
        return {} if template else {"password_file": _written(folder / "charge-point-passwords", clear)}


def _written(file: Path, lines: list[str]) -> str:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
        opened.writelines(f"{line}\n" for line in lines)
    return str(file)
