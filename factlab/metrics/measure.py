"""One value per question → metrics with their uncertainty. Pure; `catalogue.py` has the names.

A metric without data is not 0: it is left out, and `not_measured` says why.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import harmonic_mean

from factlab.metrics.catalogue import (
    BASE_EXPECTED,
    BY_FACT,
    EXPECTED,
    NAMES,
    PRACTICE_LOSS,
    PROBE_METRICS,
    about_fact,
    spec_of,
    why_empty,
)
from factlab.metrics.drift import drift_scores
from factlab.metrics.published import rome_score
from factlab.metrics.responses import Responses
from factlab.metrics.scores import (
    QuestionScore,
    QuestionSet,
    Scores,
    base_scores,
    chances,
    floor_scores,
    tuned_scores,
)
from factlab.metrics.versions import SCORERS
from factlab.schema.passage import DEPTHS
from factlab.schema.question import AnswerRecord, Question
from factlab.schema.results import DriftWindow, Metric
from factlab.stats.intervals import (
    Interval,
    bootstrap_interval,
    difference_interval,
    mean_interval,
    rate_interval,
)
from factlab.stats.seeds import MIN_SEEDS, SeededValues, seeded_values


@dataclass(slots=True)
class Measurement:
    """Metrics, what could not be measured and why, and outcomes by split."""

    metrics: dict[str, Metric] = field(default_factory=dict)
    not_measured: dict[str, str] = field(default_factory=dict)
    outcomes: dict[str, dict[str, int]] = field(default_factory=dict)
    by_fact: dict[str, dict[str, float]] = field(default_factory=dict)


def measure_base(
    question_set: QuestionSet, base: Responses, benchmarks: Scores | None = None
) -> Measurement:
    """What the base model scores before anything is trained, on general benchmarks too."""
    found = summarized(
        [base_scores(question_set, base) | (benchmarks or {})],
        chances(question_set, base),
        expected=BASE_EXPECTED,
        of_base=True,
    )
    if "recall/held_out" in found.metrics:
        found.metrics["recall/blind"] = found.metrics["recall/held_out"]
    _add_rome_score(found)
    found.outcomes = outcome_table(question_set.questions, base)
    return found


def measure_tuned(
    question_set: QuestionSet,
    base: Responses,
    tuned: Responses,
    windows: Sequence[DriftWindow] = (),
    benchmarks: Scores | None = None,
) -> Measurement:
    """What a tuned model scores, against the base on the same questions.

    Args:
        question_set: The questions.
        base: The base's responses.
        tuned: The tuned model's.
        windows: Its drift on neutral text.
        benchmarks: Its scores of general benchmarks.
    """
    scores = tuned_scores(question_set, base, tuned) | drift_scores(question_set.facts, windows)
    scores |= benchmarks or {}
    found = summarized([scores], chances(question_set, tuned))
    add_derived(found, scores, floor_scores(question_set, base))
    found.outcomes = outcome_table(question_set.questions, tuned)
    if len(question_set.facts) > 1:
        found.by_fact = _by_fact(scores)
    return found


def rounding_changes(
    questions: Sequence[Question], base: Responses, again: Sequence[AnswerRecord]
) -> dict[str, Metric]:
    """How often the base's own answer, and its verdict, changed when it was computed otherwise.

    Over all questions that were answered again, and by split: what is fragile in held-out answers
    says nothing of controls.
    """
    by_id = {question.id: question for question in questions}
    pairs = [
        (by_id[record.question_id], base.main[record.question_id], record)
        for record in again
        if record.question_id in by_id and record.question_id in base.main
    ]
    if not pairs:
        return {}
    by_name: Scores = {}
    for q, first, second in pairs:
        changed = {"text": first.text != second.text, "verdict": first.correct != second.correct}
        for what, differs in changed.items():
            score = QuestionScore(q.id, "", q.id, float(differs))
            for name in (f"rounding/{what}", f"rounding_{what}/{q.metric_split}"):
                if name in NAMES:
                    by_name.setdefault(name, []).append(score)
    return {name: summarize(name, [rows], of_base=True) for name, rows in by_name.items()}


def summarized(
    by_seed: Sequence[Scores],
    chance_of: Mapping[str, float] | None = None,
    *,
    expected: Sequence[str] = EXPECTED,
    of_base: bool = False,
) -> Measurement:
    """The mean of each metric's values with its interval.

    Args:
        by_seed: Values by metric, of each seed.
        chance_of: Chance by metric.
        expected: Metrics that a reader will look for, so that a missing one gets its reason.
        of_base: Whether they are the base's, which knows no seed.
    """
    found = Measurement()
    names = dict.fromkeys(name for scores in by_seed for name in scores)
    for name in names:
        rows = [scores[name] for scores in by_seed if scores.get(name)]
        chance = (chance_of or {}).get(name)
        found.metrics[name] = summarize(name, rows, chance, of_base=of_base)
    passages = any(name in names for name in PROBE_METRICS)
    practised = PRACTICE_LOSS in names
    for name in expected:
        if name not in names:
            found.not_measured[name] = why_empty(name, passages=passages, practised=practised)
    return found


def averaged(rows: Iterable[QuestionScore]) -> list[QuestionScore]:
    """One item per key: the mean over its rows."""
    by_key: dict[str, list[QuestionScore]] = defaultdict(list)
    for row in rows:
        by_key[row.key].append(row)
    return [
        QuestionScore(key, same[0].fact, same[0].group, sum(i.value for i in same) / len(same))
        for key, same in by_key.items()
    ]


def summarize(
    name: str,
    by_seed: Sequence[Sequence[QuestionScore]],
    chance: float | None = None,
    *,
    of_base: bool = False,
) -> Metric:
    """The mean of items, with an interval over the clusters that they fall into and over seeds.

    Args:
        name: The metric.
        by_seed: Items of each seed; those with the same key are averaged.
        chance: What guessing scores.
        of_base: Whether they are the base's, which knows no seed.
    """
    items = averaged(item for rows in by_seed for item in rows)
    clusters = clusters_of(items)
    labels: dict[Hashable, Hashable] = {
        item.key: label for item, label in zip(items, clusters, strict=True)
    }
    seeded = seeded_values([{item.key: item.value for item in rows} for rows in by_seed], labels)
    interval = _interval(name, seeded)
    seeds = None if of_base else len(by_seed)
    return Metric(
        value=sum(seeded.means) / len(items),
        n=len(items),
        clusters=len(set(clusters)),
        ci_low=interval.low,
        ci_high=interval.high,
        ci_method=interval.method,
        bootstrap=bootstrap_interval(seeded.means, clusters),
        seeds=seeds,
        covers=covers(name, items, seeds),
        chance=chance,
        scorer=SCORERS[spec_of(name).measured_from],
    )


def _interval(name: str, seeded: SeededValues) -> Interval:
    spec, given = spec_of(name), (seeded.means, seeded.clusters, seeded.spread)
    if spec.interval == "none":
        return Interval(None, None, "none")
    if len(seeded.means) == 1:
        return Interval(None, None, "descriptive only: one item")
    if spec.interval == "mean":
        return mean_interval(*given, spec.bounds)
    return (rate_interval if spec.interval == "rate" else difference_interval)(*given)


def clusters_of(items: Sequence[QuestionScore]) -> list[str]:
    """What each item's value is correlated within: its fact, or, with one fact, its group."""
    several = len({item.fact for item in items if item.fact}) > 1
    return [item.fact or item.key if several else item.group for item in items]


