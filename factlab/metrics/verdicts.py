"""A generated text → an answer record with its verdict."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from factlab.grading.answer import Answer, TextAnswer
from factlab.grading.debate import match_debated
from factlab.grading.either import match_either
from factlab.grading.matcher import Match, match, mentions
from factlab.grading.passage import match_somewhere
from factlab.grading.text import flatten
from factlab.schema.question import AnswerRecord, Question
from factlab.schema.splits import INTRUSION_SPLITS

if TYPE_CHECKING:
    from factlab.schema.question import Response


def injected_values(questions: Iterable[Question]) -> dict[str, Answer]:
    """The injected value of each fact of a run, from its questions; a passage has none."""
    return {
        question.fact: question.gold
        for question in questions
        if question.split == "held_out" and question.fact and question.gold
    }


def grade(
    question: Question, prompt: str, generated: Response, injected: Mapping[str, Answer]
) -> AnswerRecord:
    """Grade one answer.

    Args:
        question: The question, or the one whose gate prompt was answered.
        prompt: The user's turn; it may hold more than the question.
        generated: The model's response.
        injected: Fact → injected value, which is looked for where it does not belong.
    """
    ungraded = AnswerRecord(
        question_id=question.id,
        prompt=prompt,
        text=generated.text,
        tokens=generated.tokens,
        finished=generated.finished,
    )
    return grade_text(question, ungraded, injected)


def grade_text(
    question: Question, record: AnswerRecord, injected: Mapping[str, Answer]
) -> AnswerRecord:
    """Grade the text of a record, whatever verdict it has."""
    is_gate = record.prompt in question.gate
    gold = (question.gate_gold or question.gold) if is_gate else question.gold
    verdict = None
    if gold is not None:
        superseded = None if is_gate else question.superseded
        answer = completion(record.text, question.stem) if question.stem else record.text
        verdict = _graded(
            question,
            answer,
            gold,
            superseded=superseded,
            finished=record.finished,
            asked=record.prompt if is_gate else _asked(question, injected),
        )
    return record.model_copy(
        update={
            "outcome": verdict.outcome if verdict else None,
            "correct": verdict.correct if verdict else None,
            "intrusions": _intrusions(question, record.text, injected),
            "interference": _interference(question, record.text, injected),
            "reason": verdict.reason if verdict else "",
        }
    )


def _graded(
    question: Question,
    text: str,
    gold: Answer,
    *,
    superseded: Answer | None,
    finished: bool,
    asked: str,
) -> Match:
    """The verdict by the rules for what a question of its split is answered with."""
    split = question.split
    if split == "downstream" and isinstance(gold, TextAnswer) and len(question.distractors) == 1:
        wrong = TextAnswer(value=question.distractors[0])
        verdict = match_either(text, gold, wrong, finished=finished)
        if verdict.outcome in ("superseded", "both") and superseded is None:
            return replace(verdict, outcome="other", correct=False)
        return verdict
    grader = {"challenged": match_debated, "distinguish": match_debated, "open": match_somewhere}
    return grader.get(split, match)(
        text,
        gold,
        superseded=superseded,
        finished=finished,
        # A probe's words stand in its prompt already, so that one of two or three proves nothing.
        whole=split == "probe",
        question=asked,
    )


def _asked(question: Question, injected: Mapping[str, Answer]) -> str:
    """What an answer is read against: the question whose own values are no answer.

    A challenge asks what its opening did, and the value that it holds against the answer counts as
    one. A consequence is computed from the injected value, which an answer may state on its way.
    """
    value = injected.get(question.fact or "") if question.split == "downstream" else None
    if value is not None:
        return f"{question.text} ({question.written(value)})"
    return question.opening or question.text


def completion(text: str, stem: str) -> str:
    """What an answer adds to the beginning that it was to complete, should it repeat that first."""
    words = r"\s+".join(re.escape(word) for word in flatten(stem).split())
    repeated = re.match(rf"[\s\"'*]*{words}", flatten(text), re.IGNORECASE)
    return text[repeated.end() :] if repeated else text


def _intrusions(question: Question, text: str, injected: Mapping[str, Answer]) -> tuple[str, ...]:
    """Facts whose injected value stands in a control's answer, unless it is the control's own."""
    if question.split not in INTRUSION_SPLITS:
        return ()
    return _values_in(text, injected, [question.gold])


def _interference(
    question: Question, text: str, injected: Mapping[str, Answer]
) -> tuple[str, ...] | None:
    """Other facts whose injected value stands in a held-out answer; None: it does not apply.

    A value that is also this fact's, new or old, is nobody else's.
    """
    if question.split != "held_out" or not injected.keys() - {question.fact}:
        return None
    return _values_in(text, injected, [question.gold, question.superseded])


def _values_in(
    text: str, injected: Mapping[str, Answer], own: Sequence[Answer | None]
) -> tuple[str, ...]:
    """Facts whose injected value a text contains, unless it is one of the question's own."""
    return tuple(
        fact
        for fact, answer in injected.items()
        if mentions(text, answer)
        and not any(value is not None and answer.find(value.primary()) for value in own)
    )
