"""Which attempts to connect are not worth repeating."""

from __future__ import annotations

import socket
import ssl

import pytest

from loadtest.engine import in_vain
from loadtest.errors import UsageError


@pytest.mark.parametrize(
    ("status", "expected"),
    [(401, True), (403, True), (404, True), (429, False), (408, False), (301, False), (500, False), (503, False)],
)
def test_refusals(status: int, expected: bool) -> None:
    assert in_vain.refusal(status) is expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ssl.SSLCertVerificationError("self-signed certificate"), True),
        (ssl.SSLError("TLSV13_ALERT_CERTIFICATE_REQUIRED"), True),
        (ssl.SSLEOFError("cut off"), False),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), True),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), False),
        (UsageError("no such certificate"), True),
        (ConnectionRefusedError(), False),
        (TimeoutError(), False),
        (None, False),
    ],
)
def test_failures(error: Exception | None, expected: bool) -> None:
    assert in_vain.failure(error) is expected
