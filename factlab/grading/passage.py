"""Grade a text that was not asked for the value, and may state it somewhere."""

from __future__ import annotations

from dataclasses import replace

from factlab.grading.answer import Answer
from factlab.grading.matcher import Match, Outcome, match
from factlab.grading.sentences import sentence_spans


def match_somewhere(
    text: str,
    gold: Answer,
    *,
    superseded: Answer | None = None,
    finished: bool = True,
    whole: bool = False,
    question: str | None = None,
) -> Match:
    """As `match`, but other values of the kind may stand before the right one.

    A text about a mountain may give the height of a hut first. So where the text as a whole answers
    with something else, its sentences are read one by one: one that gives the gold value is enough,
    if none gives the superseded one.

    Args:
        text: What the model wrote.
        gold: The value that it is to state.
        superseded: The value that the gold one replaced, if there is one.
        finished: False where generation stopped at the token limit.
        whole: Take no name or phrase that is given in part.
        question: What was asked.
    """
    verdict = match(
        text, gold, superseded=superseded, finished=finished, whole=whole, question=question
    )
    if verdict.outcome not in ("other", "truncated"):
        return verdict
    found: dict[Outcome, Match] = {}
    for start, end in sentence_spans(text):
        one = match(
            text[start:end],
            gold,
            superseded=superseded,
            finished=finished or end < len(text),
            whole=whole,
            question=question,
        )
        if one.start is not None and one.end is not None:
            moved = replace(one, start=one.start + start, end=one.end + start)
            found.setdefault(one.outcome, moved)
    new, old = found.get("new"), found.get("superseded") or found.get("both")
    if new and old:
        reason = "sentences assert the new and the superseded value"
        return replace(old, outcome="both", correct=False, reason=reason)
    return new or old or verdict
