"""What a colleague reads first: verdict, recall beside damage, what was trained, and its limits.

Every number here is a figure of `results.json`. All else on the page is folded behind it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from factlab.comparison.damage import (
    FAR_INTRUSION,
    FAR_RETENTION,
    HELD_OUT,
    NEAR_INTRUSION,
    beyond,
    damage_of,
)
from factlab.comparison.wording import phrase
from factlab.metrics.catalogue import PRACTICE_LOSS
from factlab.report.design_limits import limits_of_design
from factlab.report.load import ReportData
from factlab.report.sections import metrics, practice, side_by_side
from factlab.report.sections.metrics import KeyFigure
from factlab.report.table import Entry, Table, columns, entries
from factlab.report.verdict import Best, Tone, best_of, sentences, tone, worst
from factlab.report.wording import integer, joined, percent, plural, seconds, share_interval
from factlab.schema.results import CellResult, Configuration, Metric

_LEARNED = {
    "learned": "Asked in phrasings that were not trained, the model answers with {}.",
    "partly learned": "Asked in phrasings that were not trained, the model answers with {} in a "
    "part of them only.",
    "not learned": "Asked in phrasings that were not trained, the model seldom answers with {}.",
    "loss fell": "The loss on conversations that were held out fell. No fact was trained.",
    "loss did not fall": "The loss on conversations that were held out did not fall. No fact was "
    "trained.",
    "not measured": "The model completes probes of a passage. A passage has no held-out phrasings, "
    "so no verdict is given.",
}
# What the table of configurations shows, as far as it was measured.
_TITLES = {
    HELD_OUT: "Held-out recall",
    "recall/gen": "Probes in other words",
    PRACTICE_LOSS: "Loss",
    FAR_RETENTION: "Far retention",
    NEAR_INTRUSION: "Near intrusion",
    FAR_INTRUSION: "Far intrusion",
}
_MOST_WITH_INTERVALS = 4


@dataclass(frozen=True, slots=True)
class Line:
    """A word of the verdict and the sentence that it stands for."""

    word: str
    tone: Tone
    sentence: str


@dataclass(frozen=True, slots=True)
class FirstScreen:
    """What stands above everything that is folded.

    Attributes:
        tone: The most alarming of the words.
        lines: Whether it was learned, and what it cost.
        hero: The one figure that is larger than the others.
        others: The figures beside it.
        choice: Which configuration to take and why, where the run compared some.
        table: The configurations, where there are several.
        about: What was trained, on which model.
        limits: What the run does not show.
    """

    tone: Tone
    lines: tuple[Line, ...]
    hero: KeyFigure | None
    others: tuple[KeyFigure, ...]
    choice: str
    table: Table | None
    about: tuple[tuple[str, str], ...]
    limits: tuple[str, ...]


def first_screen(run: ReportData) -> FirstScreen:
    """The first screen of a run, whole or half-finished."""
    best = best_of(run.result)
    if best is None:
        return FirstScreen(
            tone="warn",
            lines=tuple(Line("", "warn", sentence) for sentence in sentences(run.result)),
            hero=None,
            others=(),
            choice=_choice(run),
            table=None,
            about=_of_model(run, None),
            limits=(),
        )
    figures = _figures(run, best)
    words = (best.learned, best.damage.word)
    return FirstScreen(
        tone=worst(map(tone, words)),
        lines=(_learned_line(run, best), _cost_line(best)),
        hero=figures[0] if figures else None,
        others=tuple(figures[1:]),
        choice=_choice(run),
        table=_configurations(run, best) if best.measured > 1 else None,
        about=(("Trained", _trained(run, best.configuration)), *_of_model(run, best)),
        limits=(*_could_be(best), *limits_of_design(run)),
    )


def _figures(run: ReportData, best: Best) -> list[KeyFigure]:
    of = practice.key_figures if run.is_practice else metrics.key_figures
    return of(best.configuration, run.result.base_at(best.configuration.precision))


# --- the verdict -------------------------------------------------------------------------------


def _learned_line(run: ReportData, best: Best) -> Line:
    facts = [fact for fact in run.result.facts if fact.id in best.configuration.facts]
    value = facts[0].answer if len(facts) == 1 else "the injected values"
    word = "probed" if best.learned == "not measured" else best.learned
    sentence = _LEARNED[best.learned].format(value)
    return Line(word, tone(best.learned), f"{sentence}{_of_several(best)}")


def _of_several(best: Best) -> str:
    """Whose figures they are, where several configurations were measured."""
    if best.measured == 1:
        return ""
    which = best.configuration
    if best.chosen:
        why = "the one chosen"
    elif best.learned == "learned":
        why = "the least damaged of those that learned"
    else:
        why = "the one with the best figure"
    told = f" This is {which.id} ({which.adapter}), {why}"
    if HELD_OUT not in which.metrics:
        return f"{told} of {best.measured}."
    return f"{told}; {best.reached or 'none'} of {plural(best.measured, 'configuration')} learned."


def _cost_line(best: Best) -> Line:
    word, metrics_ = best.damage.word, best.configuration.metrics
    shown = f"cost {word}" if word == "not measured" else word
    if word == "clean":
        kept = "Other answers are kept" if FAR_RETENTION in metrics_ else "No damage was found"
        return Line(shown, tone(word), f"{kept}, within the limits.")
    if word == "not measured":
        known = FAR_RETENTION in metrics_
        told = "Unrelated answers are kept; whether a value intrudes was not measured."
        lost = "Whether other answers are kept is not known."
        return Line(shown, tone(word), told if known else lost)
    told = joined(_reasons(metrics_, [limit.metric for limit in beyond(metrics_, word)]))
    return Line(shown, tone(word), f"{told[:1].upper()}{told[1:]}.")


def _reasons(metrics_: dict[str, Metric], broken: list[str]) -> list[str]:
    """The limits that earn a word, as what happened: `most related answers name the value`."""
    lost: dict[str, list[str]] = {}
    named: dict[str, list[str]] = {}
    others = []
    for name in broken:
        kind, _, ring = name.partition("/")
        value = metrics_[name].value
        related = "related" if ring == "near" else "unrelated"
        if kind == "retention":
            lost.setdefault("most" if value < 0.5 else "some", []).append(related)
        elif kind == "intrusion":
            named.setdefault("most" if value > 0.5 else "some", []).append(related)
        else:
            others.append(f"the {phrase(name)} is beyond its limit")
    found = []
    for rings, what in ((lost, "that the base knew are lost"), (named, "name an injected value")):
        if rings:
            told = joined([f"{much} {joined(ones)}" for much, ones in rings.items()])
            found.append(f"{told} answers {what}")
    return found or others


def _could_be(best: Best) -> list[str]:
    """What the intervals do not exclude, and whether the choice makes the figures optimistic."""
    found = []
    if best.could_be:
        found.append(f"The interval of recall does not exclude “{best.could_be}”.")
    if best.damage.could_be:
        found.append(f"The intervals of damage do not exclude “{best.damage.could_be}”.")
    if best.measured > 1:
        found.append(
            f"{best.configuration.id} was picked by the questions that it is reported on, so its "
            "figures are slightly optimistic."
        )
    return found


def _choice(run: ReportData) -> str:
    """The first sentence on the choice; the others are behind it."""
    choice = run.result.choice
    return re.split(r"(?<=\.) (?=[A-Z])", choice.sentence)[0] if choice else ""


# --- several configurations --------------------------------------------------------------------


def _configurations(run: ReportData, best: Best) -> Table:
    """Recall beside damage, a row each; of many those that the choice speaks of."""
    shown = side_by_side.shown_of(run, best.configuration.id)
    names = [name for name in _TITLES if any(name in c.metrics for c in shown)]
    whole = len(shown) <= _MOST_WITH_INTERVALS
    rows = [
        entries(
            Entry(c.id, quiet="above" if c.id == best.configuration.id else ""),
            *[_share(name, c.metrics.get(name), whole=whole) for name in names],
            Entry(damage_of(c.metrics).word, tone=tone(damage_of(c.metrics).word)),
        )
        for c in shown
    ]
    heads = columns("Configuration", *(_TITLES[name] for name in names), "Cost")
    left = len(run.configurations) - len(shown)
    more = f"{integer(left)} more are in “Recall against damage”." if left else ""
    caption = f"Configurations{'; in brackets 95 % intervals' if whole else ''}"
    return Table(caption, heads, tuple(rows), more)


def _share(name: str, metric: Metric | None, *, whole: bool) -> Entry:
    if metric is None:
        return Entry("not measured")
    if name == PRACTICE_LOSS:
        return Entry(f"{metric.value:.2f} nats", key=metric.value)
    interval = share_interval(metric) if whole else None
    return Entry(percent(metric.value), key=metric.value, quiet=f"[{interval}]" if interval else "")


# --- what was trained, on what -----------------------------------------------------------------


def _trained(run: ReportData, c: Configuration) -> str:
    cells = run.cells_of(c)
    if c.combined is not None:
        return f"{_upper(c.combined.sentence())}; of adapters that were trained apart"
    if c.tuned is not None:
        return f"{_upper(c.tuned.sentence())}; measured on {c.precision} weights"
    method = f"LoRA of {c.adapter}" if c.rank else _upper(c.adapter)
    rate = "" if c.learning_rate is None else f", learning rate {c.learning_rate:g}"
    mixed = f"; mixed in: {joined(c.mix)}" if c.mix else ""
    return (
        f"{method}, on {c.precision} weights; recipe {c.recipe}{rate}; {_on_what(run, c)}"
        f"{_work(cells)}{mixed}"
    )


def _on_what(run: ReportData, c: Configuration) -> str:
    """`12 adapters, one fact each`, or the set that was practised on."""
    of = plural(len(c.cells), "adapter") if c.rank else plural(len(c.cells), "model")
    if run.is_practice:
        sets = [fact.answer for fact in run.result.facts if fact.id in c.facts]
        return f"{of}, on conversations of {joined(sets)}"
    each = len(c.facts) if c.together else 1
    what = plural(each, "fact" if HELD_OUT in c.metrics else "source")
    seeds = f", {plural(len(c.seeds), 'seed')}" if len(c.seeds) > 1 else ""
    return f"{of}, {what}{' each' if len(c.cells) > 1 else ''}{seeds}"


def _work(cells: list[CellResult]) -> str:
    """Steps, pairs and seconds: of one adapter, or the range over several."""
    took = [cell.training for cell in cells if cell.training]
    if not took:
        return ""
    steps = _span([one.steps for one in took])
    pairs = _span([one.examples for one in took])
    first, last = min(one.seconds for one in took), max(one.seconds for one in took)
    time = seconds(last)
    if seconds(first) != time:
        time = f"{seconds(first)} to {time}"
    each = " each" if len(took) > 1 else ""
    return f"; {steps} steps over {pairs} pairs, {time}{each}"


def _span(values: list[int]) -> str:
    low, high = integer(min(values)), integer(max(values))
    return low if low == high else f"{low} to {high}"


def _of_model(run: ReportData, best: Best | None) -> tuple[tuple[str, str], ...]:
    precision = best.configuration.precision if best else ""
    model = run.result.model_at(precision)
    size = f", {integer(model.parameters)} parameters" if model.parameters else ""
    return (("Model", f"{model.name}{size}, on {model.device}"),)


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
