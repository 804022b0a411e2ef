"""The two sentences on top of a report: was the fact learned, and what did it cost.

The words come from limits that the catalogue declares (`comparison/damage.py`); the page prints
them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from factlab.comparison.damage import (
    FAR_INTRUSION,
    FAR_RETENTION,
    HELD_OUT,
    LEARNED_AT,
    NEAR_INTRUSION,
    PARTLY_LEARNED_AT,
    SEVERITY,
    Damage,
    damage_of,
)
from factlab.metrics.catalogue import PRACTICE_LOSS, why_empty
from factlab.report.load import configurations_of
from factlab.report.wording import count_of, joined, percent, plural, share_in_words, share_interval
from factlab.schema.results import Configuration, Metric, RunResult
from factlab.schema.splits import NEAR_GROUPS

Learned = Literal[
    "learned", "partly learned", "not learned", "not measured", "loss fell", "loss did not fall"
]
Tone = Literal["good", "warn", "bad"]

RISE = "injected_logprob_excess/far"
# Of passages, the most telling first.
_PROBES = {
    "recall/gen": "sentences of the passage in other words",
    "recall/mem": "as the passage words them",
    "recall/hard_gen": "that follow from it",
}


_TONES: dict[str, Tone] = {
    "learned": "good",
    "partly learned": "warn",
    "not learned": "bad",
    "loss fell": "good",
    "loss did not fall": "bad",
    "clean": "good",
    "blurred": "warn",
    "destructive": "bad",
    "not measured": "warn",
}


@dataclass(frozen=True, slots=True)
class Best:
    """The configuration that the verdict speaks of.

    Attributes:
        configuration: Chosen by the run, else the least damaged of those that learned.
        chosen: Whether the run itself chose it.
        learned: Whether the facts are recalled, in words.
        damage: What it cost.
        could_be: The lesser word of recall that its interval does not exclude.
        reached: How many configurations learned.
        measured: How many were measured.
    """

    configuration: Configuration
    chosen: bool
    learned: Learned
    damage: Damage
    could_be: Learned | None
    reached: int
    measured: int


def tone(word: str) -> Tone:
    """The visual tone of a learned or damage word."""
    return _TONES[word]


def worst(tones: Iterable[Tone]) -> Tone:
    """The most alarming of several tones."""
    order: tuple[Tone, ...] = ("good", "warn", "bad")
    return max(tones, key=order.index, default="warn")


def learned_word(metrics: dict[str, Metric]) -> Learned:
    """Whether the fact is recalled in phrasings never trained on."""
    recall = metrics.get(HELD_OUT)
    change = metrics.get("nll_change/practice")
    if change is not None:
        return "loss fell" if change.value < 0 else "loss did not fall"
    if recall is None:
        return "not measured"
    return learned_at(recall.value)


def could_have_learned(metrics: dict[str, Metric]) -> Learned | None:
    """The lesser word that the lower end of recall's interval earns; None: the same one."""
    recall = metrics.get(HELD_OUT)
    if recall is None or recall.ci_low is None:
        return None
    least = learned_at(recall.ci_low)
    return least if least != learned_at(recall.value) else None


def learned_at(share: float) -> Learned:
    """The word that a share of held-out phrasings earns."""
    if share >= LEARNED_AT:
        return "learned"
    return "partly learned" if share >= PARTLY_LEARNED_AT else "not learned"


def damage_score(metrics: dict[str, Metric]) -> float:
    """Orders configurations with the same word: share forgotten plus the two of intrusion."""

    def value(name: str, absent: float) -> float:
        return metrics[name].value if name in metrics else absent

    return 1 - value(FAR_RETENTION, 0.0) + value(NEAR_INTRUSION, 1.0) + value(FAR_INTRUSION, 1.0)


def measured(result: RunResult) -> list[Configuration]:
    """The configurations with a held-out recall, answered probes or a loss on what was held out."""
    return [c for c in configurations_of(result) if _recall(c.metrics)]


def _recall(metrics: dict[str, Metric]) -> Metric | None:
    """Held-out recall; of passages that of the most telling probes, of practice the loss."""
    names = (HELD_OUT, *_PROBES, PRACTICE_LOSS)
    return next((metrics[name] for name in names if name in metrics), None)


def best_of(result: RunResult) -> Best | None:
    """What the run chose; else the least damaged of those that learned, or the nearest to it."""
    found = measured(result)
    if not found:
        return None
    reached = [c for c in found if learned_word(c.metrics) == "learned"]
    wanted = result.choice.chosen if result.choice else None
    chosen = next((c for c in found if c.id == wanted), None)
    best = chosen or (min(reached, key=_by_damage) if reached else max(found, key=_by_recall))
    return Best(
        configuration=best,
        chosen=chosen is not None,
        learned=learned_word(best.metrics),
        damage=damage_of(best.metrics),
        could_be=could_have_learned(best.metrics),
        reached=len(reached),
        measured=len(found),
    )


