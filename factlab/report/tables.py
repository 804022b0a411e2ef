"""The page's tables of numbers, as plain rows that the template only has to print."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from factlab.report.definitions import OUTCOMES, Better, definition_of, in_page_order
from factlab.report.load import SPLITS
from factlab.report.verdict import (
    FAR_INTRUSION,
    FAR_RETENTION,
    HELD_OUT,
    LIMITS,
    NEAR_INTRUSION,
    Tone,
    damage_of,
    learned_word,
    tone,
)
from factlab.report.wording import (
    NONE,
    count_of,
    in_unit,
    integer,
    interval_in_unit,
    percent,
)
from factlab.schema.results import BaseResult, CellResult, Metric, RunResult

RINGS = {
    "held_out": "held-out",
    "train": "training",
    "near": "near",
    "far": "far",
}


@dataclass(frozen=True, slots=True)
class Tile:
    """One big number with what it was before training."""

    title: str
    value: str
    detail: str
    before: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric of one cell, beside the base."""

    group: str
    title: str
    name: str
    better: Better
    before: str
    after: str
    n: str
    interval: str
    method: str
    note: str
    missing: bool


@dataclass(frozen=True, slots=True)
class MetricTable:
    """All metrics of one cell, and what its intervals cover, by the letter of the footnote."""

    cell: CellResult
    groups: tuple[tuple[str, tuple[MetricRow, ...]], ...]
    notes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """How the answers of one split were graded, before or after."""

    split: str
    who: str
    counts: tuple[int, ...]
    total: int


def tiles(cell: CellResult, base: BaseResult) -> list[Tile]:
    """The four numbers that decide: held-out recall, far retention, near and far intrusion."""
    return [
        _tile("Held-out recall", HELD_OUT, cell, base),
        _tile("Far retention", FAR_RETENTION, cell, base),
        _tile("Near intrusion", NEAR_INTRUSION, cell, base),
        _tile("Far intrusion", FAR_INTRUSION, cell, base),
    ]


def _tile(title: str, name: str, cell: CellResult, base: BaseResult) -> Tile:
    metric, before = cell.metrics.get(name), base.metrics.get(name)
    if name == FAR_RETENTION:
        was = f"of {integer(metric.n)} known to the base" if metric else ""
    else:
        was = f"base {_short(before)}" if before else "base not recorded"
    if metric is None:
        reason = cell.not_measured.get(name, "no reason recorded")
        return Tile(title, NONE, f"not measured: {reason}", was, "warn")
    count = count_of(metric)
    interval = interval_in_unit(metric, "share")
    detail = (f"{count}, " if count else f"n {integer(metric.n)}, ") + (
        "no interval" if interval == NONE else f"interval {interval}"
    )
    return Tile(title, percent(metric.value), detail, was, _tone_of(name, metric, cell))


def _short(metric: Metric) -> str:
    count = count_of(metric)
    return f"{percent(metric.value)} ({count})" if count else percent(metric.value)


def _tone_of(name: str, metric: Metric, cell: CellResult) -> Tone:
    if name == HELD_OUT:
        return tone(learned_word(cell))
    limit = next(limit for limit in LIMITS if limit.metric == name)
    return tone(limit.word(metric.value))


def metric_table(cell: CellResult, base: BaseResult) -> MetricTable:
    """Every metric measured on a cell or on the base, and those that were not, with the reason."""
    names = set(cell.metrics) | set(cell.not_measured) | set(base.metrics)
    letters: dict[str, str] = {}
    rows = [_metric_row(name, cell, base, letters) for name in in_page_order(names)]
    groups = groupby(rows, key=lambda row: row.group)
    return MetricTable(
        cell=cell,
        groups=tuple((group, tuple(members)) for group, members in groups),
        notes=tuple((letter, text) for text, letter in letters.items()),
    )


def _metric_row(
    name: str, cell: CellResult, base: BaseResult, letters: dict[str, str]
) -> MetricRow:
    known = definition_of(name)
    before, after = base.metrics.get(name), cell.metrics.get(name)
    missing = f"not measured: {cell.not_measured.get(name, 'no reason recorded')}"
    if before and name not in cell.not_measured:
        missing = "a property of the base"
    note = ""
    if after:
        # a, b, … z, then aa: a run has a handful, but nothing should break beyond that.
        place = len(letters)
        fresh = chr(97 + place % 26) * (1 + place // 26)
        note = letters.setdefault(after.covers, fresh)
    return MetricRow(
        group=known.group,
        title=known.title,
        name=name,
        better=known.better,
        before=_valued(before, known.unit) if before else NONE,
        after=_valued(after, known.unit) if after else missing,
        n=integer(after.n) if after else NONE,
        interval=interval_in_unit(after, known.unit) if after else NONE,
        method=(after.ci_method or "none") if after else NONE,
        note=note,
        missing=after is None,
    )


def _valued(metric: Metric, unit: str) -> str:
    count = count_of(metric) if unit == "share" else None
    shown = in_unit(metric.value, unit)
    return f"{count.replace(' of ', '/')}, {shown}" if count else shown


@dataclass(frozen=True, slots=True)
class CellRow:
    """One line of the comparison of cells."""

    cell: CellResult
    recall: tuple[str, str]
    retention: tuple[str, str]
    near: tuple[str, str]
    far: tuple[str, str]
    word: str
    could_be: str | None
    tone: Tone
    learned: str


def cell_rows(result: RunResult) -> list[CellRow]:
    """The cells side by side; also the data of the charts."""
    return [
        CellRow(
            cell=cell,
            recall=_brief(cell.metrics.get(HELD_OUT)),
            retention=_brief(cell.metrics.get(FAR_RETENTION)),
            near=_brief(cell.metrics.get(NEAR_INTRUSION)),
            far=_brief(cell.metrics.get(FAR_INTRUSION)),
            word=damage.word,
            could_be=damage.could_be,
            tone=tone(damage.word),
            learned=learned_word(cell),
        )
        for cell in result.cells
        for damage in [damage_of(cell.metrics)]
    ]


def _brief(metric: Metric | None) -> tuple[str, str]:
    if metric is None:
        return "not measured", ""
    interval = interval_in_unit(metric, "share")
    return _valued(metric, "share"), "" if interval == NONE else f"[{interval}]"


def outcome_rows(cell: CellResult, base: BaseResult) -> tuple[list[str], list[OutcomeRow]]:
    """The outcomes that occur, in a fixed order, and the counts per split before and after."""
    known = [name for name, _ in OUTCOMES]
    used = {
        name
        for part in (base.outcomes, cell.outcomes)
        for counts in part.values()
        for name in counts
    }
    columns = known + sorted(used - set(known))
    found = []
    for split in (*SPLITS, *sorted(set(cell.outcomes) - set(SPLITS))):
        for who, part in (("base", base.outcomes), (cell.id, cell.outcomes)):
            if split in part:
                counts = tuple(part[split].get(name, 0) for name in columns)
                found.append(OutcomeRow(split_label(split), who, counts, sum(counts)))
    return columns, found


def metric_phrase(name: str) -> str:
    """A metric in running text: `retention/far` is far retention."""
    return " ".join(reversed(definition_of(name).title.lower().split(", ")))


def split_label(split: str) -> str:
    """A split as people say it."""
    return RINGS.get(split, split)
