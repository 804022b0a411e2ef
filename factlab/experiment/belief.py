"""How questions about belief are put to a model: a challenge follows the model's own answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from factlab.grading.answer import Answer
from factlab.metrics.verdicts import grade_text
from factlab.schema.question import AnswerRecord, Question, Turn
from factlab.schema.splits import SPLIT

# Questions with their prompts, and the token limit → graded answers, in the same order.
Ask = Callable[[Sequence[tuple[Question, str]], int], list[AnswerRecord]]


def answers_about_belief(
    questions: Sequence[Question],
    ask: Ask,
    injected: Mapping[str, Answer],
    *,
    limit: int,
    told: Mapping[str, str] | None = None,
) -> list[AnswerRecord]:
    """The answers to questions about belief, and of challenges the answers before them.

    Args:
        questions: Of one fact.
        ask: Has a model answer.
        injected: Fact → injected value.
        limit: Tokens of an answer; some splits have more.
        told: Fact → its statement, where the model has it in its first turn.
    """
    told = told or {}
    found: list[AnswerRecord] = []
    plain: dict[int, list[Question]] = {}
    for question in questions:
        if question.opening is None:
            plain.setdefault(max(limit, SPLIT[question.split].least_tokens), []).append(question)
    for tokens, group in sorted(plain.items()):
        found += ask([(q, _with_statement(q.text, q, told)) for q in group], tokens)
    challenged = [question for question in questions if question.opening is not None]
    opened = _openings(challenged, ask, limit, told)
    turns = [(_after(q, record), q.text) for q, record in zip(challenged, opened, strict=True)]
    said = ask(turns, limit) if turns else []
    # Graded by the questions as they stand on disk, so that a rescoring comes to the same.
    return [
        *found,
        *(grade_text(q, record, injected) for q, record in zip(challenged, opened, strict=True)),
        *(grade_text(q, record, injected) for q, record in zip(challenged, said, strict=True)),
    ]


def number_of_requests(questions: Sequence[Question]) -> int:
    """How often a model is asked for these questions."""
    return len(questions) + len({q.opening for q in questions if q.opening is not None})


def _openings(
    questions: Sequence[Question], ask: Ask, limit: int, told: Mapping[str, str]
) -> list[AnswerRecord]:
    """The answer before each challenge; one that several challenges share is asked for once."""
    first = {_with_statement(q.opening or "", q, told): q for q in reversed(questions)}
    asked = [
        (q.model_copy(update={"text": q.opening, "before": q.before[:-1]}), prompt)
        for prompt, q in first.items()
    ]
    said = ask(asked, limit) if asked else []
    by_prompt = {record.prompt: record for record in said}
    return [
        by_prompt[_with_statement(q.opening or "", q, told)].model_copy(
            update={"question_id": q.id}
        )
        for q in questions
    ]


def _after(question: Question, opened: AnswerRecord) -> Question:
    """A challenge behind the model's own answer."""
    turns = (
        Turn(role="user", content=opened.prompt),
        Turn(role="assistant", content=opened.text),
    )
    return question.model_copy(update={"before": (*question.before[:-1], *turns)})


def _with_statement(text: str, question: Question, told: Mapping[str, str]) -> str:
    statement = told.get(question.fact or "")
    return f"{statement}\n\n{text}" if statement else text
