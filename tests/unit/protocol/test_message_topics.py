"""Topics of messages on the direct path: made, found again, and refused when they could not be told apart."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.protocol.message_topics import MessageTopics, TopicTexts, may_meet, topic_faults, topic_filter

IDS = st.text(st.characters(exclude_characters="/+#\0", exclude_categories=["Cs"]), min_size=1, max_size=48)
TEXTS = st.sampled_from(
    (
        TopicTexts(),
        TopicTexts("a/${cid}/${action}", "b/${cid}", "c/${cid}"),
        TopicTexts("${cid}/up/${action}", "${cid}/answers", "${clientid}/down"),
        TopicTexts("one.topic/${cid}/up", "one.topic/${cid}/up", "one.topic/${cid}/down"),
        TopicTexts("one/${action}/${cid}", "one/${action}/${cid}", "two/${cid}"),
        TopicTexts("cp/ocpp-${cid}/up", "cp/${cid}.ocpp/answers", "cp/ocpp-${cid}-/down"),
        TopicTexts("cp-${cid}/of.${action}", "cp-${cid}/answers/x", "cs-${cid}"),
    )
)
PLACES = ("a", "b", "${cid}", "${action}", "a${cid}", "${cid}b")
LEVELS = st.lists(st.sampled_from(PLACES), min_size=1, max_size=3).map("/".join)


@given(TEXTS, IDS)
def test_a_charge_point_is_found_again_in_its_topics(texts: TopicTexts, identity: str) -> None:
    assert topic_faults(texts) == {}
    topics, name = MessageTopics(texts), identity.encode()
    assert topics.upstream(topics.up(name, b"Heartbeat")) == (name, True)
    assert topics.upstream(topics.reply(name)) == (name, texts.reply == texts.up)
    assert topics.upstream(topics.down(name)) is None


def test_without_a_word_they_are_those_of_the_gateway() -> None:
    topics = MessageTopics(TopicTexts())
    assert (topics.up(b"C", b"x"), topics.reply(b"C"), topics.down(b"C")) == (
        b"ocpp/cp/C",
        b"ocpp/cp/C/Reply",
        b"ocpp/cs/C",
    )
    assert (topics.filters, topics.call_filters, topics.reply_filter) == (
        ["ocpp/cp/#"],
        ["ocpp/cp/+"],
        "ocpp/cp/+/Reply",
    )
    own = MessageTopics(TopicTexts("a/${cid}/${action}", "b/${cid}", "c/${cid}"))
    assert (own.filters, own.call_filters, own.reply_filter) == (["a/+/+", "b/+"], ["a/+/+"], "b/+")
    one = MessageTopics(TopicTexts("a/${cid}", "a/${cid}", "c/${cid}"))
    assert (one.filters, one.call_filters, one.reply_filter) == (["a/+"], ["a/+"], "")
    assert [own.upstream(topic) for topic in (b"a/C", b"a/C/x/y", b"a//x", b"c/C", b"b/C/")] == [None] * 5


@pytest.mark.parametrize(
    "topic", ["", "ocpp/cp", "ocpp/cp/", "ocpp/cp//Reply", "ocpp/cp/a/", "ocpp/cp/a/reply", "ocpp/cp/a/Reply/x", "cp/a"]
)
def test_other_topics_belong_to_nobody(topic: str) -> None:
    assert MessageTopics(TopicTexts()).upstream(topic.encode()) is None


@pytest.mark.parametrize(
    ("texts", "field", "says"),
    [
        (TopicTexts(up="a"), "up", "once"),
        (TopicTexts(up="a/${cid}/${cid}"), "up", "once"),
        (TopicTexts(up="a/${cid}/${id}"), "up", "no placeholder but ${cid} and ${action}"),
        (TopicTexts(up="a/${cid}/#"), "up", "wildcard"),
        (TopicTexts(up="${action}-${cid}"), "up", "two placeholders"),
        (TopicTexts(up="$SYS/${cid}"), "up", "another $"),
        (TopicTexts("cp-${cid}", "cp/x/${cid}", "cs-${cid}"), "down", "are subscribed to alike"),
        (TopicTexts(up=""), "up", "empty"),
        (TopicTexts(up="a/${cid"), "up", "does not end"),
        (TopicTexts(reply="a/${cid}/${action}"), "reply", "no placeholder but ${cid}"),
        (TopicTexts(down="a/${cid}/${action}"), "down", "no placeholder but ${cid}"),
        (TopicTexts("a/${cid}/${action}", "a/${cid}/Reply"), "reply", "are subscribed to alike"),
        (TopicTexts("a/${cid}", "b/${cid}", "a/${cid}"), "down", "are subscribed to alike"),
        (TopicTexts("a/${cid}", "a/${cid}", "a/${cid}"), "down", "are subscribed to alike"),
        (TopicTexts("a/${cid}/${action}", "b/${cid}", "a/x/${cid}"), "down", "are subscribed to alike"),
    ],
)
def test_what_is_no_topic_or_another_s_is_told_by_field(texts: TopicTexts, field: str, says: str) -> None:
    faults = topic_faults(texts)
    assert list(faults) == [field]
    assert says in faults[field][0]
    assert len(faults[field]) == 1


def test_faults_are_told_all_at_once() -> None:
    assert list(topic_faults(TopicTexts("a", "b", "c/+/${cid}"))) == ["up", "reply", "down"]
    assert list(topic_faults(TopicTexts("a/${cid}/${action}", "a/${cid}/b", "c/+/${cid}"))) == ["down", "reply"]
    assert len(topic_faults(TopicTexts("a/${cid}", "a/x", "a/${cid}"))) == 2


@given(LEVELS, LEVELS, st.data())
def test_templates_that_make_one_topic_are_said_to(one: str, other: str, data: st.DataObject) -> None:
    word = st.sampled_from("ab")
    made = "/".join(re.sub(r"\$\{[a-z]+\}", data.draw(word), level) for level in one.split("/"))
    if re.fullmatch(topic_filter(other).replace("+", "[^/]+"), made):
        assert may_meet(one, other)
        assert may_meet(other, one)
