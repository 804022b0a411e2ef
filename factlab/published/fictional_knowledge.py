"""Fictional knowledge: made-up passages with probes of three depths."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from factlab.grading.names import fold
from factlab.published.published_set import Document_, PublishedSet, SetCase
from factlab.schema.passage import DEPTHS

_SHAPE = (
    "Each record has train_context, and lists of equal length mem_input and mem_target, gen_input "
    "and gen_target, hard_gen_input and hard_gen_target"
)


def documents(case: SetCase) -> Iterable[Document_]:
    """`train_context`, `paraphrases` if there are any, and an input and target list per depth.

    Raises:
        ValueError: for a record of another shape; the published file has none.
    """
    record = case.record
    if not isinstance(record.get("train_context"), str):
        raise ValueError(f"there is no text in 'train_context'. {_SHAPE}")
    texts = [record["train_context"], *_texts(record, "paraphrases", missing=True)]
    probes = []
    for depth in DEPTHS:
        prompts, targets = _texts(record, f"{depth}_input"), _texts(record, f"{depth}_target")
        if len(prompts) != len(targets):
            raise ValueError(
                f"'{depth}_input' has {len(prompts)} items and '{depth}_target' {len(targets)}, so "
                "it is not clear which belong together"
            )
        probes += [
            {"depth": depth, "prompt": prompt, "answer": {"type": "text", "value": target}}
            for prompt, target in zip(prompts, targets, strict=True)
        ]
    unique = {fold(text): text for text in reversed(texts)}  # of equal ones the first
    yield {"id": case.id, "passages": list(reversed(unique.values())), "probes": probes}


def _texts(record: Mapping[str, Any], key: str, *, missing: bool = False) -> list[str]:
    found = record.get(key, [] if missing else None)
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise ValueError(f"'{key}' is no list of texts. {_SHAPE}")
    return found


SET = PublishedSet(
    name="fictional_knowledge",
    title="Fictional knowledge",
    licence="Apache-2.0",
    source="kaistAI/factual-knowledge-acquisition (Chang et al. 2024, arXiv 2406.11813)",
    layout="fictional_knowledge.json and fictional_knowledge_paraphrased.json",
    becomes="a passage with 15 probes",
    documents=documents,
    fictitious=True,
    strict=True,
)
