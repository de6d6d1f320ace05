"""The stamp inside the message id: what goes in comes out, and nothing else is taken for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.protocol import stamp
from loadtest.protocol.stamp import MAX_CHARGE_POINTS, MAX_SEND_DELAY_US, MAX_SEQUENCE, STAMP_LENGTH, Stamp

if TYPE_CHECKING:
    import uuid

STAMPS = st.builds(
    Stamp,
    run_tag=st.integers(0, 0xFFFF),
    phase=st.integers(0, 15),
    charge_point=st.integers(0, MAX_CHARGE_POINTS - 1),
    sequence=st.integers(0, MAX_SEQUENCE - 1),
    intended_us=st.integers(0, 2**44 - 1),
    send_delay_us=st.integers(0, MAX_SEND_DELAY_US),
)
OURS = stamp.encode(0x1A2B, 2, 7, 8, 123_456_789, 42).decode()


@given(STAMPS)
def test_what_goes_in_comes_out(content: Stamp) -> None:
    text = stamp.encode(*content)
    assert len(text) == STAMP_LENGTH
    assert text.isalnum()
    assert text == text.lower()
    assert stamp.decode(text) == content
    assert stamp.decode(text.decode()) == content


def test_a_sequence_wraps_and_a_delay_is_capped_so_that_the_length_stays() -> None:
    text = stamp.encode(1, 0, 0, MAX_SEQUENCE + 5, 0, MAX_SEND_DELAY_US + 1)
    assert len(text) == STAMP_LENGTH
    assert stamp.decode(text) == Stamp(1, 0, 0, 5, 0, MAX_SEND_DELAY_US)


@pytest.mark.parametrize(
    "foreign",
    [
        "",
        "1",
        "3f2",
        OURS[:-1],
        OURS + "0",
        "+" + OURS[1:],  # int() would take a sign
        OURS[:1] + "_" + OURS[2:],  # and an underscore
        " " + OURS[1:],  # and a blank
        "é" * STAMP_LENGTH,
        "٣" * STAMP_LENGTH,  # a digit, but none of ours
    ],
)
def test_other_ids_are_not_taken_for_stamps(foreign: str) -> None:
    assert stamp.decode(foreign) is None
    assert stamp.decode(foreign.encode()) is None


def test_bytes_that_are_no_text_are_none() -> None:
    assert stamp.decode(b"\xff" * STAMP_LENGTH) is None


@given(st.uuids())
def test_a_uuid_has_the_same_length_and_is_none(foreign: uuid.UUID) -> None:
    assert len(str(foreign)) == STAMP_LENGTH
    assert stamp.decode(str(foreign)) is None


@given(st.text(max_size=40) | st.text("0123456789abcdefABCDEF_+- x", min_size=36, max_size=36))
def test_only_what_encode_could_have_written_is_a_stamp(text: str) -> None:
    decoded = stamp.decode(text)
    if decoded is not None:
        assert stamp.encode(*decoded).decode() == text.lower()
