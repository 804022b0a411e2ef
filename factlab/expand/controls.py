"""Control suites → questions: near ones per fact, far and unanswerable ones per language.

A run asks the far and unanswerable questions in the languages of its facts. Where a language has no
suite of its own the English one stands in, and `language_notes` says so in the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from factlab.errors import ControlsError
from factlab.schema.control import (
    ControlQuestion,
    SuiteName,
    has_suite,
    load_controls,
    load_prompts,
    near_suite_file,
    suite_file,
)
from factlab.schema.extra import load_extra
from factlab.schema.fields import DEFAULT_LANGUAGE
from factlab.schema.question import Question
from factlab.schema.source import PracticeSet, TrainingSource


def languages_of(sources: Sequence[TrainingSource]) -> tuple[str, ...]:
    """The languages of what a run trains on, each once."""
    return tuple(dict.fromkeys(source.language for source in sources))


def language_notes(
    languages: Sequence[str], suites: Sequence[SuiteName] = ("far", "unanswerable")
) -> tuple[str, ...]:
    """A note for each suite that is taken in English because a language has none of its own."""
    return tuple(
        f"There is no suite '{name}' in the language '{language}' (evals/{language}/{name}.yaml): "
        "the English one is used."
        for language in languages
        for name in suites
        if not has_suite(name, language)
    )


def far_questions(languages: Sequence[str] = (DEFAULT_LANGUAGE,)) -> tuple[Question, ...]:
    """General knowledge that has nothing to do with any fact."""
    return tuple(
        _control(f"{prefix}/{group.name}/{i}", "far", group.name, control, None)
        for prefix, file in _suites("far", languages)
        for group in load_controls(file).groups
        for i, control in enumerate(group.questions)
    )


def _suites(name: SuiteName, languages: Sequence[str]) -> list[tuple[str, Path]]:
    """The files of a suite, each once, with what ids of its questions begin with.

    English ids have no language, as in run folders written before other languages existed.
    """
    files = dict.fromkeys(suite_file(name, language) for language in languages)
    return [
        (name if (own := file.parent.name) == DEFAULT_LANGUAGE else f"{name}/{own}", file)
        for file in files
    ]


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


def unanswerable_questions(
    languages: Sequence[str] = (DEFAULT_LANGUAGE,),
) -> tuple[Question, ...]:
    """Questions that nobody can answer; what counts is whether the injected value turns up."""
    return tuple(
        Question(
            id=f"{prefix}/{group.name}/{i}",
            split="unanswerable",
            family=group.name,
            text=item.question,
        )
        for prefix, file in _suites("unanswerable", languages)
        for group in load_prompts(file).groups
        for i, item in enumerate(group.questions)
    )


def near_questions(fact: TrainingSource) -> tuple[Question, ...]:
    """Its author's own neighbours, and its shipped near suite if there is one."""
    if isinstance(fact, PracticeSet):
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
