"""Topics as EMQX's gateway names them, and ids that can be one of their levels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.protocol import topics

IDS = st.text(st.characters(exclude_characters="/+#", exclude_categories=["Cs"]), min_size=1, max_size=48)


def test_topics_are_those_of_the_contract() -> None:
    assert topics.UPSTREAM_FILTER == "ocpp/cp/#"
    assert topics.shared("g", topics.UPSTREAM_FILTER) == "$share/g/ocpp/cp/#"


@given(IDS.map(str.encode))
def test_a_plain_template_finds_its_charge_point_again(charge_point_id: bytes) -> None:
    template = topics.TopicTemplate("a/${clientid}/down")
    assert template.plain
    topic = template.render({"cid": charge_point_id})
    assert topic == template.prefix + charge_point_id + template.suffix
    assert template.charge_point_of(topic) == charge_point_id
    assert template.charge_point_of(topic + b"/x") is None


def test_a_template_takes_all_placeholders_and_marks_what_is_not_there() -> None:
    template = topics.TopicTemplate("x/${cid}/${action}/${id}/${type}")
    assert not template.plain
    assert template.placeholders == {"cid", "action", "id", "type"}
    assert template.render({"cid": b"A", "action": b"Reset", "id": b"7", "type": b"2"}) == b"x/A/Reset/7/2"
    assert template.render({"cid": b"A", "id": b"7", "type": b"3"}) == b"x/A/undefined/7/3"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "empty"),
        ("a/+", "wildcard"),
        ("a/#", "wildcard"),
        ("a/${peer}", r"\$\{peer\}"),
        ("a/${cid", "does not end"),
        ("a/\0", "wildcard"),
    ],
)
def test_what_cannot_be_published_to_is_no_template(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        topics.TopicTemplate(text)


@pytest.mark.parametrize(
    ("word", "fits"), [("CP 1", True), ("ä", True), ("", False), ("a/b", False), ("+", False), ("a\n", False)]
)
def test_only_harmless_words_are_levels(word: str, fits: bool) -> None:
    assert topics.fits_topic_level(word) is fits