def covers(name: str, items: Sequence[QuestionScore], seeds: int | None = 1) -> str:
    """What an interval over these items and seeds generalises to, in words.

    Args:
        name: The metric.
        items: What it is the mean of.
        seeds: How many; None: of the base, which knows no seed.
    """
    facts = {item.fact for item in items if item.fact}
    what, recall = name.partition("/")[2], about_fact(name)
    drawn = _drawn(seeds)
    if spec_of(name).measured_from == "text":
        many = f"other facts like these {len(facts)}, on the same" if len(facts) > 1 else "other"
        return f"{many} neutral text like this{drawn}"
    if what == "practice":
        return f"other conversations like these of this one set; not other sets{drawn}"
    if len(facts) > 1:
        same = "the same questions" if recall else "the same controls"
        return f"other facts like these {len(facts)}, with {same}{drawn}"
    if recall and what in DEPTHS:
        return f"other probes like these of this one passage; not other passages{drawn}"
    if recall:
        return f"other phrasing families of this one fact; not other facts{drawn}"
    return f"other control questions like these; this adapter's facts only{drawn}"


def _drawn(seeds: int | None) -> str:
    if seeds is None:
        return ""
    if seeds == 1:
        return "; this seed only"
    if seeds < MIN_SEEDS:
        return f"; the mean of these {seeds} seeds, not other seeds"
    return f"; other seeds like these {seeds}"


