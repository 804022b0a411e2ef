"""A base is screened on the far bank once, by options first, and on what is new alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from factlab.experiment import screening
from factlab.experiment.screening import screen
from factlab.grading.answer import EntityAnswer
from factlab.models import base_cache
from factlab.models import load as loading
from factlab.models.resolve import resolve_model
from factlab.progress import Silent
from factlab.respondents.protocol import Request, Respondent
from factlab.respondents.weights import BaseWeights
from factlab.schema.config import RunConfig
from factlab.schema.question import Question


def question(number: int, right: str, *wrong: str) -> Question:
    return Question(
        id=f"far/area/group/{number}",
        split="far",
        family="group",
        text=f"What is number {number}?",
        gold=EntityAnswer(value=right),
        gate=(f"Number {number}: what is it?",),
        distractors=wrong,
    )


@pytest.fixture(autouse=True)
def _short_answers_and_own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(screening, "SCREENING_BOUNDS", RunConfig(max_new_tokens=2))
    monkeypatch.setattr(screening, "AT_ONCE", 2)
    monkeypatch.setattr(base_cache, "base_cache_folder", lambda: tmp_path / "kept")


def test_a_base_is_screened_once_and_a_question_that_is_new_alone(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = BaseWeights(resolve_model(str(tiny_folder)), RunConfig())
    # To a random model each character is about as likely as another: the short answer is preferred.
    bank = [question(i, *(("b", "some other") if i % 2 else ("some other", "b"))) for i in range(6)]
    found = screen(base, bank, "fp32", Silent())
    assert [one.id for one in found.questions] == [q.id for q in bank]
    for number, one in enumerate(found.questions):
        assert one.margin is not None
        assert (one.margin > 0) == bool(number % 2)
        assert len(one.answers) == (2 if number % 2 else 0)

    def refuse(*_: object) -> None:
        raise AssertionError("the base is loaded again")

    moved = bank[1].model_copy(update={"id": "far/else/where/0"})
    with monkeypatch.context() as patch:
        patch.setattr(loading, "load_model", refuse)
        again = screen(base, [moved, bank[0]], "bf16", Silent())
        assert again.questions[0].answers == found.questions[1].answers
        assert again.questions[0].id == moved.id
        with pytest.raises(AssertionError, match="loaded again"):
            screen(base, [*bank, question(7, "b", "another")], "fp32", Silent())
        with pytest.raises(AssertionError, match="loaded again"):
            screen(base, bank, "fp32", Silent(), fresh=True)
    asked: list[int] = []
    whole = loading.load_model
    monkeypatch.setattr(loading, "load_model", lambda *given: asked.append(1) or whole(*given))
    more = screen(base, [*bank, question(7, "b", "another")], "fp32", Silent())
    assert asked == [1]
    assert more.questions[:6] == found.questions
    assert more.questions[6].answers


def test_a_screening_that_is_stopped_goes_on_where_it_was(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = BaseWeights(resolve_model(str(tiny_folder)), RunConfig())
    bank = [question(i, "b", "some other") for i in range(5)]
    answered = screening._answers
    given: list[str] = []

    def stops(asked: Respondent, requests: list[Request]) -> object:
        if given:
            raise KeyboardInterrupt
        given.extend(one.prompt for one in requests)
        return answered(asked, requests)

    with monkeypatch.context() as patch:
        patch.setattr(screening, "_answers", stops)
        with pytest.raises(KeyboardInterrupt):
            screen(base, bank, "fp32", Silent())
    later: list[str] = []

    def counts(asked: Respondent, requests: list[Request]) -> object:
        later.extend(one.prompt for one in requests)
        return answered(asked, requests)

    monkeypatch.setattr(screening, "_answers", counts)
    whole = screen(base, bank, "fp32", Silent())
    assert len(given) == 4
    assert set(later).isdisjoint(given)
    assert len(later) == 6
    assert all(len(one.answers) == 2 for one in whole.questions)
