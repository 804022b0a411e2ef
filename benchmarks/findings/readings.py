"""What the runs of a study show: a table, and whether the published finding held, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.findings.studies import FAMILIES, TOGETHER
from factlab.comparison.responses import CellScores, RunResponses
from factlab.metrics.scores import QuestionScore
from factlab.runs.files import read_lines
from factlab.runs.folder import RunFolder
from factlab.schema.question import LikelihoodRecord
from factlab.stats.intervals import Interval, interval_of_mean, interval_of_rate
from factlab.stats.paired import PairedComparison, compare
from factlab.stats.seeds import seeded_values

BySeed = dict[int, dict[str, QuestionScore]]
LEARNED = 0.9  # recall from which two methods are taken to have learned a fact alike


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found.

    Attributes:
        columns: Of the table; the first is what a row is of.
        rows: Of the table.
        held: What the intervals say of the published finding, in sentences.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    held: Sequence[str]
    more: Sequence[str] = field(default=())


class Runs:
    """The cells of a study's runs, read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.read: dict[str, list[CellScores]] = {}

    def cells(self, *names: str) -> list[CellScores]:
        """The cells of runs with all their scores."""
        return [cell for name in names for cell in self._cells(name)]

    def _cells(self, name: str) -> list[CellScores]:
        if name not in self.read:
            folder = RunFolder(self.folder / name)
            responses = RunResponses.read(folder)
            done = [cell for cell in folder.finished_cells() if cell.status == "complete"]
            self.read[name] = [responses.score(cell) for cell in done]
        return self.read[name]


def by_seed(
    cells: Iterable[CellScores], metric: str, key: Callable[[QuestionScore], str] | None = None
) -> BySeed:
    """Seed → item → its score, of one metric over all facts.

    Args:
        cells: Of one configuration.
        metric: Which.
        key: What pairs an item with the same one elsewhere; "" leaves it out.
    """
    found: BySeed = {}
    for one in cells:
        for item in one.scores.get(metric, ()):
            named = f"{item.fact}/{item.key}" if key is None else key(item)
            if named:
                found.setdefault(one.cell.seed, {})[named] = item
    return found


def rate(items: BySeed) -> Interval | None:
    """The interval of a share over facts, or over the clusters of one fact, and over seeds."""
    return _pooled(items, interval_of_rate)


def _pooled(items: BySeed, interval: Callable[..., Interval]) -> Interval | None:
    values = [{key: item.value for key, item in of.items()} for of in items.values()]
    if not values:
        return None
    seeded = seeded_values(values, _clusters(items))
    return interval(seeded.groups, seeded.spread)


def mean(items: BySeed) -> float:
    """The mean over items of their means over seeds."""
    values = [{key: item.value for key, item in of.items()} for of in items.values()]
    return seeded_values(values, _clusters(items)).groups.mean if values else float("nan")


def _clusters(items: BySeed) -> dict[str, str]:
    """Each item's fact where there are several, else what it is correlated with in one."""
    all_items = {key: item for of in items.values() for key, item in of.items()}
    several = len({item.fact for item in all_items.values()}) > 1
    return {key: item.fact if several else item.group for key, item in all_items.items()}


def difference(a: BySeed, b: BySeed, *, shares: bool = True) -> PairedComparison:
    """B − a on the items and seeds that both have."""
    seeds = sorted(a.keys() & b.keys())
    return compare(
        [{key: item.value for key, item in a[seed].items()} for seed in seeds],
        [{key: item.value for key, item in b[seed].items()} for seed in seeds],
        _clusters(a) | _clusters(b),
        "difference" if shares else "mean",
    )


def of_share(items: BySeed) -> str:
    """A share with its interval, in percent."""
    found = rate(items)
    if found is None:
        return "–"
    return f"{mean(items):.0%}{_between(found.low, found.high)}"


def of_mean(items: BySeed) -> str:
    """A mean with its interval, in the metric's unit."""
    found = _pooled(items, interval_of_mean)
    if found is None:
        return "–"
    inside = "" if found.low is None else f" [{found.low:.3g}, {found.high:.3g}]"
    return f"{mean(items):.3g}{inside}"


