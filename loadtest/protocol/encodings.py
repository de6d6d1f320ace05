"""Which encodings and envelopes there are, by the names settings use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from loadtest.protocol import envelope_array, envelope_emqx, envelope_maeve

if TYPE_CHECKING:
    from loadtest.protocol.envelope import Encoding

EncodingName = Literal["json", "protobuf"]
EnvelopeName = Literal["emqx", "array", "maeve"]

JSON: Final = "json"
PROTOBUF: Final = "protobuf"
EMQX: Final = "emqx"

ENVELOPES: dict[EnvelopeName, Encoding] = {"emqx": envelope_emqx, "array": envelope_array, "maeve": envelope_maeve}
"""How messages stand in JSON."""


def encoding(name: EncodingName = JSON, envelope: EnvelopeName = EMQX) -> Encoding:
    """What writes and reads messages; an envelope is for JSON only, Protobuf brings its own."""
    if name == JSON:
        return ENVELOPES[envelope]
    # Its descriptors take 5 MB and 0.1 s: nobody loads them who does not speak it.
    from loadtest.protocol import protobuf_encoding  # noqa: PLC0415

    return protobuf_encoding
