"""Training: the fixed panel at checkpoints, the loss over the steps, time and memory."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from factlab.report.definitions import definition_of
from factlab.report.drawing import WIDTH, Figure, FigureGroup, data, figure, series_of
from factlab.report.load import ReportData, labels
from factlab.report.provenance import TRAINING_HEADS, training_row
from factlab.report.sections.families import spread
from factlab.report.table import Entry, Table, capped, columns, entries
from factlab.report.wording import NONE, integer, percent
from factlab.schema.results import Configuration

PANEL = ("recall/validation", "recall/held_out", "intrusion/near", "retention/far")
_MOST_POINTS, _MOST_LINES, _MOST_LOGGED, _MOST_CELLS = 120, 16, 14, 60
_MOST_SINGLE = 6  # cells that have loss curves of their own

# Of runs with a mix, whose loss is made of these.
_PARTS = {
    "fact_loss_nats": "Loss on the facts' pairs, nats per answer token",
    "mix_loss_nats": "Loss on what is mixed in, nats per answer token",
}

# Line → step → mean over the cells of a configuration.
Curve = dict[int, float]


def panel(run: ReportData) -> FigureGroup:
    """The fixed panel over the steps, a line per configuration: the mean over its cells."""
    names = [
        name for name in PANEL if any(name in p.metrics for c in run.result.cells for p in c.curve)
    ]
    if not names:
        return FigureGroup()
    curves = {
        name: {c.id: _panel_curve(run, c, name) for c in run.configurations} for name in names
    }
    figures = tuple(
        _lines(definition_of(name).title, curves[name], labels(run.configurations), f"c{place}")
        for place, name in enumerate(names)
    )
    kept = sorted({cell.kept_step for cell in run.result.cells if cell.kept_step is not None})
    caveat = (
        "A small panel of fixed questions, the same at every point and a part of the full sets: "
        "it shows when something happened, not how large it is at the end. Lines are means over "
        "the cells of a configuration."
    )
    if kept:
        caveat += f" Adapters measured are those of step {_steps(kept)}."
    return FigureGroup(figures, (_panel_table(run, curves),), tuple(names), caveat)


def _steps(steps: list[int]) -> str:
    return ", ".join(map(str, steps)) if len(steps) < 9 else f"{steps[0]} to {steps[-1]}"


def _panel_curve(run: ReportData, configuration: Configuration, name: str) -> Curve:
    found: dict[int, list[float]] = defaultdict(list)
    for cell in run.cells_of(configuration):
        for point in cell.curve:
            if name in point.metrics:
                found[point.step].append(point.metrics[name])
    return {step: sum(values) / len(values) for step, values in sorted(found.items())}


def _panel_table(run: ReportData, curves: dict[str, dict[str, Curve]]) -> Table:
    rows = [
        entries(
            c.id,
            step,
            *[
                Entry(percent(curve[step]), key=curve[step]) if step in curve else Entry(NONE)
                for curve in (curves[name][c.id] for name in curves)
            ],
            integer(_panel_size(run, c, step)),
        )
        for c in run.configurations
        for step in sorted({step for name in curves for step in curves[name][c.id]})
    ]
    heads = columns(
        "Configuration", "#Step", *[f"#{definition_of(name).title}" for name in curves],
        "#Questions",
    )  # fmt: skip
    shown, left_out = capped(rows, 160, "cells/*/cell.json has each cell's curve.")
    return Table("The panel over the steps", heads, shown, left_out)


def _panel_size(run: ReportData, configuration: Configuration, step: int) -> int:
    return sum(
        sum(point.sizes.values())
        for cell in run.cells_of(configuration)
        for point in cell.curve
        if point.step == step
    )


# --- loss --------------------------------------------------------------------------------------


def loss(run: ReportData) -> FigureGroup:
    """Loss and anchor KL over the steps: a line per cell, or per configuration if many."""
    logged = {id_: log for id_, log in run.train_logs.items() if log}
    if not logged:
        return FigureGroup()
    losses = _by_line(run, "loss_nats")
    kls = _by_line(run, "anchor_kl_nats")
    points = {
        "validation": _at_checkpoints(run, "validation"),
        "training": _at_checkpoints(run, "train"),
    }
    named = {line: line for line in losses}
    figures = [_lines("Loss, nats per answer token", losses, named, "l0", share=False)]
    if points["validation"]:
        figures.append(_validation(points))
    if kls:
        figures.append(
            _lines("KL to the base on anchors, nats per token", kls, named, "l1", share=False)
        )
    for place, (field, title) in enumerate(_PARTS.items(), start=2):
        if curves := _by_line(run, field):
            figures.append(_lines(title, curves, named, f"l{place}", share=False))
    caveat = (
        "The loss of each step's batch, on what is trained: it does not show recall in other words."
    )
    tables = [_loss_table(losses, kls)]
    if points["validation"]:
        tables.append(_checkpoint_table(points))
        caveat += (
            " The validation loss is that of a fixed sample of pairs that are not trained on, in "
            "phrasing families that are; beside it the mean training loss of the "
            "five steps up to the same checkpoint."
        )
    if len(logged) > _MOST_SINGLE:
        caveat += " Lines are means over the cells of a configuration."
    return FigureGroup(tuple(figures), tuple(tables), caveat=caveat)


def _validation(points: dict[str, dict[str, Curve]]) -> Figure:
    """Validation loss at checkpoints; of one cell alone, its training loss too."""
    ((line, curve), *others) = points["validation"].items()
    title, curves = "Validation loss", points["validation"]
    if not others and line in points["training"]:
        title = "Validation and training loss at checkpoints"
        curves = {"validation": curve, "training": points["training"][line]}
    named = {line: line for line in curves}
    return _lines(f"{title}, nats per answer token", curves, named, "lv", share=False)


def _by_line(run: ReportData, field: str) -> dict[str, Curve]:
    """Line → step → value; lines are cells, or configurations where cells are too many."""
    return _lines_of(
        run,
        (
            (id_, step.step, getattr(step, field))
            for id_, log in run.train_logs.items()
            for step in log
        ),
    )


def _at_checkpoints(run: ReportData, loss: str) -> dict[str, Curve]:
    return _lines_of(
        run,
        (
            (cell.id, point.step, point.losses.get(loss))
            for cell in run.result.cells
            for point in cell.curve
        ),
    )


def _lines_of(run: ReportData, values: Iterable[tuple[str, int, float | None]]) -> dict[str, Curve]:
    """Values of cells at steps as lines: their means where cells are too many for one each."""
    many = sum(bool(log) for log in run.train_logs.values()) > _MOST_SINGLE
    line_of = {cell.id: cell.configuration for cell in run.result.cells} if many else {}
    found: dict[str, dict[int, list[float]]] = {}
    for id_, step, value in values:
        # A diverged step has no finite loss and JSON has no word for it: leave a gap.
        if value is not None and math.isfinite(value):
            found.setdefault(line_of.get(id_, id_), {}).setdefault(step, []).append(value)
    return {
        line: {step: sum(values) / len(values) for step, values in sorted(steps.items())}
        for line, steps in found.items()
    }


def _loss_table(losses: dict[str, Curve], kls: dict[str, Curve]) -> Table:
    steps = thinned(sorted({step for curve in losses.values() for step in curve}), _MOST_LOGGED)
    lines = list(losses)
    heads = columns(
        "#Step", *[f"#{line}, loss" for line in lines], *[f"#{line}, KL" for line in kls]
    )
    rows = tuple(
        entries(
            Entry(str(step), key=step),
            *[_value(losses[line].get(step)) for line in lines],
            *[_value(curve.get(step)) for curve in kls.values()],
        )
        for step in steps
    )
    return Table(
        f"Loss and anchor KL in nats per token, {len(steps)} of the logged steps", heads, rows
    )


def _checkpoint_table(points: dict[str, dict[str, Curve]]) -> Table:
    rows = [
        entries(
            line,
            Entry(str(step), key=step),
            _value(value),
            _value(points["training"].get(line, {}).get(step)),
        )
        for line, curve in points["validation"].items()
        for step, value in curve.items()
    ]
    heads = columns("Line", "#Step", "#Validation loss", "#Training loss")
    shown, left_out = capped(rows, 160, "cells/*/validation_log.jsonl has each cell's.")
    return Table("Validation loss in nats per answer token", heads, shown, left_out)


def _value(value: float | None) -> Entry:
    return Entry(NONE) if value is None else Entry(f"{value:.4f}", key=value)


def thinned(steps: list[int], most: int) -> list[int]:
    """At most about `most` steps, evenly spaced, always with the first and the last."""
    stride = max(1, math.ceil(len(steps) / most))
    kept = steps[::stride]
    return kept if not steps or kept[-1] == steps[-1] else [*kept, steps[-1]]


# --- lines -------------------------------------------------------------------------------------


def _lines(
    title: str, curves: dict[str, Curve], named: dict[str, str], key: str, *, share: bool = True
) -> Figure:
    import altair as alt

    shown = [line for line in curves if curves[line]][:_MOST_LINES]
    top = 1.04 if share else 1.05 * max((max(curves[line].values()) for line in shown), default=1.0)
    rows, ends = [], []
    for place, line in enumerate(shown):
        ink, dash = series_of(place)
        curve = curves[line]
        for step in thinned(list(curve), _MOST_POINTS):
            rows.append({"x": step, "y": curve[step], "line": line, "ink": ink, "dash": dash})
        ends.append({**rows[-1], "name": named.get(line, line)})
    colour = alt.Color("ink:N", scale=None, legend=None)
    scale = alt.Scale(domain=[0, top or 1], nice=False)
    axis = alt.Axis(format=".0%", tickCount=4) if share else alt.Axis(tickCount=4, minExtent=34)
    x = alt.X(
        "x:Q",
        title="Step",
        axis=alt.Axis(tickCount=5, format="d"),
        scale=alt.Scale(domain=_room(rows, ends), nice=False),
    )
    y = alt.Y("y:Q", title=None, scale=scale, axis=axis)
    base = alt.Chart(data(rows))
    height = max(170, 14 * len(shown))
    gap = (top or 1) * 14 / height
    layers: list[Any] = [
        base.mark_line(strokeWidth=1.8).encode(
            x=x, y=y, color=colour, detail="line:N", strokeDash=alt.StrokeDash("dash:N", scale=None)
        )
    ]
    if len(rows) <= 12 * max(1, len(shown)):
        layers.append(
            base.mark_point(filled=True, size=30, opacity=1).encode(x=x, y=y, color=colour)
        )
    if len(shown) > 1:
        layers.append(
            alt.Chart(data(spread(ends, gap)))
            .mark_text(align="left", dx=6, fontSize=11)
            .encode(x=x, y=alt.Y("at:Q"), text="name:N", color=colour)
        )
    chart = alt.layer(*layers).properties(width=WIDTH, height=height)
    alternative = f"Line chart of {title} over the steps. " + "; ".join(
        f"{named.get(line, line)}: last {curves[line][max(curves[line])]:.3g}" for line in shown
    )
    return figure(title, chart, alternative, key=key)


def _room(rows: list[dict[str, Any]], ends: list[dict[str, Any]]) -> list[float]:
    """The range of steps, with room for the names at the lines' ends."""
    last = max((row["x"] for row in rows), default=1)
    letters = max((len(row["name"]) for row in ends), default=0) if len(ends) > 1 else 0
    share = min(0.45, 0.022 * letters)
    return [0, last / (1 - share) if share else last]


# --- time and memory ---------------------------------------------------------------------------


def early_stops(run: ReportData) -> list[str]:
    """Which cells were stopped before their planned steps, and why."""
    cells = [cell for cell in run.result.cells if cell.training and cell.training.stopped_early]
    sentences = [f"{c.id} {c.training.stopped_early}." for c in cells[:_MOST_SINGLE] if c.training]
    if len(cells) > _MOST_SINGLE:
        sentences.append(f"{len(cells) - _MOST_SINGLE} other cells were stopped early too.")
    return sentences


def cost_table(run: ReportData) -> Table:
    """Time, tokens and memory of each cell's training."""
    rows, left_out = capped(
        [entries(*training_row(cell)) for cell in run.result.cells],
        _MOST_CELLS,
        "each cell's record is in cells/<id>/cell.json.",
    )
    caption = "Time and memory of each cell; times do not include loading the model"
    return Table(caption, columns(*TRAINING_HEADS), rows, left_out)