def _by_damage(configuration: Configuration) -> tuple[int, float, int]:
    word = damage_of(configuration.metrics).word
    return SEVERITY[word], damage_score(configuration.metrics), configuration.rank


def _by_recall(configuration: Configuration) -> tuple[float, float, int]:
    recall = _recall(configuration.metrics)
    score = damage_score(configuration.metrics)
    reached = recall.value if recall else 0.0
    if PRACTICE_LOSS in configuration.metrics:
        reached = -reached  # of a loss the lowest is the best
    return reached, -score, -configuration.rank


def verdict(result: RunResult) -> str:
    """Two sentences: whether the fact was learned, then what that cost."""
    return " ".join(sentences(result))


def sentences(result: RunResult) -> tuple[str, str]:
    """The two sentences of the verdict, for pages that set them apart."""
    best = best_of(result)
    if best is None:
        return _nothing_measured(result)
    if PRACTICE_LOSS in best.configuration.metrics:
        return _practised(best, result), _cost_of_practice(best)
    if HELD_OUT not in best.configuration.metrics:
        return _probed(best), f"{_cost_word(best)}: {_cost_in_words(best)}."
    if best.measured > 1:
        return _learned_several(best, result), _cost_several(best, measured(result))
    return _learned_one(best, result), f"{_cost_word(best)}: {_cost_in_words(best)}."


def _nothing_measured(result: RunResult) -> tuple[str, str]:
    if not result.cells:
        first = "Nothing has been trained and measured yet"
    else:
        states = joined(sorted({cell.status for cell in result.cells}))
        first = f"No adapter was trained and measured to its end ({states})"
    return f"{first}, so whether the fact was learned is unknown.", "Its cost is unknown too."


def _learned_one(best: Best, result: RunResult) -> str:
    who = "the tuned model answers"
    adapters = len(best.configuration.cells)
    if adapters > 1:
        who = f"{_scope(best.configuration)}, the tuned models answer"
    text = f"{best.learned.capitalize()}: {who} {_recall_in_words(best, result)}"
    before = result.base.metrics.get(HELD_OUT)
    text += f"; before training it was {_short(before)}" if before else ""
    return f"{text}{_specificity(best)}."


def _specificity(best: Best) -> str:
    """What recall is worth beside: whether the value stays out of the subject's other answers."""
    metrics = best.configuration.metrics
    same, score = metrics.get("intrusion/same_subject"), metrics.get("rome_score")
    told = []
    if same is not None:
        interval = share_interval(same, flip=True)
        within = f" (interval {interval})" if interval else ""
        told.append(f"same-subject specificity is {percent(1 - same.value)}{within}")
    if score is not None:
        told.append(
            "ROME's score, the harmonic mean of recall in training and in held-out phrasings and "
            f"of specificity on all related controls, is {percent(score.value)}"
        )
    return f"; {joined(told)}" if told else ""


def _probed(best: Best) -> str:
    """A passage has no value and no phrasings: its probes are reported, without a verdict."""
    told = [
        f"{_part(metric)} {words}"
        for name, words in _PROBES.items()
        if (metric := best.configuration.metrics.get(name))
    ]
    several = f" of {best.measured} configurations" if best.measured > 1 else ""
    return (
        f"Probed: {best.configuration.id}{several} completes {joined(told)}; a passage has no held-"
        "out phrasings, so the words learned and not learned are not used."
    )


def _practised(best: Best, result: RunResult) -> str:
    """A practice run trains no fact: the loss on what was held out is reported."""
    after, before = (
        best.configuration.metrics[PRACTICE_LOSS],
        result.base_at(best.configuration.precision).metrics.get(PRACTICE_LOSS),
    )
    several = f", {best.configuration.id} of {best.measured} configurations," * (best.measured > 1)
    went = f"went from {before.value:.2f} to" if before else "is now"
    return (
        f"Practised: on {after.n} held-out conversations{several} the loss {went} "
        f"{after.value:.2f} nats per token{_change_within(best)}; no fact was trained, so "
        "the words learned and not learned are not used."
    )


def _change_within(best: Best) -> str:
    change = best.configuration.metrics.get("nll_change/practice")
    if change is None or change.ci_low is None or change.ci_high is None:
        return ""
    ends = f"{change.ci_low:+.2f} to {change.ci_high:+.2f}".replace("-", "−")
    return f" (interval of the change {ends})"


def _cost_of_practice(best: Best) -> str:
    kept = best.configuration.metrics.get(FAR_RETENTION)
    if kept is None:
        return f"{_cost_word(best)}: {_kept(best)}."
    return f"{_cost_word(best)}: {_kept(best)}; there is no injected value that could intrude."


