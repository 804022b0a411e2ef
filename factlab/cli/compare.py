"""`factlab compare`: configurations side by side, which one to choose, and gates for a build."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING, Annotated

import typer

from factlab.cli.gates import BOUNDS_HELP, exit_if_failed
from factlab.cli.options import run_argument
from factlab.cli.output import Cell, measured, paragraph, say, say_csv, say_json, table
from factlab.display.spreadsheet import Field
from factlab.errors import ConfigError

if TYPE_CHECKING:
    from factlab.comparison import RunComparison
    from factlab.schema.results import Comparison, Configuration, Metric

FIGURES = ("value", "ci_low", "ci_high", "n", "clusters", "covers", "scorer")  # of a CSV row
SHOWN_PAIRS = 10  # a terminal's worth for each endpoint; --json has all
PRACTICE = {
    ("loss", "nats/token"): "nll/practice",
    ("token", "accuracy"): "token_accuracy/practice",
    ("retention", "far"): "retention/far",
    ("drift", "KL"): "drift/kl",
}
PRACTICE_LEGEND = (
    "Loss and token accuracy: of held-out conversations. Retention, in percent: of the controls "
    "the base knew, those still right. With 95 % intervals where there are any."
)
LEGEND = (
    "All in percent. Recall: of held-out phrasings, with its 95 % interval. Retention: of the "
    "controls the base knew, those still right. Intrusion: controls answered with the injected "
    "value; low is good. front: no other is better in recall or damage and as good in the other."
)
PAIRS_LEGEND = (
    "Differences in points (of margins in nats), second minus first, on the same questions and "
    "seeds, with 95 % intervals; p is that of the interval. Holm: p adjusted for the pairs of a "
    "metric. finds: the true difference that such a design finds with power 0.8, somewhere in this "
    "range. not 5 worse: the interval excludes that the second is worse by so much. descriptive: "
    "nothing is said of other seeds or questions, and an interval is about the seeds at hand alone."
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: factlab compare reports/mount_fuji-1a2b3c4d --fail-if 'retention/far<0.9'"
    )(compare)


def compare(
    runs: Annotated[list[Path], run_argument("Run folders.", "RUN...")],
    fail_if: Annotated[
        list[str] | None,
        typer.Option(
            metavar="EXPR",
            help="Exit with 1 if a configuration fails: 'recall/held_out<0.9', "
            f"'intrusion/near>0.05', 'recall/held_out<against-0.02'. {BOUNDS_HELP}",
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="The run that 'against' in --fail-if stands for."),
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on stdout.")
    ] = False,
    csv: Annotated[
        bool, typer.Option("--csv", help="Print each metric of each configuration as a CSV row.")
    ] = False,
) -> None:
    """Compare the configurations of runs over the same questions, and say which to choose."""
    from factlab.comparison.gates import compare_with_gates

    if json_ and csv:
        raise ConfigError("--json and --csv both write to stdout. Remove one of them.")
    found, failed = compare_with_gates(runs, fail_if or (), against)
    if json_:
        gates = [gate.model_dump(mode="json") for gate in failed]
        say_json({**found.model_dump(mode="json"), "failed_gates": gates})
    elif csv:
        say_csv(_csv_rows(found.configurations))
    else:
        _show(found)
    exit_if_failed(failed, fail_if or ())


def _csv_rows(configurations: Sequence[Configuration]) -> Iterator[Sequence[Field]]:
    yield "configuration", "recipe", "rank", "learning rate", "metric", *FIGURES
    for one in configurations:
        for name, metric in one.metrics.items():
            setting = (one.id, one.recipe, one.rank, one.learning_rate)
            yield *setting, name, *(getattr(metric, figure) for figure in FIGURES)


def _show(found: RunComparison) -> None:
    letters = _letters(found)
    say()
    if found.choice is not None:
        paragraph(_short(found.choice.sentence, letters))
        say()
        paragraph(_short(found.choice.matched_sentence, letters))
    else:
        paragraph("There is one configuration, so there is nothing to choose.")
    for run, letter in letters.items():
        paragraph(f"{letter} is {run}.")
    _show_configurations(found, letters)
    practised = any("nll/practice" in c.metrics for c in found.configurations)
    paragraph(PRACTICE_LEGEND if practised else LEGEND)
    for line in (*_differing(found), *found.notes):
        paragraph(_short(line, letters))
    if found.comparisons:
        _show_pairs(found, letters)


def _letters(found: RunComparison) -> dict[str, str]:
    """A letter for each run that stands before a configuration's id, since tables are narrow."""
    runs = dict.fromkeys(c.id.rpartition("/")[0] for c in found.configurations if "/" in c.id)
    return dict(zip(runs, ascii_uppercase, strict=False))


def _short(text: str, letters: dict[str, str]) -> str:
    for run in sorted(letters, key=len, reverse=True):
        text = text.replace(f"{run}/", f"{letters[run]}/")
    return text


# --- configurations ---------------------------------------------------------------------------


def _show_configurations(found: RunComparison, letters: dict[str, str]) -> None:
    front = found.choice.pareto if found.choice is not None else ()
    columns = _columns(found.configurations)
    header = (
        "",
        ("rank", "(scale)"),
        ("learning", "rate"),
        ("facts ×", "seeds"),
        *columns,
        "front",
    )
    rows = [
        [_short(c.id, letters), *_row(c), *_figures(c, columns), "*" if c.id in front else ""]
        for c in found.configurations
    ]
    table(header, rows)


