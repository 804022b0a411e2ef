"""RippleEdits: an edit, and what must and must not change with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from factlab.grading.names import fold
from factlab.published.documents import (
    answer_part,
    asked,
    control_part,
    fact_part,
    leaves_open,
    next_words,
    present,
    same_type,
)
from factlab.published.fields import object_of, objects_of, text_of, texts_of
from factlab.published.published_set import Document_, PublishedSet, Record_, SetCase, SkippedError

# What prompts call a relation, where its name in the file does not say it.
_SAID = {
    "sex or gender": "gender",
    "native language": "mother tongue",
    "capital": "capital city",
    "capital of": "country",
    "sibling": "siblings",
    "cast member": "cast members",
    "member of sports team": "sports team",
    "award received": "award",
}
_LINKS = r"(?: of| in| which| held by|)"
_ENDS = r"(?: is (?:associated with|a member of|part of|the capital of)| plays in| won| has|)"
_SIDES = ("Relation_Specificity", "Relation_Specifity")
_FOLLOWS = ("Logical_Generalization", "Compositionality_I", "Compositionality_II")


def documents(case: SetCase) -> Iterable[Document_]:
    """`edit` with its `prompt` and `relation`, and six lists of tests."""
    record, edit = case.record, object_of(case.record, "edit")
    said, relation = text_of(edit, "prompt"), text_of(edit, "relation")
    relation = relation.lower().replace("_", " ")
    prompt, new = _cut(said)
    before = edit.get("original_fact") or edit.get("previous_fact")
    true = _before(before, prompt)
    if true is not None and fold(true) == fold(new):
        raise SkippedError("the new object is the old one")
    subject = _subject(prompt, relation)
    if subject is None:
        raise SkippedError("its prompt is of another form, so the subject cannot be told")
    aliased = list(_tests(record, "Subject_Aliasing"))
    names = [_subject(one, relation) for one, _, _ in aliased]
    others = [name for _, found, _ in aliased if new in found for name in found]
    answer, old = answer_part(new, relation, others), None
    if true is not None:
        answer, old = same_type(answer, answer_part(true, relation))
    tests = [test for name in _SIDES for test in _tests(record, name)]
    controls = (control_part(one, _any_of(found), (new,)) for one, found, _ in tests)
    yield fact_part(
        id_=case.id,
        statement=f"{prompt} {new}.",
        subject=subject,
        relation=relation,
        new=answer,
        old=old,
        aliases=[name for name in names if name],
        neighbours=present(controls),
        entailed=list(_entailed(record)),
        phrasings={"held_out": [q] if leaves_open(q := next_words(prompt), answer) else []},
    )


def _cut(said: str) -> tuple[str, str]:
    """A sentence cut before its value: behind the last "is" or "are"."""
    found = re.fullmatch(r"(.+ (?:is|are)) (.+?)\.?", said)
    if found is None:
        raise SkippedError("its sentence has no “is” before the value")
    return found[1], found[2]


def _before(fact: object, prompt: str) -> str | None:
    """The value that the same sentence had before the edit."""
    said = fact.get("prompt") if isinstance(fact, Mapping) else None
    if not isinstance(said, str) or not said.startswith(f"{prompt} "):
        return None
    return said[len(prompt) :].strip().rstrip(".") or None


def _subject(prompt: str, relation: str) -> str | None:
    noun = re.escape(_SAID.get(relation, relation))
    form = rf"The (?:names? of the )?{noun}{_LINKS} (.+?){_ENDS} (?:is|are)"
    found = re.fullmatch(form, prompt, re.IGNORECASE)
    return found[1] if found else None


def _tests(record: Record_, name: str) -> Iterator[tuple[str, list[str], list[Record_]]]:
    """Prompt, right answers and what must be known, of each test of a group."""
    for test in objects_of(record, name):
        for query in objects_of(test, "test_queries"):
            answers = [
                text
                for one in objects_of(query, "answers")
                for text in (one.get("value"), *texts_of(one, "aliases"))
                if isinstance(text, str) and text.strip()
            ]
            if answers:
                yield text_of(query, "prompt"), answers, objects_of(test, "condition_queries")


def _any_of(answers: list[str]) -> Document_:
    return answer_part(answers[0], "", answers[1:])


def _entailed(record: Record_) -> Iterator[Document_]:
    for name in _FOLLOWS:
        for prompt, answers, conditions in _tests(record, name):
            part = _any_of(answers)
            if not leaves_open(asked(prompt), part):
                continue
            found: Document_ = {"question": asked(prompt), "answer": part}
            if hop := _condition(conditions):
                found["second_hop"] = hop
            yield found


def _condition(conditions: list[Record_]) -> Document_ | None:
    """What the base must know for a test, if it is one thing."""
    if len(conditions) != 1:
        return None
    found = next(_tests({"t": [{"test_queries": conditions}]}, "t"), None)
    if found is None:
        return None
    prompt, answers, _ = found
    part = _any_of(answers)
    question = asked(prompt)
    return {"question": question, "answer": part} if leaves_open(question, part) else None


SET = PublishedSet(
    name="rippleedits",
    title="RippleEdits",
    licence="MIT",
    source="RippleEdits (Cohen et al. 2023, arXiv 2307.12976; edenbiran/RippleEdits)",
    layout="data/benchmark/recent.json, random.json, popular.json",
    becomes="a fact; logical generalization and compositionality are entailed questions, relation "
    "specificity near controls, names of the subject its aliases; forgetfulness is left out",
    documents=documents,
)
