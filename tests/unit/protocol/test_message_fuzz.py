"""OCPP frames, envelopes and payloads, changed and random: messages, or the fault of whoever sent them."""

from __future__ import annotations

import pytest
from fuzz.seeds import TARGETS
from fuzz.strategies import inputs
from hypothesis import given, settings
from hypothesis import strategies as st

NAMES = [name for name in TARGETS if name in {"ocpp_frames", "csms_envelopes", "schema_check"}]


@pytest.mark.parametrize("name", NAMES)
def test_seeds_are_taken(name: str) -> None:
    target, seeds = TARGETS[name]
    for seed in seeds:
        target(seed)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=80)
@given(data=st.data())
def test_no_bytes_do_harm(name: str, data: st.DataObject) -> None:
    target, seeds = TARGETS[name]
    target(data.draw(inputs(seeds)))