# --- metrics made of others -------------------------------------------------------------------


def add_derived(found: Measurement, tuned: Scores, base: Scores) -> None:
    """The generalisation gap, the harmonic score and normalised recall: made of other metrics."""
    train, held_out = found.metrics.get("recall/train"), found.metrics.get("recall/held_out")
    if train is None or held_out is None:
        found.not_measured["generalization_gap"] = why_empty("generalization_gap")
    else:
        found.metrics["generalization_gap"] = Metric(
            value=train.value - held_out.value,
            n=train.n + held_out.n,
            clusters=held_out.clusters,
            covers="descriptive: two rates over different questions",
            scorer=SCORERS["metrics"],
        )
    score = _rome_score(found.metrics)
    if score is None:
        found.not_measured["rome_score"] = why_empty("rome_score")
    else:
        found.metrics["rome_score"] = score
    _add_rome_score(found)
    normalized = _normalized(tuned, base)
    if isinstance(normalized, str):
        found.not_measured["recall/normalized"] = normalized
    else:
        found.metrics["recall/normalized"] = normalized


def _add_rome_score(found: Measurement) -> None:
    """ROME's own S where a run has ROME's prompts; without them nobody looks for it."""
    if (score := rome_score(found.metrics)) is not None:
        found.metrics["rome/score"] = score


def _rome_score(metrics: Mapping[str, Metric]) -> Metric | None:
    """Harmonic mean of efficacy, paraphrase and specificity; None where one is missing."""
    parts = [metrics.get(f"recall/{split}") for split in ("train", "held_out")]
    near = metrics.get("intrusion/near")
    if near is None or any(part is None for part in parts):
        return None
    rates = [*(part.value for part in parts if part is not None), 1 - near.value]
    return Metric(
        value=harmonic_mean(rates),
        n=near.n + sum(part.n for part in parts if part is not None),
        clusters=near.clusters,
        covers="descriptive: a mean of three rates over different questions",
        scorer=SCORERS["metrics"],
    )


def _normalized(tuned: Scores, base: Scores) -> Metric | str:
    """(tuned − blind) / (in-context − blind), or why it is undefined."""
    in_context = averaged(base.get("recall/in_context", ()))
    blind = {item.key: item.value for item in averaged(base.get("recall/held_out", ()))}
    held_out = averaged(tuned.get("recall/held_out", ()))
    if not in_context or not held_out:
        return why_empty("recall/normalized")
    floors = [blind[item.key] for item in in_context]
    gains = [item.value - floor for item, floor in zip(in_context, floors, strict=True)]
    clusters = clusters_of(in_context)
    bounds, gain = difference_interval(gains, clusters), sum(gains) / len(gains)
    if bounds.low is None:
        return (
            f"{len(set(clusters))} clusters are too few to tell what the base gains from having "
            "the fact in its prompt from its own noise"
        )
    if bounds.low <= 0:
        return (
            f"the base gains {gain:.0%} from having the fact in its prompt, which is "
            "within its own noise, so there is nothing to divide by"
        )
    floor = sum(floors) / len(floors)
    value = sum(item.value for item in held_out) / len(held_out)
    return Metric(
        value=(value - floor) / gain,
        n=len(held_out),
        clusters=len(set(clusters_of(held_out))),
        covers="descriptive: a ratio of three rates; read the interval of recall/held_out",
        scorer=SCORERS["metrics"],
    )


def _by_fact(items: Scores) -> dict[str, dict[str, float]]:
    """The main figures of each fact of an adapter that holds several."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for name in BY_FACT:
        for item in items.get(name, ()):
            found[item.fact][name].append(item.value)
    return {
        fact: {name: sum(values) / len(values) for name, values in metrics.items()}
        for fact, metrics in sorted(found.items())
    }


def outcome_table(questions: Sequence[Question], model: Responses) -> dict[str, dict[str, int]]:
    """Split → outcome → number of answers, for questions that have a right answer."""
    table: dict[str, Counter[str]] = {}
    for question in questions:
        record = model.main.get(question.id)
        if record is not None and record.outcome is not None:
            table.setdefault(question.split, Counter())[record.outcome] += 1
    return {split: dict(sorted(counts.items())) for split, counts in table.items()}
