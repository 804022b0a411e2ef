"""Which far controls of the bank a run asks: known ones, of every group in turn.

The bank is larger than a run has time for, and most of it a small base does not know. A control is
*known* if the base prefers its right answer to each wrong option and says it in every wording. Of
those, groups are taken in turn, in an order that is a hash's, until as many are there as the run
wants; then come those whose right answer is at least preferred. What is a near twin of an anchor is
left out. So the controls depend on the base and the bank alone: cells, recipes, facts and
precisions have the same ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from factlab.expand.anchors import near_anchors
from factlab.expand.controls import far_questions
from factlab.expand.sampling import one_of_each
from factlab.grading.languages import DEFAULT_LANGUAGE
from factlab.metrics.verdicts import grade
from factlab.runs.files import read_lines
from factlab.runs.folder import RunFolder
from factlab.schema.control import has_suite
from factlab.schema.question import Question, Response
from factlab.schema.screening import Screened, ScreenedQuestion, screening_key
from factlab.schema.words import FarControls

LEAST = 48  # controls, known or not, so that intrusion is measured on a base that knows little


@dataclass(frozen=True, slots=True)
class FarChoice:
    """The far controls of a run, and what a user should know of them."""

    questions: tuple[Question, ...] = ()
    notes: tuple[str, ...] = ()


def choose_far(
    languages: Sequence[str], wanted: FarControls, screened: Screened | None = None
) -> FarChoice:
    """Choose from the bank of each language.

    Args:
        languages: Those of the run's facts.
        wanted: How many of each language, or all, or none.
        screened: What the base made of the bank; without it as many are taken as there would be,
            known or not: enough to plan with.
    """
    found = FarChoice()
    if wanted == "none":
        return found
    for bank, language in _banks(languages):
        if wanted == "all" or len(bank) <= wanted:
            near = near_anchors(bank, language)
            one = FarChoice(tuple(q for q in in_turn(bank) if q.id not in near))
        elif screened is None:
            one = FarChoice(tuple(_clear(in_turn(bank)[: 2 * wanted], language)[:wanted]))
        else:
            one = _chosen(bank, language, wanted, screened)
        found = FarChoice((*found.questions, *one.questions), (*found.notes, *one.notes))
    return found


def far_of_run(languages: Sequence[str], run: Path) -> FarChoice:
    """The controls that another run asked, as the bank has them now; what it lacks is left out."""
    found = {q.id: q for bank, _ in _banks(languages) for q in bank}
    file = RunFolder(run).data_file("far")
    asked = [question.id for question in read_lines(file, Question)] if file.is_file() else []
    return FarChoice(tuple(found[id_] for id_ in asked if id_ in found))


def to_screen(languages: Sequence[str], wanted: FarControls) -> list[Question]:
    """What the base has to be screened on before a run can choose."""
    if isinstance(wanted, str):
        return []
    return [q for bank, _ in _banks(languages) if len(bank) > wanted for q in bank]


def in_turn(questions: Sequence[Question]) -> list[Question]:
    """One of each group in turn. Groups, and questions of a group, have the order of a hash.

    What is added to the bank moves no other question, but for the turns it takes.
    """
    groups: dict[str, list[Question]] = {}
    for question in questions:
        groups.setdefault(question.id.rpartition("/")[0], []).append(question)
    columns = [
        sorted(groups[name], key=lambda q: _place(q.id)) for name in sorted(groups, key=_place)
    ]
    return list(one_of_each(columns))


def known(question: Question, found: ScreenedQuestion | None) -> bool:
    """Whether a base prefers the right answer, and says it in every wording."""
    if found is None or len(found.answers) != 1 + len(question.gate):
        return False
    return all(
        grade(question, prompt, Response(answer.text, 0, answer.finished), {}).correct
        for prompt, answer in zip((question.text, *question.gate), found.answers, strict=True)
    )


def _banks(languages: Sequence[str]) -> list[tuple[tuple[Question, ...], str]]:
    """The bank of each language, once each; English where a language has none."""
    own = dict.fromkeys(one if has_suite("far", one) else DEFAULT_LANGUAGE for one in languages)
    return [(far_questions((language,)), language) for language in own]


def _chosen(bank: Sequence[Question], language: str, wanted: int, screened: Screened) -> FarChoice:
    """Known ones; where they are too few, those whose right answer is preferred, then others."""
    order = in_turn(bank)
    made = {q.id: found for q in order if (found := screened.get(screening_key(q))) is not None}
    preferred = _clear([q for q in order if q.id in made and made[q.id].answers], language)
    chosen = list(islice((q for q in preferred if known(q, made[q.id])), wanted))
    right = len(chosen)
    taken = {q.id for q in chosen}
    chosen += [q for q in preferred if q.id not in taken][: wanted - right]
    spare = min(LEAST, wanted) - len(chosen)
    if spare > 0:
        taken = {q.id for q in chosen}
        rest = [q for q in order if q.id not in taken]
        chosen += _clear(rest[: 8 * LEAST], language)[:spare]
    return FarChoice(tuple(chosen), (_note(right, len(chosen) - right, wanted, len(bank)),))


def _clear(questions: Sequence[Question], language: str) -> list[Question]:
    near = near_anchors(questions, language)
    return [question for question in questions if question.id not in near]


def _note(right: int, more: int, wanted: int, bank: int) -> str:
    said = (
        f"Far controls: {right} of the bank's {bank:,}, all known to the base when it was "
        "screened: it answered them right in every wording and preferred the right answer to each "
        "wrong option. At another precision it may know fewer; known/far counts them in this run."
    )
    if right < wanted:
        said += f" It knows no more that are far from every anchor; {wanted} are wanted (--far)."
    if more:
        said += (
            f" {more} more are asked whose right answer it prefers, if there are as many, without "
            "giving it each time: for preferences, margins and intrusion."
        )
    return said


def _place(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
