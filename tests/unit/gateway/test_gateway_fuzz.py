"""A hostile charge point, a stranger, or the broker, in changed and random bytes: nobody else notices."""

from __future__ import annotations

import pytest
from fuzz.seeds import TARGETS
from fuzz.strategies import inputs
from hypothesis import given, settings
from hypothesis import strategies as st

NAMES = [name for name in TARGETS if name.startswith(("gateway", "translate"))]


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
