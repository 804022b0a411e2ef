"""Spill-over into controls, by their distance from the fact and by their group."""

from __future__ import annotations

from factlab.report.drawing import FigureGroup, figure, heat_map
from factlab.report.load import ReportData, labels
from factlab.report.sections.families import Tally, rate_entry, tally
from factlab.report.table import Table, capped, columns, entries
from factlab.report.wording import plural
from factlab.schema.question import AnswerRecord, Question
from factlab.schema.splits import INTRUSION_SPLITS, Split

# From near to far; a group of near controls that is not named here follows these.
KINDS = {
    "same_subject": "same subject, other attribute",
    "same_event": "same event or place",
    "same_relation": "other subject, same attribute",
    "own": "the fact's own neighbours",
}
_MOST_COLUMNS, _MOST_GROUPS = 16, 60


def figure_group(run: ReportData) -> FigureGroup:
    """Heat map of intrusion by distance and configuration; a table by group behind it."""
    if not any(name.startswith("intrusion/") for c in run.configurations for name in c.metrics):
        return FigureGroup()
    kinds = {
        c.id: tally(run, c, *INTRUSION_SPLITS, by=kind_of, hit=has_intrusion)
        for c in run.configurations
    }
    order = _in_order({str(kind) for found in kinds.values() for kind in found})
    if not order:
        return FigureGroup()
    named = labels(run.configurations)
    heads = list(named.values())[:_MOST_COLUMNS]
    shares = {
        (kind, named[id_]): sum(hits) / len(hits)
        for id_, found in kinds.items()
        for kind in order
        if (hits := found.get(kind)) and named[id_] in heads
    }
    drawn = (
        []
        if len(heads) < 2
        else [
            figure(
                "Answers that name an injected value, by distance from the fact",
                heat_map(order, heads, shares),
                f"Heat map of intrusion, {len(order)} kinds of controls by configuration.",
                key="n0",
                wide=True,
            )
        ]
    )
    groups = {
        c.id: tally(run, c, *INTRUSION_SPLITS, by=_group_of, hit=has_intrusion)
        for c in run.configurations
    }
    tables = (
        _table("Intrusion by distance", order, kinds, named),
        _groups(groups, named),
    )
    caveat = (
        "Answers of all facts and seeds of a configuration together; only values that the "
        "adapter was trained on count."
    )
    names = ("intrusion/near", "intrusion/far", "intrusion/unanswerable")
    return FigureGroup(tuple(drawn), tables, names, caveat)


def has_intrusion(answer: AnswerRecord, facts: tuple[str, ...]) -> bool:
    """Whether an answer names a value that its adapter was trained on."""
    return bool(set(answer.intrusions) & set(facts))


def kind_of(question: Question) -> str:
    """How far a control is from its fact, in words."""
    if question.split == "near":
        known = KINDS.get(question.family, question.family.replace("_", " "))
        return f"near: {known}"
    if question.split == "extra":
        return f"suite: {question.family}"
    return question.split


def _group_of(question: Question) -> str:
    return f"{question.split}: {question.family.replace('_', ' ')}"


def _in_order(kinds: set[str]) -> list[str]:
    known = [f"near: {words}" for words in KINDS.values()]
    near = sorted(kind for kind in kinds if kind.startswith("near: ") and kind not in known)
    suites = sorted(kind for kind in kinds if kind.startswith("suite: "))
    order = [*known, *near, "far", *suites, "unanswerable"]
    return [kind for kind in order if kind in kinds]


def _groups_in_order(groups: dict[str, Tally]) -> list[str]:
    found = {str(group) for one in groups.values() for group in one}
    return sorted(found, key=lambda group: (INTRUSION_SPLITS.index(_split(group)), group))


def _split(group: str) -> Split:
    return next(split for split in INTRUSION_SPLITS if group.startswith(f"{split}: "))


def _groups(groups: dict[str, Tally], named: dict[str, str]) -> Table:
    """The groups in which a value was named; the others are counted."""
    order = _groups_in_order(groups)
    hit = [group for group in order if any(any(one.get(group, ())) for one in groups.values())]
    none = len(order) - len(hit)
    more = f"No answer names one in {plural(none, 'other group')}." if none else ""
    return _table("Intrusion by control group", hit, groups, named, more)


def _table(
    caption: str,
    order: list[str],
    tallies: dict[str, Tally],
    named: dict[str, str],
    more: str = "",
) -> Table:
    rows, left_out = capped(
        [entries(kind, *[rate_entry(tallies[id_].get(kind)) for id_ in named]) for kind in order],
        _MOST_GROUPS,
        "they follow from data/ and cells/*/answers.jsonl.",
    )
    left_out = " ".join(filter(None, (left_out, more)))
    return Table(
        caption, columns("Controls", *[f"#{name}" for name in named.values()]), rows, left_out
    )
