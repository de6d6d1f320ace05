"""The order of a matrix: nothing left out, and a machine that drifts does so to all arms alike."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from loadtest.matrix.order import interleaved

arm_names = st.lists(st.text("abc", min_size=1, max_size=4), min_size=2, max_size=8, unique=True)


@given(arm_names, st.integers(1, 12), st.integers(0, 2**63))
def test_every_arm_has_each_of_its_repeats_once(arms: list[str], repeats: int, seed: int) -> None:
    slots = interleaved(arms, repeats, seed)
    assert Counter((slot.arm, slot.repeat) for slot in slots) == {
        (arm, repeat): 1 for arm in arms for repeat in range(1, repeats + 1)
    }
    assert [slot.repeat for slot in slots] == sorted(slot.repeat for slot in slots)


@given(arm_names, st.integers(1, 12), st.integers(0, 2**63))
def test_the_second_half_of_a_block_is_the_first_reversed(arms: list[str], repeats: int, seed: int) -> None:
    slots = interleaved(arms, repeats, seed)
    for block in {slot.block for slot in slots}:
        within = [slot.arm for slot in slots if slot.block == block]
        if len(within) == 2 * len(arms):
            assert within == within[::-1]
        else:
            assert (repeats % 2, block) == (1, (repeats + 1) // 2)


@given(arm_names, st.integers(1, 6), st.integers(0, 2**63))
def test_what_grows_steadily_adds_alike_to_all_arms(arms: list[str], blocks: int, seed: int) -> None:
    places: dict[str, int] = Counter()
    for place, slot in enumerate(interleaved(arms, 2 * blocks, seed)):
        places[slot.arm] += place
    assert len(set(places.values())) == 1


def test_a_seed_gives_one_order_and_seeds_give_all() -> None:
    assert interleaved("abc", 4, 7) == interleaved("abc", 4, 7)
    firsts = Counter("".join(slot.arm for slot in interleaved("abc", 1, seed)) for seed in range(600))
    assert len(firsts) == 6
    assert min(firsts.values()) > 60  # 100 are expected of each; the seeds are fixed