def _scope(configuration: Configuration) -> str:
    """`over 24 facts and 3 seeds`, as far as there are several."""
    parts = []
    if len(configuration.facts) > 1:
        parts.append(plural(len(configuration.facts), "fact"))
    if len(configuration.seeds) > 1:
        parts.append(plural(len(configuration.seeds), "seed"))
    return f"over {joined(parts)}" if parts else ""


def _recall_in_words(best: Best, result: RunResult) -> str:
    metric = best.configuration.metrics[HELD_OUT]
    facts = [fact for fact in result.facts if fact.id in best.configuration.facts]
    what = f"with {facts[0].answer}" if len(facts) == 1 else "with the injected value"
    count = count_of(metric)
    if count is None:
        told = f"{percent(metric.value)} of {metric.n} phrasings unseen in training {what}"
        return f"{told} ({_within_brackets(metric)})"
    return f"{count} phrasings unseen in training {what} ({share_in_words(metric)})"


def _short(metric: Metric) -> str:
    return count_of(metric) or percent(metric.value)


def _cost_word(best: Best) -> str:
    word = best.damage.word
    return "Cost not fully measured" if word == "not measured" else word.capitalize()


def _cost_in_words(best: Best) -> str:
    metrics = best.configuration.metrics
    near, far = metrics.get(NEAR_INTRUSION), metrics.get(FAR_INTRUSION)
    rings = [f"{_part(near)} related{_by_group(metrics)}"] if near else []
    rings += [f"{_part(far)} unrelated"] if far else []
    one = len(best.configuration.facts) == 1
    value = "the injected value" if one else "an injected value"
    parts = [f"{value} intrudes into {joined(rings)} answers"] if rings else []
    rise = metrics.get(RISE)
    if rise:
        moved = "rises" if rise.value > 0 else "falls"
        parts.append(
            f"its log-probability on unrelated questions {moved} by {abs(rise.value):.1f} nats "
            "against that of wrong answers"
        )
    return f"{', and '.join(parts)}; {_kept(best)}" if parts else _kept(best)


def _by_group(metrics: dict[str, Metric]) -> str:
    """` (same subject 31 of 49, …)`, of near controls whose group is known."""
    told = [
        f"{group.replace('_', ' ')} {_part(metric)}"
        for group in NEAR_GROUPS
        if (metric := metrics.get(f"intrusion/{group}"))
    ]
    return f" ({', '.join(told)})" if told else ""


def _kept(best: Best) -> str:
    kept = best.configuration.metrics.get(FAR_RETENTION)
    if kept is None:
        why = best.configuration.not_measured.get(FAR_RETENTION) or why_empty(FAR_RETENTION)
        return f"whether unrelated answers are kept is not known, since {why}"
    return (
        f"{_part(kept)} unrelated answers known before are still right ({_within_brackets(kept)})"
    )


def _within_brackets(metric: Metric) -> str:
    """The share and its interval, or the interval alone where the share stands just before it."""
    interval = share_interval(metric)
    if count_of(metric) is None and interval:
        return f"interval {interval}"
    return share_in_words(metric)


def _part(metric: Metric) -> str:
    """`46 of 48`, or `95.8 % of 48` where the mean over seeds is no whole count."""
    return count_of(metric) or f"{percent(metric.value)} of {metric.n}"


def _learned_several(best: Best, result: RunResult) -> str:
    found, which = measured(result), best.configuration
    span = _span(found, HELD_OUT)
    scope = f", {_scope(which)}," if _scope(which) else ""
    told = _recall_in_words(best, result)
    rest = f"{_specificity(best)}; over all of them recall is {span}"
    if best.learned != "learned":
        most = percent(LEARNED_AT)
        reached = f"{best.reached} of {len(found)}" if best.reached else f"none of {len(found)}"
        chosen = ", the one chosen," if best.chosen else scope
        return (
            f"{best.learned.capitalize()}: {reached} configurations reached {most} held-out "
            f"recall; {which.id}{chosen} answers {told}{rest}."
        )
    why = "the one chosen" if best.chosen else "the least damaged of those"
    return (
        f"Learned by {best.reached} of {plural(len(found), 'configuration')}: {which.id} "
        f"({which.adapter}), {why}{scope or ','} answers {told}{rest}."
    )


def _cost_several(best: Best, found: list[Configuration]) -> str:
    kept, near = _span(found, FAR_RETENTION), _span(found, NEAR_INTRUSION)
    return (
        f"{_cost_word(best)}: in {best.configuration.id} {_cost_in_words(best)}; over "
        f"all configurations far retention is {kept} and near intrusion {near}."
    )


def _span(configurations: list[Configuration], name: str) -> str:
    values = [c.metrics[name].value for c in configurations if name in c.metrics]
    if not values:
        return "(not measured)"
    low, high = percent(min(values)), percent(max(values))
    return low if low == high else f"{low} to {high}"
