"""The table of splits: complete, and what is derived from it."""

from __future__ import annotations

from typing import get_args

from factlab.report.load import SPLITS as PAGE_ORDER
from factlab.schema.splits import (
    ANSWERED_SPLITS,
    CONTROL_SPLITS,
    INTRUSION_SPLITS,
    RECALL_SPLITS,
    SPLIT,
    SPLITS,
    Split,
)


def test_every_split_has_one_row_in_the_order_of_its_type() -> None:
    assert tuple(spec.name for spec in SPLITS) == get_args(Split)
    assert len(SPLIT) == len(SPLITS)


def test_a_report_lists_every_split_that_is_answered() -> None:
    assert sorted(PAGE_ORDER) == sorted(ANSWERED_SPLITS)


def test_an_answer_counts_as_recall_or_may_hold_an_intrusion_but_not_both() -> None:
    assert not set(RECALL_SPLITS) & set(INTRUSION_SPLITS)
    assert set(CONTROL_SPLITS) < set(INTRUSION_SPLITS)


def test_what_a_model_never_answers_is_neither_graded_nor_scored_nor_on_the_panel() -> None:
    for spec in SPLITS:
        if spec.evaluated == "never":
            assert spec.trained
            used = [spec.graded, spec.scored, spec.panel, spec.intrusion]
            assert not any(used), spec.name


def test_each_row_says_in_a_sentence_what_its_questions_are() -> None:
    assert all(spec.about.endswith(".") and spec.right for spec in SPLITS)
