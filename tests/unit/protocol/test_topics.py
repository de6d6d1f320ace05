"""Topics as EMQX's gateway names them, and ids that can be one of their levels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.protocol import topics

IDS = st.text(st.characters(exclude_characters="/+#", exclude_categories=["Cs"]), min_size=1, max_size=48)


def test_topics_are_those_of_the_contract() -> None:
    assert topics.call_topic("RDAM 123") == "ocpp/cp/RDAM 123"
    assert topics.reply_topic("RDAM 123") == "ocpp/cp/RDAM 123/Reply"
    assert topics.downstream_topic("RDAM 123") == "ocpp/cs/RDAM 123"
    assert topics.UPSTREAM_FILTER == "ocpp/cp/#"
    assert topics.shared("g", topics.UPSTREAM_FILTER) == "$share/g/ocpp/cp/#"


@given(IDS)
def test_a_valid_id_is_found_again_in_both_upstream_topics(charge_point_id: str) -> None:
    assert topics.charge_point_of_upstream(topics.call_topic(charge_point_id)) == (charge_point_id, False)
    assert topics.charge_point_of_upstream(topics.reply_topic(charge_point_id)) == (charge_point_id, True)
    assert topics.charge_point_of_upstream(topics.downstream_topic(charge_point_id)) is None


@pytest.mark.parametrize(
    "topic", ["", "ocpp/cp", "ocpp/cp/", "ocpp/cp//Reply", "ocpp/cp/a/", "ocpp/cp/a/reply", "ocpp/cp/a/Reply/x", "cp/a"]
)
def test_other_topics_belong_to_nobody(topic: str) -> None:
    assert topics.charge_point_of_upstream(topic) is None
