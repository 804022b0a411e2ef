"""KnowEdit: recent, counterfactual and zsRE edits with tests of portability and locality."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from factlab.grading.names import fold
from factlab.published.documents import (
    answer_part,
    asked,
    control_part,
    fact_part,
    key_of,
    leaves_open,
    own_words,
    present,
    same_type,
)
from factlab.published.fields import answers_of, object_of, objects_of, text_of
from factlab.published.published_set import Document_, PublishedSet, Record_, SetCase, SkippedError
from factlab.published.relations import relation_of, templated

_ALIASES = "Subject_Aliasing"
_SIDES = ("Relation_Specificity", "Relation_Specifity")


def documents(case: SetCase) -> Iterable[Document_]:
    """`subject`, `prompt`, `target_new`, `ground_truth`, `portability` and `locality`."""
    record = case.record
    if "concept" in record and "prompt" not in record:
        raise SkippedError("WikiBio: it has a text and no single value")
    subject, prompt = text_of(record, "subject"), text_of(record, "prompt")
    new = text_of(record, "target_new")
    template = templated(prompt, subject)
    if template is None:
        raise SkippedError("its prompt does not name the subject once")
    olds = answers_of(record.get("ground_truth"))
    if fold(new) in map(fold, olds):
        olds = []  # what is recent has no old value
    relation = relation_of(template)
    answer: Document_ = answer_part(new, relation or "", _aliases_of_new(record, new))
    old: Document_ | None = None
    if olds:
        answer, old = same_type(answer, answer_part(olds[0], relation or "", olds[1:]))
    rephrase = record.get("rephrase_prompt", record.get("rephrase"))
    held_out = [rephrase] if isinstance(rephrase, str) and rephrase.strip() else []
    yield fact_part(
        id_=case.id,
        statement=f"The answer to “{prompt}” is {new}."
        if prompt.endswith("?")
        else f"{prompt} {new}.",
        subject=subject,
        relation=relation or key_of(template),
        new=answer,
        old=old,
        aliases=_names(record, template),
        neighbours=present(_near(record, new)),
        entailed=list(_entailed(record)),
        phrasings={"held_out": [q for one in held_out if leaves_open(q := asked(one), answer)]},
        words=None if relation else own_words(prompt, subject, next(iter(held_out), None)),
    )


def _tests(record: Record_, part: str, *names: str) -> Iterator[tuple[str, list[str]]]:
    """The prompts of some groups of tests with their right answers."""
    groups = object_of(record, part) if record.get(part) else {}
    for name, tests in groups.items():
        if name in names or not names:
            for test in objects_of(groups, name) if isinstance(tests, list) else []:
                answers = answers_of(test.get("ground_truth"))
                if answers and isinstance(test.get("prompt"), str):
                    yield text_of(test, "prompt"), answers


def _aliases_of_new(record: Record_, new: str) -> list[str]:
    """Other names of the new object: right answers where the subject has another name."""
    found = [answers for _, answers in _tests(record, "portability", _ALIASES)]
    return [name for answers in found if new in answers for name in answers]


def _names(record: Record_, template: str) -> list[str]:
    """Other names of the subject: what stands in its place in the tests of aliases."""
    before, after = template.split("{}", 1)
    return [
        prompt[len(before) : len(prompt) - len(after)]
        for prompt, _ in _tests(record, "portability", _ALIASES)
        if prompt.startswith(before)
        and prompt.endswith(after)
        and len(prompt) > len(before) + len(after)
    ]


def _near(record: Record_, new: str) -> Iterator[Document_ | None]:
    for prompt, answers in _tests(record, "locality", *_SIDES):
        yield control_part(prompt, answer_part(answers[0], "", answers[1:]), (new,))


def _entailed(record: Record_) -> Iterator[Document_]:
    for prompt, answers in _tests(record, "portability", "Logical_Generalization", "Reasoning"):
        part = answer_part(answers[0], "", answers[1:])
        if leaves_open(asked(prompt), part):
            yield {"question": asked(prompt), "answer": part}


SET = PublishedSet(
    name="knowedit",
    title="KnowEdit",
    licence="MIT, as the repository of EasyEdit",
    source="KnowEdit (Zhang et al. 2024, arXiv 2401.01286; zjunlp/EasyEdit)",
    layout="wiki_recent, wiki_counterfact and ZsRE, as EasyEdit documents them",
    becomes="a fact; tests of portability are entailed questions, other names of the subject its "
    "aliases, tests of locality near controls",
    documents=documents,
)
