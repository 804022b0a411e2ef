"""Which pairs and anchors an optimizer step takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factlab.recipes.load import find_recipe
from factlab.schema.config import Cell
from factlab.training.batch import Text, batch_order
from factlab.training.job import AdapterJob


def job(anchors: int, each: int, steps: int = 6, pairs: int = 5) -> AdapterJob:
    recipe = find_recipe("plain").model_copy(update={"anchors_per_step": each, "batch_size": 2})
    cell = Cell.model_construct(recipe=recipe, seed=0)
    texts = [Text((1,), 0, (2,), prompt=str(i)) for i in range(anchors)]
    made = AdapterJob(cell, (), texts)
    made.pairs = [Text((1,), 0, (3,)) for _ in range(pairs)]
    made.order = batch_order(pairs, 2, steps, 0)
    return made


def asked(made: AdapterJob, step: int) -> list[int]:
    return [int(text.prompt) for text in made.texts(step)[1]]


def test_anchors_are_taken_in_turn() -> None:
    made = job(anchors=5, each=3)
    assert [asked(made, step) for step in range(3)] == [[0, 1, 2], [3, 4, 0], [1, 2, 3]]


def test_half_of_a_step_are_mined_anchors_in_turn() -> None:
    made = job(anchors=40, each=4)
    made.mined = [30, 31, 32]
    taken = [asked(made, step) for step in range(3)]
    assert [step[:2] for step in taken] == [[30, 31], [32, 30], [31, 32]]
    assert all(len(step) == 4 for step in taken)


@given(
    anchors=st.integers(0, 30),
    each=st.integers(0, 8),
    mined=st.lists(st.integers(0, 29), max_size=9),
    step=st.integers(0, 5),
)
def test_a_step_has_its_number_of_anchors_whatever_was_mined(
    anchors: int, each: int, mined: list[int], step: int
) -> None:
    made = job(anchors, each)
    made.mined = [i for i in mined if i < anchors]
    pairs, held = made.texts(step)
    assert len(held) == (each if anchors else 0)
    assert len(pairs) == len(made.order[step])


@given(weight=st.floats(0.1, 10), steps=st.integers(1, 40))
def test_a_schedule_moves_the_anchors_weight_and_keeps_its_mean(weight: float, steps: int) -> None:
    given_weights = {}
    for schedule in ("constant", "rising", "falling"):
        made = job(anchors=3, each=2, steps=steps)
        made.cell = made.cell.model_copy(
            update={
                "recipe": made.cell.recipe.model_copy(
                    update={"anchor_weight": weight, "anchor_schedule": schedule}
                )
            }
        )
        weights = [made.anchor_weight(step) for step in range(steps)]
        assert sum(weights) / steps == pytest.approx(weight)
        given_weights[schedule] = weights
    rising = given_weights["rising"]
    assert rising == sorted(rising)
    assert given_weights["falling"] == pytest.approx(rising[::-1])


@pytest.mark.parametrize("mined", [[], [0]])
def test_without_anchors_per_step_there_are_none(mined: list[int]) -> None:
    made = job(anchors=3, each=0)
    made.mined = mined
    assert made.texts(0)[1] == []
