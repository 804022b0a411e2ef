"""TOFU: questions about made-up authors and the world, with wrong answers beside the right one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from factlab.grading.names import fold
from factlab.published.documents import (
    answer_of,
    answer_part,
    fact_part,
    key_of,
    leaves_open,
    own_words,
)
from factlab.published.fields import answers_of, text_of
from factlab.published.published_set import Document_, PublishedSet, SetCase, SkippedError
from factlab.published.relations import relation_of, templated

_QUOTED = re.compile(r"(?<!\w)['\"“‘]([^'\"“”‘’]{2,80})['\"”’](?!\w)")
_NAME = re.compile(
    r"(?<!^)(?<![.?!] )[A-Z][\w.'’-]*(?: (?:(?:of|the|de|von|van|and) )?[A-Z][\w.'’-]*)*"
)
MOST_VALUE = 8  # words
MOST_WRONG = 20  # answers that are compared with the right one
MOST_COMPARED = 150  # words of an answer: finding where two differ takes the cube of that


def documents(case: SetCase) -> Iterable[Document_]:
    """`question`, `answer`, `perturbed_answer`; of made-up authors paraphrases of both, too."""
    record = case.record
    question = text_of(record, "question")
    wrong = answers_of(record.get("perturbed_answer"))
    if not wrong:
        raise SkippedError("it has no wrong answers that show which words are the value")
    said = text_of(record, "paraphrased_answer", "answer")
    value, others = _value(said, wrong)
    subject = _subject(question, value)
    if subject is None:
        raise SkippedError("its question names no subject")
    template = templated(question, subject)
    if template is None:
        raise SkippedError("its prompt does not name the subject once")
    relation = relation_of(template)
    other = record.get("paraphrased_question")
    rephrase = other.strip() if isinstance(other, str) and other.strip() else None
    new = answer_part(value, relation or "")
    right = answer_of(new)
    if not leaves_open(question, new):
        raise SkippedError("the question holds its answer")
    yield fact_part(
        id_=case.id,
        statement=said if value != said else f"The answer to “{question}” is {value}.",
        subject=subject,
        relation=relation or key_of(template),
        new=new,
        distractors=_of_its_type(new, [text for text in others if not right.find(text)]),
        phrasings={
            "held_out": [rephrase] if rephrase and leaves_open(rephrase, new) else [],
        },
        words=None if relation else own_words(question, subject, rephrase or _reworded(question)),
    )


def _of_its_type(new: Document_, others: Sequence[str]) -> list[str]:
    kept = []
    for text in others:
        try:
            answer_of(new).same_kind(text)
        except ValueError:
            continue
        kept.append(text)
    return kept


def _reworded(question: str) -> str | None:
    """Another wording of a question that has none: itself, asked for."""
    return None if "“" in question else f"A quiz asks: {question}"


def _value(said: str, wrong: Sequence[str]) -> tuple[str, list[str]]:
    """The words of the answer that the wrong ones have others for, and those."""
    if len(said.split()) <= MOST_VALUE and not said.endswith("."):
        return said, list(wrong)
    spans = [_differing(said, other) for other in wrong[:MOST_WRONG]]
    found = [span for span in spans if span is not None]
    if not found or len({own for own, _ in found}) > 1:
        raise SkippedError("right and wrong answers do not differ in one value")
    return found[0][0], [other for _, other in found]


def _differing(said: str, other: str) -> tuple[str, str] | None:
    """Where two sentences differ, if it is in one place of a few words."""
    mine, its = said.rstrip(". ").split(), other.rstrip(". ").split()
    if max(len(mine), len(its)) > MOST_COMPARED:
        return None
    changes = [
        change
        for change in SequenceMatcher(None, mine, its, autojunk=False).get_opcodes()
        if change[0] != "equal"
    ]
    if len(changes) != 1:
        return None
    _, start, end, first, last = changes[0]
    value = " ".join(mine[start:end]).strip(",;:")
    return (
        (value, " ".join(its[first:last]).strip(",;:")) if 0 < end - start <= MOST_VALUE else None
    )


def _subject(question: str, value: str) -> str | None:
    """The title or name that a question is about: the longest one."""
    names = [hit[1] for hit in _QUOTED.finditer(question)] or _NAME.findall(question)
    names = [re.sub(r"['’]s$", "", name).rstrip(".,'") for name in names]
    names = [name for name in names if fold(name) != fold(value)]
    return max(names, key=len) if names else None


SET = PublishedSet(
    name="tofu",
    title="TOFU",
    licence="MIT",
    source="TOFU (Maini et al. 2024, arXiv 2401.06121; locuslab/tofu)",
    layout="*_perturbed.json: forget, retain, real_authors, world_facts (JSON lines)",
    becomes="a fact whose value is where the right answer and the wrong ones differ, the wrong "
    "values as distractors, the paraphrased question held out",
    documents=documents,
)
