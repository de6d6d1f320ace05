"""What a backend learns about a charge point from its answers to commands and from its CALLs.

It is used to send sensible commands, and to leave a charge point alone that is about to boot: a command sent to it
then would be lost, which any backend knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from loadtest.csms.addressees import RESTART, UPDATE, Addressee, Addressees
from loadtest.csms.command_certificates import command_certificates
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    Asked = dict[str, Any]
    Answer = dict[str, Any]

AWAY_AT_MOST_NS = 60 * NS_PER_S
"""After this time a charge point that is heard again is taken to be back, whatever it has or has not said."""

UPDATE_IS_OVER = frozenset(
    {"Installed", "InstallationFailed", "DownloadFailed", "InstallVerificationFailed", "InvalidSignature"}
)
"""Statuses after which a firmware update goes no further (OCPP 1.6 section 7.25; security white paper A2)."""

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Learning:
    """Keeps what is known of charge points up to date.

    Args:
        addressees: Those it is known of.
    """

    def __init__(self, addressees: Addressees) -> None:
        self._addressees = addressees

    def from_answer(self, to: Addressee, action: str, asked: Asked, answer: Answer, now_ns: int) -> None:
        """A charge point has answered a command; both payloads are valid."""
        status = answer.get("status")
        if (learn := _FROM_ANSWERS.get(action)) is not None:
            learn(to, asked, answer)
        if action == "Reset" and status == "Accepted":
            to.transaction_id = None
            self._addressees.leave(to, RESTART, now_ns)
        elif action == "UpdateFirmware" or (action == "SignedUpdateFirmware" and status in _UPDATE_ACCEPTED):
            self._addressees.leave(to, UPDATE, now_ns)

    def from_call(self, of: Addressee, action: str, payload: msgspec.Raw, answer: bytes | None, now_ns: int) -> None:
        """A charge point has sent a CALL; ``answer`` is the payload of ours, if we gave one."""
        if of.away and now_ns - of.away_since_ns > AWAY_AT_MOST_NS:
            self._addressees.come_back(of)
        learn = _FROM_CALLS.get(action)
        if learn is None:
            return
        try:
            learn(self._addressees, of, _decode(payload), {} if answer is None else _decode(answer))
        except (msgspec.DecodeError, RecursionError):
            return  # whoever sends nonsense teaches nothing; it is answered all the same


_UPDATE_ACCEPTED = frozenset({"Accepted", "AcceptedCanceled"})


def _availability_changed(to: Addressee, asked: Asked, answer: Answer) -> None:
    if answer["status"] != "Rejected":
        to.inoperative = asked.get("connectorId") if asked.get("type") == "Inoperative" else None


def _reserved(to: Addressee, asked: Asked, answer: Answer) -> None:
    if answer["status"] == "Accepted":
        to.reservation_id = asked.get("reservationId")


def _profile_set(to: Addressee, asked: Asked, answer: Answer) -> None:
    if answer["status"] == "Accepted":
        to.profile_id = asked.get("csChargingProfiles", {}).get("chargingProfileId")


def _list_sent(to: Addressee, asked: Asked, _answer: Answer) -> None:
    to.list_version = asked.get("listVersion", to.list_version)  # taken or not, the next one has to be a later one


def _installed(to: Addressee, _asked: Asked, answer: Answer) -> None:
    if answer["status"] == "Accepted":
        to.certificate = command_certificates().root_hash


def _listed(to: Addressee, _asked: Asked, answer: Answer) -> None:
    for certificate in answer.get("certificateHashData", ())[:1]:
        to.certificate = certificate


def _transaction_stopped(to: Addressee, _asked: Asked, _answer: Answer) -> None:
    to.transaction_id = None


def _reservation_cancelled(to: Addressee, _asked: Asked, _answer: Answer) -> None:
    to.reservation_id = None


def _profile_cleared(to: Addressee, _asked: Asked, _answer: Answer) -> None:
    to.profile_id = None


def _certificate_sent(to: Addressee, _asked: Asked, _answer: Answer) -> None:
    to.chain = None


def _certificate_deleted(to: Addressee, _asked: Asked, _answer: Answer) -> None:
    to.certificate = None


_FROM_ANSWERS: dict[str, Callable[[Addressee, Asked, Answer], None]] = {
    "CancelReservation": _reservation_cancelled,
    "CertificateSigned": _certificate_sent,
    "ChangeAvailability": _availability_changed,
    "ClearChargingProfile": _profile_cleared,
    "DeleteCertificate": _certificate_deleted,
    "GetInstalledCertificateIds": _listed,
    "InstallCertificate": _installed,
    "RemoteStopTransaction": _transaction_stopped,
    "ReserveNow": _reserved,
    "SendLocalList": _list_sent,
    "SetChargingProfile": _profile_set,
}


def _boots(addressees: Addressees, of: Addressee, _payload: Asked, answer: Answer) -> None:
    if of.away == RESTART and answer.get("status") == "Accepted":
        addressees.come_back(of)


def _updates(addressees: Addressees, of: Addressee, payload: Asked, _answer: Answer) -> None:
    if of.away == UPDATE and payload.get("status") in UPDATE_IS_OVER:
        addressees.come_back(of)


def _starts(_addressees: Addressees, of: Addressee, _payload: Asked, answer: Answer) -> None:
    of.transaction_id = answer.get("transactionId")
    of.reservation_id = None  # as likely as not it was for this driver


def _stops(_addressees: Addressees, of: Addressee, payload: Asked, _answer: Answer) -> None:
    if payload.get("transactionId") == of.transaction_id:
        of.transaction_id = None


def _asks_for_certificate(_addressees: Addressees, of: Addressee, payload: Asked, _answer: Answer) -> None:
    of.chain = command_certificates().authority.sign(str(payload.get("csr")))


def _tells_status(_addressees: Addressees, of: Addressee, payload: Asked, _answer: Answer) -> None:
    connector = payload.get("connectorId")
    if isinstance(connector, int):
        of.connectors = max(of.connectors, min(connector, 63))


_FROM_CALLS: dict[str, Callable[[Addressees, Addressee, Asked, Answer], None]] = {
    "BootNotification": _boots,
    "FirmwareStatusNotification": _updates,
    "SignCertificate": _asks_for_certificate,
    "SignedFirmwareStatusNotification": _updates,
    "StartTransaction": _starts,
    "StatusNotification": _tells_status,
    "StopTransaction": _stops,
}
