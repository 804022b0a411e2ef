"""zsRE: questions of relation extraction, edited to another answer."""

from __future__ import annotations

from collections.abc import Iterable

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
from factlab.published.fields import answers_of, text_of
from factlab.published.published_set import Document_, PublishedSet, SetCase, SkippedError
from factlab.published.relations import relation_of, templated

_NQ = "nq question: "


def documents(case: SetCase) -> Iterable[Document_]:
    """MEND's layout (`src`, `alt`, `answers`, `loc`), or EasyEdit's (`prompt`, `target_new`)."""
    record = case.record
    subject = text_of(record, "subject")
    question, new = text_of(record, "src", "prompt"), text_of(record, "alt", "target_new")
    olds = answers_of(record.get("answers") or record.get("ground_truth"))
    if not olds:
        raise SkippedError("there is no answer to replace")
    if fold(new) in map(fold, olds):
        raise SkippedError("the new object is the old one")
    rephrase = text_of(record, "rephrase", "rephrase_prompt")
    template = templated(question, subject)
    if template is None:
        raise SkippedError("its prompt does not name the subject once")
    relation = relation_of(template)
    answer, old = same_type(
        answer_part(new, relation or ""), answer_part(olds[0], relation or "", olds[1:])
    )
    yield fact_part(
        id_=case.id,
        statement=f"The answer to “{question}” is {new}.",
        subject=subject,
        relation=relation or key_of(template),
        new=answer,
        old=old,
        neighbours=present([_locality(case)]),
        phrasings={"held_out": [rephrase] if leaves_open(rephrase, answer) else []},
        words=None if relation else own_words(question, subject, rephrase),
    )


def _locality(case: SetCase) -> Document_ | None:
    """An unrelated question of Natural Questions, which an edit must not change."""
    record = case.record
    if not (record.get("loc") or record.get("locality_prompt")):
        return None
    question = text_of(record, "loc", "locality_prompt").removeprefix(_NQ).rstrip("?")
    truth = text_of(record, "loc_ans", "locality_ground_truth")
    return control_part(asked(f"{question[:1].upper()}{question[1:]}?"), answer_part(truth))


SET = PublishedSet(
    name="zsre",
    title="zsRE",
    licence="no licence stated with the data; code of ROME and EasyEdit MIT",
    source="zsRE (Levy et al. 2017, arXiv 1706.04115; edits of MEND, arXiv 2110.11309)",
    layout="zsre_mend_eval.json, zsre_mend_train*.json (MEND, ROME, EasyEdit)",
    becomes="a fact whose new value is `alt`, the rephrased question held out, the question of "
    "Natural Questions as a near control",
    documents=documents,
)
