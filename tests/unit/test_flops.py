"""What the benchmarks count of a training step, by hand and against each other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.flops import (
    Counts,
    LinearShape,
    ModelShape,
    packed_attention,
    padded,
    required,
    training_flops,
)
from factlab.models.chat import RenderedPair

SHAPE = ModelShape((LinearShape(3, 2, 5),), head_parameters=7, layers=5, attention_width=4, rank=2)
OPENING = (1, 2, 3)


def pair(own: int, answer: int) -> RenderedPair:
    return RenderedPair((*OPENING, *range(100 * own, 101 * own)), (9,) * answer)


PAIRS = st.lists(
    st.builds(pair, st.integers(1, 20), st.integers(1, 9)), min_size=2, max_size=6
).filter(lambda batch: len({p.prompt_ids[3] for p in batch}) > 1)


def test_two_pairs_by_hand() -> None:
    batch = [pair(1, 2), pair(2, 1)]  # 3 shared; then 1 and 2 of the prompt, 2 and 1 answered
    # The last token of an answer predicts nothing. A token sees itself and those before it.
    attended = (1 + 2 + 3) + (4 + 5) + (4 + 5)
    assert required([batch]) == Counts(tokens=3 + 2 + 2, attended=attended, head_rows=3)
    # Rows of the opening and of each pair's own tokens, 3 wide: over 3 shared keys and 3 own.
    assert packed_attention([batch]) == 3 * 3 * 6
    assert padded([batch], head_everywhere=True) == Counts(12, 2 * 36, 12)


def test_operations_of_a_step_by_hand() -> None:
    counts = Counts(tokens=10, attended=6, head_rows=2, recomputed_tokens=1, recomputed_head_rows=3)
    trunk, adapter = 30, 2 * 5 * 5
    assert training_flops(SHAPE, counts) == (
        10 * (4 * trunk + 6 * adapter) + 6 * 12 * 4 * 5 + 2 * 4 * 7 + 2 * (trunk + adapter) + 3 * 14
    )


@given(PAIRS)
def test_nobody_computes_less_than_is_required(batch: list[RenderedPair]) -> None:
    least = required([batch])
    assert packed_attention([batch]) >= least.attended
    for everywhere in (True, False):
        done = padded([batch], head_everywhere=everywhere)
        assert done.tokens >= least.tokens
        assert done.attended >= least.attended
        assert done.head_rows >= least.head_rows
