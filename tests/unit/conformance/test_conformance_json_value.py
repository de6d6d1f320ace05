"""JSON by value."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.conformance import json_value
from loadtest.conformance.findings import Nonconformity

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_written_is_read_as_the_same(value: Any) -> None:
    assert json_value.same(json_value.decode(json_value.encode(value), "it"), value)


@given(st.lists(VALUES.map(lambda value: [value]), max_size=4), st.sampled_from(["", " ", "\r\n"]))
def test_concatenated_documents_come_apart(values: list[Any], between: str) -> None:
    assert json_value.documents(between.join(map(json_value.encode, values))) == values


@pytest.mark.parametrize(
    ("found", "wanted", "difference"),
    [
        ('{"a":1.10}', '{"a":1.1}', ""),
        ('{"a":1,"b":2}', '{"b":2,"a":1}', ""),
        ("true", "1", "is true instead of 1"),
        ("[1,0]", "[1,false]", "[1] is 0 instead of false"),
        ('{"a":{"b":1,"c":2}}', '{"a":{"b":1}}', ".a.c is too much"),
        ('{"a":{}}', '{"a":{"b":1}}', ".a.b is missing"),
        ("[9007199254740992.0]", "[9007199254740993]", "[0] is 9007199254740992.0 instead of 9007199254740993"),
        ("[1]", "[1,2]", "is [1] instead of [1,2]"),
    ],
)
def test_differences_are_named(found: str, wanted: str, difference: str) -> None:
    assert json_value.difference(json.loads(found), json.loads(wanted)) == difference


@pytest.mark.parametrize("text", ["", "{", "[1]]", "[" * 100_000, b"\xff"])
def test_nonsense_is_a_finding(text: str | bytes) -> None:
    with pytest.raises(Nonconformity):
        json_value.decode(text, "it")


@pytest.mark.parametrize("text", ["[1]{", "[1]]", "[" * 100_000])
def test_a_frame_that_ends_in_nonsense_is_a_finding(text: str) -> None:
    with pytest.raises(Nonconformity):
        json_value.documents(text)


def test_what_is_shown_is_short_and_harmless() -> None:
    shown = json_value.shown("a\n\x1b[2Jb" + "x" * 1000)
    assert "\x1b" not in shown
    assert "\n" not in shown
    assert len(shown) < 200