def _columns(configurations: Sequence[Configuration]) -> dict[Cell, tuple[str, ...]]:
    """Heading → metrics: of facts, of the probes of passages, or of practice."""
    from factlab.metrics.catalogue import PROBE_METRICS

    names = {name for c in configurations for name in c.metrics}
    if "nll/practice" in names:
        return {heading: (name,) for heading, name in PRACTICE.items()}
    probes: dict[Cell, tuple[str, ...]] = {
        ("probes", name.partition("/")[2]): (name,) for name in PROBE_METRICS if name in names
    }
    retention: dict[Cell, tuple[str, ...]] = {
        ("retention", "far / near"): ("retention/far", "retention/near")
    }
    if probes:
        return {**probes, **retention}
    return {
        "recall": ("recall/held_out",),
        **retention,
        ("intrusion", "near / far"): ("intrusion/near", "intrusion/far"),
    }


def _row(configuration: Configuration) -> list[str]:
    return [
        f"{configuration.rank} ({configuration.scaling:g})" if configuration.rank else "all",
        "-" if configuration.learning_rate is None else f"{configuration.learning_rate:g}",
        f"{len(configuration.facts)} × {len(configuration.seeds)}",
    ]


def _figures(
    configuration: Configuration, columns: Mapping[Cell, tuple[str, ...]]
) -> Iterator[str]:
    from factlab.metrics.catalogue import spec_of

    for names in columns.values():
        found = [configuration.metrics.get(name) for name in names]
        if len(found) > 1:
            yield " / ".join(map(_percent, found))
        elif spec_of(names[0]).unit == "share":
            yield _rate(found[0])
        else:
            yield measured(names[0], found[0])


def _rate(metric: Metric | None) -> str:
    if metric is None:
        return "–"
    if metric.ci_low is None or metric.ci_high is None:
        return f"{_percent(metric)} (no interval)"
    return f"{_percent(metric)} ({100 * metric.ci_low:.0f}–{100 * metric.ci_high:.0f})"


def _percent(metric: Metric | None) -> str:
    from factlab.comparison.wording import percent

    return "–" if metric is None else percent(metric.value).removesuffix(" %")


def _differing(found: RunComparison) -> list[str]:
    lines = []
    for setting, values in found.differs.items():
        distinct = dict.fromkeys(values.values())
        listed = "; ".join(
            f"{value} ({', '.join(id_ for id_, own in values.items() if own == value)})"
            for value in distinct
        )
        lines.append(f"Differs in {setting}: {listed}.")
    return lines


# --- pairs ------------------------------------------------------------------------------------


def _show_pairs(found: RunComparison, letters: dict[str, str]) -> None:
    chosen = found.choice.chosen if found.choice is not None else None
    shown = [c for c in found.comparisons if chosen in (c.a, c.b)]
    by_metric = [c.metric for c in found.comparisons]
    if chosen is None or max(map(by_metric.count, by_metric)) <= SHOWN_PAIRS:
        shown = list(found.comparisons)
    header = ("pair", "difference", "p", "Holm", "finds", "")
    for metric in dict.fromkeys(by_metric):
        rows = [_pair_row(c, letters) for c in shown if c.metric == metric]
        if rows:
            table(header, rows, title=metric)
    paragraph(PAIRS_LEGEND)
    for lacking in dict.fromkeys(c.lacks for c in shown if c.lacks):
        paragraph(f"Descriptive only: {lacking}.")
    if len(shown) < len(found.comparisons):
        name, total = _short(chosen or "", letters), len(found.comparisons)
        paragraph(f"Shown are the pairs with {name}; --json has all {total} comparisons.")


def _pair_row(comparison: Comparison, letters: dict[str, str]) -> list[Cell]:
    from factlab.comparison.wording import signed, signed_interval
    from factlab.metrics.catalogue import spec_of

    unit = spec_of(comparison.metric).unit
    nats = unit not in ("share", "points")
    return [
        _pair(_short(comparison.a, letters), _short(comparison.b, letters)),
        f"{signed(comparison.difference, unit)} ({signed_interval(comparison, unit)})",
        _p(comparison.p),
        _p(comparison.p_adjusted),
        _finds(comparison, nats=nats),
        _remark(comparison, 1 if nats else 100),
    ]


def _pair(a: str, b: str) -> Cell:
    return f"{a} → {b}" if len(a) + len(b) < 24 else (a, f"→ {b}")


def _p(value: float | None) -> str:
    return "–" if value is None else f"{value:.2g}" if value >= 0.0001 else "<0.0001"


def _finds(comparison: Comparison, *, nats: bool) -> str:
    """`8–21`, in points or nats; results of earlier versions have one figure."""
    from factlab.comparison.wording import points

    if comparison.detectable is None:
        return "–"
    ends = (comparison.detectable_low, comparison.detectable)
    return "–".join(
        f"{end:.2f}" if nats else points(end).split()[0] for end in ends if end is not None
    )


def _remark(comparison: Comparison, scale: float) -> str:
    if comparison.descriptive:
        return "descriptive"
    if comparison.not_worse and comparison.margin is not None:
        return f"not {scale * comparison.margin:g} worse"
    return ""
