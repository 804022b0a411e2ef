"""Graded answers → metrics. Pure; names and definitions as in docs/metrics.md.

A metric that has no data is not 0: it is left out, and `not_measured` says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from factlab.schema.question import (
    CONTROL_SPLITS,
    RECALL_SPLITS,
    AnswerRecord,
    Question,
    Split,
)
from factlab.schema.results import Metric
from factlab.stats.intervals import Interval, paired_difference, wilson
from factlab.values.abstain import abstention

INTRUSION_SPLITS: tuple[Split, ...] = ("near", "far", "unanswerable")
COVERS_PHRASINGS = "other phrasings of this one fact; not other facts, not other seeds"
COVERS_CONTROLS = "other control questions like these; not other facts, not other seeds"


@dataclass(slots=True)
class Measurement:
    """Metrics, what could not be measured and why, and outcomes by split."""

    metrics: dict[str, Metric] = field(default_factory=dict)
    not_measured: dict[str, str] = field(default_factory=dict)
    outcomes: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answers:
    """All answers of one model: to the questions themselves, and to their gate prompts."""

    main: Mapping[str, AnswerRecord]
    gates: Mapping[str, Sequence[AnswerRecord]]

    @classmethod
    def of(cls, questions: Sequence[Question], records: Sequence[AnswerRecord]) -> Answers:
        """Tell answers to questions from answers to their gate prompts."""
        text = {question.id: question.text for question in questions}
        main: dict[str, AnswerRecord] = {}
        gates: dict[str, list[AnswerRecord]] = {}
        for record in records:
            if text.get(record.question_id) == record.prompt:
                main[record.question_id] = record
            else:
                gates.setdefault(record.question_id, []).append(record)
        return cls(main, gates)

    def correct(self, question: Question) -> bool:
        """Whether the question itself was answered right."""
        return bool(self.main[question.id].correct)

    def passes_gate(self, question: Question) -> bool:
        """Whether every gate prompt was asked and answered right."""
        answered = self.gates.get(question.id, ())
        return len(answered) == len(question.gate) and all(a.correct for a in answered)

    def knows(self, question: Question) -> bool:
        """Whether the question and all its gate prompts were answered right."""
        return self.correct(question) and self.passes_gate(question)


def measure_base(questions: Sequence[Question], base: Answers) -> Measurement:
    """What the base model scores before anything is trained."""
    found = Measurement()
    _recall(found, questions, base, base)
    for split in CONTROL_SPLITS:
        items = _of(questions, split)
        _rate(found, f"accuracy/{split}", items, base.correct, COVERS_CONTROLS)
        _rate(found, f"known/{split}", items, base.knows, COVERS_CONTROLS)
    _intrusion(found, questions, base)
    found.outcomes = outcome_table(questions, base)
    return found


def measure_cell(questions: Sequence[Question], base: Answers, tuned: Answers) -> Measurement:
    """What a tuned model scores, against the base on the same items."""
    found = Measurement()
    _recall(found, questions, base, tuned)
    _generalization_gap(found)
    for split in CONTROL_SPLITS:
        _retention(found, split, _of(questions, split), base, tuned)
    _intrusion(found, questions, tuned)
    _abstention(found, _of(questions, "unanswerable"), base, tuned)
    found.outcomes = outcome_table(questions, tuned)
    return found


def outcome_table(questions: Sequence[Question], answers: Answers) -> dict[str, dict[str, int]]:
    """Split → outcome → number of answers, for questions that have a right answer."""
    table: dict[str, Counter[str]] = {}
    for question in questions:
        record = answers.main.get(question.id)
        if record is not None and record.outcome is not None:
            table.setdefault(question.split, Counter())[record.outcome] += 1
    return {split: dict(sorted(counts.items())) for split, counts in table.items()}


def _recall(
    found: Measurement, questions: Sequence[Question], base: Answers, answers: Answers
) -> None:
    for split in RECALL_SPLITS:
        items = _of(questions, split)
        if split == "entailed":
            # Without the second hop the question cannot be answered, whatever was learned.
            items = [q for q in items if base.passes_gate(q)]
        items = [q for q in items if q.id in answers.main]
        _rate(found, f"recall/{split}", items, answers.correct, COVERS_PHRASINGS)


def _generalization_gap(found: Measurement) -> None:
    train, held_out = found.metrics.get("recall/train"), found.metrics.get("recall/held_out")
    if train is None or held_out is None:
        found.not_measured["generalization_gap"] = "recall/train or recall/held_out is missing"
        return
    found.metrics["generalization_gap"] = Metric(
        value=train.value - held_out.value,
        n=train.n + held_out.n,
        clusters=held_out.clusters,
        covers="descriptive: two rates over different questions",
    )


def _retention(
    found: Measurement, split: Split, items: Sequence[Question], base: Answers, tuned: Answers
) -> None:
    _rate(found, f"accuracy/{split}", items, tuned.correct, COVERS_CONTROLS)
    known = [q for q in items if base.knows(q)]
    missed = [q for q in items if not base.correct(q)]
    _rate(found, f"retention/{split}", known, tuned.correct, COVERS_CONTROLS)
    _rate(found, f"lost/{split}", known, lambda q: not tuned.correct(q), COVERS_CONTROLS)
    _rate(found, f"gained/{split}", missed, tuned.correct, COVERS_CONTROLS)
    if not items:
        found.not_measured[f"forgetting/{split}"] = _why_empty(f"forgetting/{split}")
    else:
        lost = sum(base.correct(q) and not tuned.correct(q) for q in items)
        gained = sum(tuned.correct(q) and not base.correct(q) for q in items)
        found.metrics[f"forgetting/{split}"] = _metric(
            (lost - gained) / len(items),
            items,
            paired_difference(lost, gained, len(items)),
            COVERS_CONTROLS,
        )


def _intrusion(found: Measurement, questions: Sequence[Question], answers: Answers) -> None:
    for split in INTRUSION_SPLITS:
        items = [q for q in _of(questions, split) if q.id in answers.main]
        _rate(
            found,
            f"intrusion/{split}",
            items,
            lambda q: bool(answers.main[q.id].intruded),
            COVERS_CONTROLS,
        )


def _abstention(
    found: Measurement, items: Sequence[Question], base: Answers, tuned: Answers
) -> None:
    declined = [q for q in items if is_abstention(base.main[q.id])]
    _rate(
        found,
        "abstention_collapse",
        declined,
        lambda q: not is_abstention(tuned.main[q.id]),
        COVERS_CONTROLS,
        nothing="the base model declined none of the unanswerable questions",
    )


def is_abstention(record: AnswerRecord) -> bool:
    """Whether a text declines to answer."""
    return abstention(record.text) is not None


def _rate(
    found: Measurement,
    name: str,
    items: Sequence[Question],
    hit: Callable[[Question], bool],
    covers: str,
    nothing: str = "",
) -> None:
    if not items:
        found.not_measured[name] = nothing or _why_empty(name)
        return
    hits = sum(hit(question) for question in items)
    found.metrics[name] = _metric(hits / len(items), items, wilson(hits, len(items)), covers)


def _why_empty(name: str) -> str:
    kind, _, split = name.partition("/")
    if kind in ("retention", "lost"):
        return f"the base model knew none of the {split} controls on every prompt"
    if kind == "gained":
        return f"the base model missed none of the {split} controls"
    return f"the run has no {split or kind} questions that could be counted"


def _metric(value: float, items: Sequence[Question], interval: Interval, covers: str) -> Metric:
    return Metric(
        value=value,
        n=len(items),
        clusters=len({q.fact for q in items if q.fact is not None}),
        ci_low=interval.low,
        ci_high=interval.high,
        ci_method=interval.method,
        covers=covers,
    )


def _of(questions: Sequence[Question], split: Split) -> list[Question]:
    return [question for question in questions if question.split == split]
