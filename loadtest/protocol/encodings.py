"""Which encodings and envelopes there are, by the names settings use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from loadtest.protocol import envelope_array, envelope_emqx, envelope_maeve

if TYPE_CHECKING:
    from loadtest.protocol.envelope import Encoding

EncodingName = Literal["json"]
EnvelopeName = Literal["emqx", "array", "maeve"]

JSON: Final = "json"
EMQX: Final = "emqx"

_ENVELOPES: dict[EnvelopeName, Encoding] = {"emqx": envelope_emqx, "array": envelope_array, "maeve": envelope_maeve}


def encoding(name: EncodingName = JSON, envelope: EnvelopeName = EMQX) -> Encoding:  # noqa: ARG001 - one so far
    """What writes and reads messages; an envelope is for JSON only."""
    return _ENVELOPES[envelope]
