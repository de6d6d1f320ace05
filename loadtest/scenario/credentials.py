"""What charge points show to a gateway and trust of it, as far as it may be written down: files, no secrets."""

from __future__ import annotations

import msgspec

CHARGE_POINT_ID = "${cid}"
NUMBER = "${number}"


class CredentialFiles(msgspec.Struct, frozen=True, kw_only=True):
    """Files of the charge points' side of OCPP's security profiles; empty: there is none.

    Attributes:
        ca_file: PEM file of the authorities trusted for ``wss://``; empty: those of the system.
        client_certificate: PEM file of a client certificate. With ``${cid}`` or ``${number}`` in its name there is one
            for each charge point, otherwise all share it.
        client_key: PEM file of its private key, with the same placeholders; empty: it is in ``client_certificate``.
        password_file: Passwords for HTTP Basic in clear, one ``id:password`` a line.
    """

    ca_file: str = ""
    client_certificate: str = ""
    client_key: str = ""
    password_file: str = ""

    @property
    def personal(self) -> bool:
        """Each charge point has a certificate of its own."""
        return any(sign in self.client_certificate + self.client_key for sign in (CHARGE_POINT_ID, NUMBER))


def filled(template: str, charge_point_id: str, number: int) -> str:
    """A template with its placeholders replaced."""
    return template.replace(CHARGE_POINT_ID, charge_point_id).replace(NUMBER, str(number))
