"""Prompts in batches: each once, by length, within the bounds of memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from factlab.inference.prompts import PAIRS, SLOTS, Limits, Prompt, batches

LENGTHS = st.one_of(st.integers(1, 200), st.integers(500, 9000))
PROMPTS = st.lists(
    st.builds(
        lambda length, options: Prompt((5,) * length, [(6,) * option for option in options]),
        LENGTHS,
        st.lists(st.integers(1, 40), max_size=4),
    ),
    max_size=60,
)


@given(PROMPTS, st.integers(1, 40), st.integers(0, 300), st.integers(1, 4))
def test_each_prompt_is_in_one_batch_and_no_batch_is_beyond_its_bounds(
    prompts: list[Prompt], most: int, new: int, adapters: int
) -> None:
    found = list(batches(prompts, Limits(most, new), adapters))
    assert sorted(index for batch in found for index in batch) == list(range(len(prompts)))
    lengths = [len(prompts[index].ids) for batch in found for index in batch]
    assert lengths == sorted(lengths)
    for batch in found:
        assert 0 < len(batch) <= most
        if len(batch) > 1:
            widest = max(prompts[index].size() for index in batch)
            assert adapters * len(batch) * (widest + new) <= SLOTS
            for shared in (0, widest // 3, widest - 1):
                width = max(shared, widest - shared)
                rows = adapters * (len(batch) + bool(shared))
                assert rows * width * (shared + width) <= PAIRS


def test_long_prompts_are_read_one_by_one_and_short_ones_together() -> None:
    long = [Prompt((5,) * 3000) for _ in range(3)]
    assert list(batches(long, Limits(256))) == [[0], [1], [2]]
    short = [Prompt((5,) * 60) for _ in range(256)]
    assert list(batches(short, Limits(256, 30))) == [list(range(256))]
