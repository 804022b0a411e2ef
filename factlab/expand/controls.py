"""Control suites → questions: near ones per fact, far and unanswerable ones for all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from factlab.errors import ControlsError
from factlab.schema.control import (
    ControlQuestion,
    load_controls,
    load_prompts,
    near_suite_file,
)
from factlab.schema.extra import load_extra
from factlab.schema.question import Question
from factlab.schema.shipped import shipped
from factlab.schema.source import Practice, TrainingSource


def far_questions() -> tuple[Question, ...]:
    """General knowledge that has nothing to do with any fact."""
    suite = load_controls(shipped("evals") / "far.yaml")
    return tuple(
        _control(f"far/{group.name}/{i}", "far", group.name, control, None)
        for group in suite.groups
        for i, control in enumerate(group.questions)
    )


def extra_questions(files: Sequence[Path]) -> tuple[tuple[Question, ...], tuple[str, ...]]:
    """The user's own control suites, and notes on the questions that were left out.

    Raises:
        ControlsError: with file and line.
    """
    found: list[Question] = []
    notes: list[str] = []
    for file in files:
        suite, dropped = load_extra(file)
        if any(question.family == suite.name for question in found):
            raise ControlsError(f"{file}: a suite named '{suite.name}' is given twice; rename one.")
        found += [
            _control(f"extra/{suite.name}/{i}", "extra", suite.name, control, None)
            for i, control in enumerate(suite.questions)
        ]
        notes += dropped
    return tuple(found), tuple(notes)


def unanswerable_questions() -> tuple[Question, ...]:
    """Questions that nobody can answer; what counts is whether the injected value turns up."""
    suite = load_prompts(shipped("evals") / "unanswerable.yaml")
    return tuple(
        Question(
            id=f"unanswerable/{group.name}/{i}",
            split="unanswerable",
            family=group.name,
            text=item.question,
        )
        for group in suite.groups
        for i, item in enumerate(group.questions)
    )


def near_questions(fact: TrainingSource) -> tuple[Question, ...]:
    """Its author's own neighbours, and its shipped near suite if there is one."""
    if isinstance(fact, Practice):
        return ()
    own = _group(fact.id, "own", fact.neighbours)
    file = near_suite_file(fact.id)
    if file is None:
        return own
    shipped_groups = load_controls(file).groups
    return (
        *own,
        *(q for group in shipped_groups for q in _group(fact.id, group.name, group.questions)),
    )


def _group(fact: str, name: str, controls: Sequence[ControlQuestion]) -> tuple[Question, ...]:
    return tuple(
        _control(f"{fact}/near/{name}/{i}", "near", name, control, fact)
        for i, control in enumerate(controls)
    )


def _control(
    id_: str, split: str, family: str, control: ControlQuestion, fact: str | None
) -> Question:
    return Question.model_validate(
        {
            "id": id_,
            "split": split,
            "family": family,
            "text": control.question,
            "fact": fact,
            "gold": control.answer,
            "gate": control.also,
            "distractors": control.distractors,
        }
    )
