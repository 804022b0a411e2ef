"""FictionalQA: documents about made-up events, and questions about the facts in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from factlab.grading.names import fold
from factlab.published.fields import text_of
from factlab.published.published_set import Document_, PublishedSet, Record_, SetCase, SkippedError
from factlab.reading.bounds import MOST_ITEMS, MOST_PASSAGE


def cases(records: Sequence[Record_]) -> list[list[Record_]]:
    """Rows by event; lines of the pipeline hold the rows of several questions."""
    found: dict[str, list[Record_]] = {}
    for record in records:
        questions = record.get("questions")
        rows = list(questions.values()) if isinstance(questions, dict) else [record]
        for row in rows:
            named = row.get("event_id") or row.get("question_id") if isinstance(row, dict) else None
            event = str(named or "").partition("_style_")[0]
            found.setdefault(event, []).append(row if isinstance(row, dict) else {})
    return list(found.values())


def documents(case: SetCase) -> Iterable[Document_]:
    """A passage: the event's documents (or its facts), and its facts as sentences to complete."""
    texts = list(dict.fromkeys(_documents(case.records)))
    facts = [text_of(row, "fict") for row in case.records if row.get("fict")]
    if not texts and not facts:
        raise SkippedError("there is no 'fict' and no 'fiction'")
    passages = texts or [" ".join(f"{fact.rstrip('.')}." for fact in dict.fromkeys(facts))]
    probes = list(_probes(case.records, passages))
    if not probes:
        raise SkippedError("no fact of the event ends in its answer")
    yield {
        "id": case.id,
        "passages": [text for text in passages if len(text) <= MOST_PASSAGE][:MOST_ITEMS],
        "probes": probes[:MOST_ITEMS],
    }


def _documents(rows: Sequence[Record_]) -> Iterable[str]:
    for row in rows:
        fiction = row.get("fiction")
        if isinstance(fiction, str) and fiction.strip():
            yield fiction.strip()


def _probes(rows: Sequence[Record_], passages: Sequence[str]) -> Iterable[Document_]:
    """Facts that end in their answer, cut before it; what stands so in the text is `mem`."""
    whole, seen = fold(" ".join(passages)), set()
    for row in rows:
        if row.get("duplicate_relationship") or not row.get("fict"):
            continue
        fact, answer = text_of(row, "fict").rstrip(" ."), text_of(row, "natural_answer").rstrip(".")
        prompt = fact[: len(fact) - len(answer)].rstrip()
        if not fact.endswith(answer) or len(prompt.split()) < 2 or fold(prompt) in seen:
            continue
        seen.add(fold(prompt))
        depth = "mem" if fold(prompt) in whole else "gen"
        yield {"depth": depth, "prompt": prompt, "answer": {"type": "text", "value": answer}}


SET = PublishedSet(
    name="fictionalqa",
    title="FictionalQA",
    licence="MIT",
    source="FictionalQA (Kirchenbauer et al. 2025, arXiv 2506.05639; jwkirchenbauer/fictionalqa)",
    layout="rows of joined_qa or fict_qa as JSON or JSON lines; annotated_fict_qa.jsonl",
    becomes="a passage for each event, its facts as sentences to complete where they end in the "
    "answer",
    documents=documents,
    cases=cases,
    fictitious=True,
)