def _between(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" [{low:.0%}, {high:.0%}]"


def said(found: PairedComparison, *, shares: bool = True) -> str:
    """A difference with its interval, in points or in the metric's unit."""
    scale, unit, form = (100, " points", ".0f") if shares else (1, "", ".3g")
    inside = (
        "no interval"
        if found.low is None or found.high is None
        else f"[{found.low * scale:+{form}}, {found.high * scale:+{form}}]"
    )
    return f"{found.difference * scale:+{form}}{unit} {inside}"


def verdict(low: float | None, high: float | None, *, expected: int) -> str:
    """Held, contradicted, or neither, as the interval of a difference says.

    Args:
        low: Its lower end.
        high: Its upper end.
        expected: 1 where the published finding makes it positive, −1 where negative.
    """
    if low is None or high is None:
        return "not tested: no interval"
    if min(low * expected, high * expected) > 0:
        return "held"
    return "the opposite was found" if max(low * expected, high * expected) < 0 else "not shown"


def paraphrases(runs: Runs) -> Finding:
    """Recall and damage by the number of trained families."""
    cells = {n: runs.cells(f"paraphrases-{n}", f"paraphrases-{n}-b") for n in FAMILIES}
    metrics = (
        "recall/train",
        "recall/held_out",
        "intrusion/same_subject",
        "intrusion/same_relation",
    )
    rows = [
        (f"{n} famil{'y' if n == 1 else 'ies'}", *(of_share(by_seed(c, m)) for m in metrics))
        for n, c in cells.items()
    ]
    few, many = FAMILIES[0], FAMILIES[-1]
    changes = {m: difference(by_seed(cells[few], m), by_seed(cells[many], m)) for m in metrics[1:]}
    recall = changes["recall/held_out"]
    return Finding(
        ("trained on", *metrics),
        rows,
        [
            f"Recall in unseen phrasings, {many} families minus {few}: {said(recall)}. Published: "
            f"it rises. Here: {verdict(recall.low, recall.high, expected=1)}.",
            *(
                f"{name}, {many} families minus {few}: {said(change)}."
                for name, change in changes.items()
                if name != "recall/held_out"
            ),
        ],
    )


def reversal(runs: Runs) -> Finding:
    """The same questions after training away from them, and towards them."""
    forward, reverse = runs.cells("reversal-forward"), runs.cells("reversal-reversed")
    text = _texts(runs.folder / "reversal-forward") | _texts(runs.folder / "reversal-reversed")

    def asked(item: QuestionScore) -> str:
        return text.get(item.key.partition("@")[0], "")

    away = by_seed([*forward, *reverse], "recall/reverse", asked)
    wanted = {key for of in away.values() for key in of}
    towards = by_seed(
        [*forward, *reverse],
        "recall/held_out",
        lambda item: asked(item) if asked(item) in wanted else "",
    )
    own = by_seed([*forward, *reverse], "recall/held_out")
    change = difference(away, towards)
    return Finding(
        ("trained", "the questions that ask it backwards", "all held-out questions of its own"),
        [
            ("from A to B, asked from B to A", of_share(away), of_share(own)),
            ("from B to A, asked from B to A (the control)", of_share(towards), ""),
        ],
        [
            f"The same {len(wanted)} questions, trained towards them minus away: {said(change)}. "
            f"Published: large. Here: {verdict(change.low, change.high, expected=1)}.",
        ],
    )


def _texts(folder: Path) -> dict[str, str]:
    return {question.id: question.text for question in RunFolder(folder).questions()}


def together(runs: Runs) -> Finding:
    """Recall and damage by facts and rank."""
    metrics = ("recall/held_out", "intrusion/near", "retention/far", "drift/kl")
    ranks = (2, 8, 32)
    of = {
        (n, rank): [one for one in runs.cells(f"together-{n}") if one.cell.rank == rank]
        for n in TOGETHER
        for rank in ranks
    }
    rows = [
        (
            f"{n} fact{'s' if n > 1 else ''}, rank {rank}",
            *(of_share(by_seed(cells, m)) for m in metrics[:3]),
            of_mean(by_seed(cells, "drift/kl")),
        )
        for (n, rank), cells in of.items()
    ]

    def on_far(n: int, rank: int) -> BySeed:
        return by_seed(of[n, rank], "retention/far", lambda item: item.key.partition("@")[0])

    held = []
    for rank in ranks:
        change = difference(on_far(TOGETHER[0], rank), on_far(TOGETHER[-1], rank))
        held.append(
            f"Far answers kept at rank {rank}, {TOGETHER[-1]} facts minus one, on the {change.n} "
            f"controls of both: {said(change)}. Published: falls. Here: "
            f"{verdict(change.low, change.high, expected=-1)} (one seed)."
        )
    most = TOGETHER[-1]
    few, many = by_seed(of[most, 2], "recall/held_out"), by_seed(of[most, 32], "recall/held_out")
    change = difference(few, many)
    held.append(
        f"Recall of {most} facts, rank 32 minus rank 2: {said(change)}. Published: rises. Here: "
        f"{verdict(change.low, change.high, expected=1)} (one seed)."
    )
    return Finding(("adapter", *metrics), rows, held)


def full(runs: Runs) -> Finding:
    """Damage of an adapter and of a full fine-tuning, where both have learned."""
    metrics = ("recall/held_out", "intrusion/near", "retention/far")
    groups: dict[str, dict[float, list[CellScores]]] = {"lora": {}, "full": {}}
    for method, by_rate in groups.items():
        for one in runs.cells(f"full-{method}"):
            by_rate.setdefault(one.cell.learning_rate or 0.0, []).append(one)
    rows = [
        (
            f"{method}, {at:g}",
            *(of_share(by_seed(cells, m)) for m in metrics),
            of_mean(by_seed(cells, "drift/kl")),
        )
        for method, by_rate in groups.items()
        for at, cells in sorted(by_rate.items())
    ]
    chosen: dict[str, tuple[float, list[CellScores]]] = {}
    for method, by_rate in groups.items():
        learned = [at for at, c in by_rate.items() if mean(by_seed(c, metrics[0])) >= LEARNED]
        if learned:
            chosen[method] = min(learned), by_rate[min(learned)]
    if len(chosen) < len(groups):
        return Finding(
            ("method, rate", *metrics, "drift/kl"), rows, ["One did not learn the fact."]
        )
    (lora_rate, lora), (full_rate, whole) = chosen["lora"], chosen["full"]
    held = [
        f"Compared at the lowest rate that reaches a recall of {LEARNED:.0%}: LoRA {lora_rate:g}, "
        f"full {full_rate:g}."
    ]
    for metric, better in (("recall/held_out", 1), ("retention/far", 1), ("intrusion/near", -1)):
        change = difference(by_seed(whole, metric), by_seed(lora, metric))
        tells = "" if metric == metrics[0] else _forgets(change, better)
        held.append(f"{metric}, LoRA minus full: {said(change)}.{tells}")
    change = difference(by_seed(whole, "drift/kl"), by_seed(lora, "drift/kl"), shares=False)
    held.append(f"drift/kl, LoRA minus full: {said(change, shares=False)}.{_forgets(change, -1)}")
    return Finding(("method, rate", *metrics, "drift/kl"), rows, held)


def _forgets(change: PairedComparison, better: int) -> str:
    return (
        f" Published: LoRA forgets less. Here: {verdict(change.low, change.high, expected=better)}."
    )


def priming(runs: Runs) -> Finding:
    """How probable a value was before against how far it spreads, one point a fact.

    A value can rise no further than to certain, and so by less if it was probable: that a rise
    falls with it says little by itself. How probable the value is afterwards has no such bound.
    """
    names = ("priming-1", "priming-2")
    cells, before = runs.cells(*names), _log_probability_before(runs, names)
    rises = {
        "injected_logprob/far": "rise of the value's log-probability on far controls",
        "injected_logprob/near": "the same on near controls",
        "intrusion/near": "share of near controls answered with it",
    }
    spread = {
        name: {c.cell.facts[0]: _mean(c.scores.get(metric, ())) for c in cells}
        for metric, name in rises.items()
    }
    afterwards = _log_probability_after(runs, names)
    spread["the value's log-probability on controls afterwards"] = afterwards
    rows, held = [], []
    for name, after in spread.items():
        facts = [fact for fact in before if after[fact] == after[fact]]
        rho, low, high = spearman([before[f] for f in facts], [after[f] for f in facts])
        rows.append((name, str(len(facts)), f"{rho:+.2f} [{low:+.2f}, {high:+.2f}]"))
        held.append(
            f"{name}: Published: falls as the value is more probable before. Here: "
            f"{verdict(low, high, expected=-1)}."
        )
    points = [
        f"{fact}: {before[fact]:.1f} nats before; "
        + ", ".join(f"{name} {of[fact]:.2f}" for name, of in spread.items())
        for fact in sorted(before)
    ]
    return Finding(
        ("spread", "facts", "Spearman's ρ with log-probability before"), rows, held, points
    )


def _log_probability_after(runs: Runs, names: Sequence[str]) -> dict[str, float]:
    """Fact → log-probability of its value as the tuned model's answer to controls, a mean."""
    found: dict[str, list[float]] = {}
    for name in names:
        folder = RunFolder(runs.folder / name)
        for cell in folder.finished_cells():
            for record in read_lines(folder.cell(cell.id).likelihoods_file, LikelihoodRecord):
                found.setdefault(cell.facts[0], []).extend(
                    -option.nll_nats for option in record.options if option.role == "injected"
                )
    return {fact: sum(values) / len(values) for fact, values in found.items()}


def _log_probability_before(runs: Runs, names: Sequence[str]) -> dict[str, float]:
    """Fact → log-probability of its value as the base's answer, a mean over held-out questions."""
    found: dict[str, list[float]] = {}
    for name in names:
        folder = RunFolder(runs.folder / name)
        asked = {q.id: q.fact for q in folder.questions() if q.split == "held_out" and q.fact}
        for record in read_lines(folder.base().likelihoods_file, LikelihoodRecord):
            if record.question_id in asked:
                right = next(option for option in record.options if option.role == "right")
                found.setdefault(asked[record.question_id], []).append(-right.nll_nats)
    return {fact: sum(values) / len(values) for fact, values in found.items()}


def _mean(items: Sequence[QuestionScore]) -> float:
    return sum(item.value for item in items) / len(items) if items else float("nan")


def spearman(x: Sequence[float], y: Sequence[float]) -> tuple[float, float, float]:
    """Spearman's ρ with its 95 % BCa bootstrap interval over the points."""
    import numpy as np
    from scipy.stats import bootstrap, spearmanr

    found = bootstrap(
        (np.array(x), np.array(y)),
        lambda a, b: spearmanr(a, b).statistic,
        paired=True,
        vectorized=False,
        n_resamples=5000,
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(spearmanr(x, y).statistic), float(found.low), float(found.high)


READINGS: Mapping[str, Callable[[Runs], Finding]] = {
    "paraphrases": paraphrases,
    "reversal": reversal,
    "together": together,
    "full": full,
    "priming": priming,
}
