"""Hypothesis's way to the same inputs: valid ones damaged in a few places, or any bytes at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_CHANGES = 4


@st.composite
def _damaged(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    data = bytearray(draw(st.sampled_from(seeds)))
    data[:2] = draw(st.binary(min_size=2, max_size=2))
    for _ in range(draw(st.integers(0, _MOST_CHANGES))):
        start = draw(st.integers(2, max(2, len(data))))
        match draw(st.sampled_from(["change", "insert", "remove", "repeat", "truncate", "lengthen"])):
            case "change":
                data[start : start + 1] = draw(st.binary(min_size=1, max_size=1))
            case "insert":
                data[start:start] = draw(st.binary(max_size=8))
            case "remove":
                del data[start : start + draw(st.integers(1, 20))]
            case "repeat":
                data[start:start] = data[2:start] * draw(st.integers(1, 3))
            case "truncate":
                del data[start:]
            case "lengthen":
                data[start:start] = draw(st.binary(min_size=1, max_size=2)) * draw(
                    st.sampled_from([100, 5_000, 20_000])
                )
    return bytes(data)


def inputs(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Inputs for a target. The first two bytes, which say how the stream is cut, are always free."""
    return _damaged(seeds) | st.binary(max_size=80)
