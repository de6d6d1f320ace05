"""What Authorize.conf, StartTransaction.conf and StopTransaction.conf have in common."""

from __future__ import annotations

import msgspec

UNKNOWN_TRANSACTION = -1
"""The transaction id of messages whose StartTransaction never got its answer (OCPP 1.6 errata, 3.18)."""


class IdTagInfo(msgspec.Struct):
    """Whether a tag may charge."""

    status: str
    expiryDate: str | None = None  # noqa: N815 - the name on the wire
    parentIdTag: str | None = None  # noqa: N815 - the name on the wire


class TransactionResult(msgspec.Struct):
    """The answer; StopTransaction.conf may say nothing at all."""

    idTagInfo: IdTagInfo | None = None  # noqa: N815 - the name on the wire
    transactionId: int = UNKNOWN_TRANSACTION  # noqa: N815 - the name on the wire

    @property
    def accepted(self) -> bool:
        """The tag may charge."""
        return self.idTagInfo is not None and self.idTagInfo.status == "Accepted"


_decoder = msgspec.json.Decoder(TransactionResult)


def read(payload: bytes) -> TransactionResult | None:
    """Read an answer; ``None`` when it is not one."""
    try:
        return _decoder.decode(payload)
    except (msgspec.DecodeError, RecursionError):
        return None
