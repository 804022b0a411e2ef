"""CounterFact: one object of a known fact replaced by another of its kind."""

from __future__ import annotations

from collections.abc import Iterable

from factlab.grading.names import fold
from factlab.published.documents import (
    answer_part,
    control_part,
    fact_part,
    key_of,
    leaves_open,
    next_words,
    own_words,
    present,
    same_type,
)
from factlab.published.fields import object_of, text_of, texts_of
from factlab.published.published_set import Document_, PublishedSet, SetCase, SkippedError
from factlab.published.relations import relation_of, templated

MOST_PROMPTS = 100


def documents(case: SetCase) -> Iterable[Document_]:
    """ROME's layout (`requested_rewrite`), or EasyEdit's flat one."""
    record = case.record
    if "requested_rewrite" in record:
        rewrite = object_of(record, "requested_rewrite")
        subject, template = text_of(rewrite, "subject"), text_of(rewrite, "prompt")
        new, true = (
            text_of(object_of(rewrite, key), "str") for key in ("target_new", "target_true")
        )
        property_id = rewrite.get("relation_id")
        paraphrases = texts_of(record, "paraphrase_prompts")
        neighbours = texts_of(record, "neighborhood_prompts")
    else:
        subject, prompt = text_of(record, "subject"), text_of(record, "prompt")
        new, true = text_of(record, "target_new"), text_of(record, "ground_truth")
        template, property_id = templated(prompt, subject) or "", None
        paraphrases = [text_of(record, "rephrase_prompt")]
        same = record.get("locality_ground_truth") == true
        neighbours = [text_of(record, "locality_prompt")] if same else []
    if template.count("{}") != 1:
        raise SkippedError("its prompt does not name the subject once")
    if fold(new) == fold(true):
        raise SkippedError("the new object is the old one")
    prompt = template.format(subject) if template.count("{") == 1 else ""
    if not prompt:
        raise SkippedError("its prompt has braces")
    yield _document(
        case, subject, template, prompt, new, true, property_id, paraphrases, neighbours
    )


def _document(
    case: SetCase,
    subject: str,
    template: str,
    prompt: str,
    new: str,
    true: str,
    property_id: object,
    paraphrases: list[str],
    neighbours: list[str],
) -> Document_:
    relation = relation_of(template, property_id if isinstance(property_id, str) else None)
    answer, old = same_type(answer_part(new, relation or ""), answer_part(true, relation or ""))
    return fact_part(
        id_=case.id,
        statement=f"{prompt} {new}.",
        subject=subject,
        relation=relation or key_of(template),
        new=answer,
        old=old,
        neighbours=present(control_part(one, old, (new,)) for one in neighbours),
        phrasings={
            "held_out": [q for one in paraphrases if leaves_open(q := next_words(one), answer)]
        },
        words=None if relation else own_words(prompt, subject, _naming(paraphrases, subject)),
        rome={
            "target_new": new,
            "target_true": true,
            "rewrite": [prompt],
            "paraphrase": paraphrases[:MOST_PROMPTS],
            "neighborhood": neighbours[:MOST_PROMPTS],
        },
    )


def _naming(paraphrases: list[str], subject: str) -> str | None:
    """The first paraphrase that names the subject once."""
    return next((text for text in paraphrases if templated(text, subject)), None)


SET = PublishedSet(
    name="counterfact",
    title="CounterFact",
    licence="MIT",
    source="CounterFact (Meng et al. 2022, arXiv 2202.05262; kmeng01/rome)",
    layout="counterfact.json and multi_counterfact.json of ROME and MEMIT; counterfact-*.json of "
    "EasyEdit",
    becomes="a fact with ROME's prompts (`rome`), its paraphrases as held-out questions, "
    "neighbourhood prompts as near controls",
    documents=documents,
)
