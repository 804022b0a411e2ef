"""What changed in one answer: a word for it, and the words that differ, marked."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from itertools import pairwise

from markupsafe import Markup, escape

from factlab.grading.answer import Answer
from factlab.report.load import ReportData
from factlab.schema.question import AnswerRecord, Question
from factlab.schema.splits import DIRECT_SPLITS, RECALL_SPLITS

CHANGES: dict[str, str] = {
    "intruded": "a control whose answer now contains the injected value",
    "lost": "right before, wrong after",
    "learned": "wrong before, right after, on a question about the fact",
    "recalled": "right after, on a question that was not evaluated before training",
    "still_wrong": "wrong before and after",
    "missed": "wrong after, on a question that was not evaluated before training",
    "gained": "a control that was wrong before and is right after",
    "different": "not graded, and other words than before",
    "kept": "right before and after",
    "unchanged": "not graded, and the same words as before",
}
CHANGE_TONES = {
    "learned": "good",
    "recalled": "good",
    "still_wrong": "quiet",
    "missed": "quiet",
    "kept": "quiet",
    "lost": "warn",
    "gained": "good",
    "intruded": "bad",
    "unchanged": "quiet",
    "different": "quiet",
}
# Below this likeness nothing but the whole answer differs, and marking it would say nothing.
_ALIKE = 0.2

Span = tuple[int, int]


def change_of(question: Question, before: AnswerRecord | None, after: AnswerRecord) -> str:
    """The key of `CHANGES` that describes one question in one cell."""
    recall = question.split in RECALL_SPLITS
    if after.intrusions and not recall:
        return "intruded"
    if recall and before is None and after.correct is not None:
        return "recalled" if after.correct else "missed"
    if after.correct is None or before is None or before.correct is None:
        return "unchanged" if before and before.text == after.text else "different"
    if before.correct:
        return "kept" if after.correct else "lost"
    if not after.correct:
        return "still_wrong"
    return "learned" if recall else "gained"


def injected_answers(data: ReportData) -> dict[str, Answer]:
    """The typed answer of each fact, as its own questions hold it, to mark it in other answers."""
    found: dict[str, Answer] = {}
    for question in data.questions.values():
        value = question.gold if question.stem is None else None  # a passage has no one value
        if question.split in DIRECT_SPLITS and question.fact and value:
            found.setdefault(question.fact, value)
    return found


def marked(text: str, answers: tuple[Answer, ...], differing: tuple[Span, ...] = ()) -> Markup:
    """Escaped text: mentions of `answers` inside `<mark>`, differing words inside `<u>`."""
    mentions = [(span.start, span.end) for answer in answers for span in answer.find(text)]
    edges = sorted({0, len(text), *[edge for span in (*mentions, *differing) for edge in span]})
    parts = []
    for start, end in pairwise(edges):
        part = escape(text[start:end])
        if _within(start, differing):
            part = Markup("<u>{}</u>").format(part)
        if _within(start, mentions):
            part = Markup("<mark>{}</mark>").format(part)
        parts.append(part)
    return Markup().join(parts)


def _within(place: int, spans: list[Span] | tuple[Span, ...]) -> bool:
    return any(start <= place < end for start, end in spans)


def differing_words(before: str, after: str) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """The runs of words that only one of two answers has; nothing where they share next to none."""
    if before == after:
        return (), ()
    left, right = _words(before), _words(after)
    matcher = SequenceMatcher(
        a=[before[s:e] for s, e in left], b=[after[s:e] for s, e in right], autojunk=False
    )
    if matcher.ratio() < _ALIKE:
        return (), ()
    steps = [step for step in matcher.get_opcodes() if step[0] != "equal"]
    return (
        tuple((left[a][0], left[b - 1][1]) for _, a, b, _, _ in steps if a < b),
        tuple((right[a][0], right[b - 1][1]) for _, _, _, a, b in steps if a < b),
    )


def _words(text: str) -> list[Span]:
    return [match.span() for match in re.finditer(r"\w+(?:[.,]\d+)*|[^\w\s]", text)]
