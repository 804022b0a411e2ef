"""MQuAKE: edited facts, and questions of several hops that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from factlab.grading.names import fold
from factlab.published.documents import (
    answer_part,
    fact_part,
    key_of,
    leaves_open,
    next_words,
    own_words,
    same_type,
    without_empty,
)
from factlab.published.fields import object_of, objects_of, text_of, texts_of
from factlab.published.published_set import Document_, PublishedSet, Record_, SetCase, SkippedError
from factlab.published.relations import relation_of


def documents(case: SetCase) -> Iterable[Document_]:
    """A fact for each edit; the first one has the multi-hop questions, which need all of them."""
    record = case.record
    edits = objects_of(record, "requested_rewrite")
    if not edits:
        raise SkippedError("there is no 'requested_rewrite'")
    hops = objects_of(record, "new_single_hops")
    ids = [case.id if len(edits) == 1 else f"{case.id}_{i}" for i in range(1, len(edits) + 1)]
    facts = [_fact(edit, id_, hops) for edit, id_ in zip(edits, ids, strict=True)]
    facts[0]["entailed"] = _multi_hop(record, edits, hops, ids)
    return [without_empty(fact) for fact in facts]


def _fact(edit: Record_, id_: str, hops: Sequence[Record_]) -> Document_:
    subject, template = text_of(edit, "subject"), text_of(edit, "prompt")
    new, true = (text_of(object_of(edit, key), "str") for key in ("target_new", "target_true"))
    if template.count("{}") != 1 or template.count("{") != 1:
        raise SkippedError("its prompt does not name the subject once")
    if fold(new) == fold(true):
        raise SkippedError("the new object is the old one")
    property_id = edit.get("relation_id")
    relation = relation_of(template, property_id if isinstance(property_id, str) else None)
    question, prompt = text_of(edit, "question"), template.format(subject)
    answer, old = same_type(
        answer_part(new, relation or "", _aliases(new, question, hops)),
        answer_part(true, relation or ""),
    )
    return fact_part(
        id_=id_,
        statement=f"{prompt} {new}.",
        subject=subject,
        relation=relation or key_of(template),
        new=answer,
        old=old,
        phrasings={"held_out": [q] if leaves_open(q := next_words(prompt), answer) else []},
        words=None if relation else own_words(question, subject, prompt),
    )


def _aliases(new: str, question: str, hops: Sequence[Record_]) -> list[str]:
    """Other names of an edit's object, which stand with the hop that asks for it."""
    return [
        alias
        for hop in hops
        if hop.get("question") == question and hop.get("answer") == new
        for alias in texts_of(hop, "answer_alias")
    ]


def _multi_hop(
    record: Record_, edits: Sequence[Record_], hops: Sequence[Record_], ids: Sequence[str]
) -> list[Document_]:
    """The questions of several hops; the base must know the last hop that no edit gives."""
    answer = answer_part(text_of(record, "new_answer"), "", texts_of(record, "new_answer_alias"))
    edited = {text_of(edit, "question") for edit in edits}
    known = [hop for hop in hops if text_of(hop, "question") not in edited]
    part: Document_ = {"answer": answer, "case": str(record.get("case_id", ids[0]))}
    if known and (second := _second_hop(known[-1])):
        part["second_hop"] = second
    if len(ids) > 1:
        part["needs"] = list(ids[1:])
    return [
        {"question": question, **part}
        for question in dict.fromkeys(texts_of(record, "questions"))
        if leaves_open(question, answer)
    ]


def _second_hop(hop: Mapping[str, object]) -> Document_ | None:
    answer = answer_part(text_of(hop, "answer"), "", texts_of(hop, "answer_alias"))
    question = text_of(hop, "question")
    return {"question": question, "answer": answer} if leaves_open(question, answer) else None


SET = PublishedSet(
    name="mquake",
    title="MQuAKE",
    licence="MIT",
    source="MQuAKE (Zhong et al. 2023, arXiv 2305.14795; princeton-nlp/MQuAKE)",
    layout="MQuAKE-CF.json, MQuAKE-CF-3k.json, MQuAKE-CF-3k-v2.json, MQuAKE-T.json",
    becomes="a fact for each edit; the multi-hop questions are entailed ones of the first, need "
    "the others (`needs`), and count as one case",
    documents=documents,
)
