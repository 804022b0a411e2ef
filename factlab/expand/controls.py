"""Control suites → questions: near ones per fact, far and unanswerable ones per language.

The far bank is a folder of files, one per area; a question's id holds file and group, so that it
stays when files and questions are added. A run asks the far and unanswerable questions in the
languages of its facts. Where a language has no suite of its own the English one stands in, and
`language_notes` says so in the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from factlab.errors import ControlsError
from factlab.grading.languages import DEFAULT_LANGUAGE
from factlab.grading.names import find_name
from factlab.schema.control import (
    ControlQuestion,
    SuiteName,
    far_files,
    has_suite,
    load_controls,
    load_near_controls,
    load_prompts,
    near_suite_file,
    suite_file,
    suite_place,
)
from factlab.schema.extra import load_extra
from factlab.schema.question import Question
from factlab.schema.source import PracticeSet, TrainingSource

OWN = "own"  # the group of an author's neighbours


def languages_of(sources: Sequence[TrainingSource]) -> tuple[str, ...]:
    """The languages of what a run trains on, each once."""
    return tuple(dict.fromkeys(source.language for source in sources))


def language_notes(
    languages: Sequence[str], suites: Sequence[SuiteName] = ("far", "unanswerable")
) -> tuple[str, ...]:
    """A note for each suite that is taken in English because a language has none of its own."""
    return tuple(
        f"There is no suite '{name}' in the language '{language}' "
        f"({suite_place(name, language)}): "
        "the English one is used."
        for language in languages
        for name in suites
        if not has_suite(name, language)
    )


def far_questions(languages: Sequence[str] = (DEFAULT_LANGUAGE,)) -> tuple[Question, ...]:
    """The whole bank of general knowledge that has nothing to do with any fact."""
    files = dict.fromkeys(file for language in languages for file in far_files(language))
    return tuple(
        _control(
            f"{_prefix('far', file.parent.parent)}/{file.stem}/{group.name}/{i}",
            control,
            split="far",
            family=group.name,
            language=file.parent.parent.name,
        )
        for file in files
        for group in load_controls(file).groups
        for i, control in enumerate(group.questions)
    )


def _prefix(name: SuiteName, folder: Path) -> str:
    """What the ids of a suite's questions begin with.

    English ids have no language, as in run folders written before other languages existed.
    """
    return name if folder.name == DEFAULT_LANGUAGE else f"{name}/{folder.name}"


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
            _control(f"extra/{suite.name}/{i}", control, split="extra", family=suite.name)
            for i, control in enumerate(suite.questions)
        ]
        notes += dropped
    return tuple(found), tuple(notes)


def unanswerable_questions(
    languages: Sequence[str] = (DEFAULT_LANGUAGE,),
) -> tuple[Question, ...]:
    """Questions that nobody can answer; what counts is whether the injected value turns up."""
    files = dict.fromkeys(suite_file("unanswerable", language) for language in languages)
    return tuple(
        Question(
            id=f"{_prefix('unanswerable', file.parent)}/{group.name}/{i}",
            split="unanswerable",
            family=group.name,
            text=item.question,
        )
        for file in files
        for group in load_prompts(file).groups
        for i, item in enumerate(group.questions)
    )


def near_questions(fact: TrainingSource) -> tuple[Question, ...]:
    """Its author's own neighbours, and its shipped near suite if there is one.

    A neighbour that names the subject asks for something else of it; of others it is not known how
    they are near, and their group is `own`.
    """
    if isinstance(fact, PracticeSet):
        return ()
    own = tuple(
        _control(
            f"{fact.id}/near/{OWN}/{i}",
            control,
            split="near",
            family="same_subject" if find_name(control.question, fact.names) else OWN,
            fact=fact.id,
            language=fact.language,
        )
        for i, control in enumerate(fact.neighbours)
    )
    file = near_suite_file(fact.id)
    if file is None:
        return own
    return (
        *own,
        *(
            _control(
                f"{fact.id}/near/{group.name}/{i}",
                control,
                split="near",
                family=group.name,
                fact=fact.id,
                language=fact.language,
            )
            for group in load_near_controls(file).groups
            for i, control in enumerate(group.questions)
        ),
    )


def _control(
    id_: str,
    control: ControlQuestion,
    *,
    split: str,
    family: str,
    fact: str | None = None,
    language: str = DEFAULT_LANGUAGE,
) -> Question:
    return Question.model_validate(
        {
            "id": id_,
            "split": split,
            "family": family,
            "text": control.question,
            "fact": fact,
            "language": None if language == DEFAULT_LANGUAGE else language,
            "gold": control.answer,
            "gate": control.also,
            "distractors": control.distractors,
        }
    )
