"""The page: everything that was read, laid out by the template and sealed by a content policy."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from factlab.report import provenance, tables
from factlab.report.changes import (
    CHANGE_TONES,
    CHANGES,
    answer_limit,
    broken_controls,
    counts,
    cut_answers,
    rows,
)
from factlab.report.charts import SHAPE_SIGNS, recall_panels, thinned, tops, training_panels
from factlab.report.definitions import DEFINITIONS, OUTCOMES
from factlab.report.load import SPLITS, ReportData, load_report_data
from factlab.report.verdict import (
    LEARNED_AT,
    LIMITS,
    PARTLY_LEARNED_AT,
    best_cells,
    sentences,
    tone,
    worst,
)
from factlab.report.wording import FILTERS
from factlab.schema.results import CellResult, RunResult

_OPEN_BROKEN, _MOST_BROKEN = 6, 40
_MOST_LOGGED = 16


def write_report(run_dir: Path) -> Path:
    """Write `report.html` into a run folder, whole or not at all, and return its path."""
    page = render_report(run_dir).encode("utf-8", "xmlcharrefreplace")
    target = run_dir / "report.html"
    handle, temporary = tempfile.mkstemp(dir=run_dir, prefix=".report-", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(page)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files that only their owner may read; a report is made to be passed on.
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return target


def render_report(run_dir: Path) -> str:
    """The report of a run folder as one HTML document that loads nothing."""
    data = load_report_data(run_dir)
    environment = Environment(
        loader=PackageLoader("factlab.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    environment.filters |= {
        "split_label": tables.split_label,
        "metric_phrase": tables.metric_phrase,
        "change_tone": CHANGE_TONES.__getitem__,
    }
    context = _context(data)
    style = _asset("report.css") + _filter_style(
        context["splits"], context["changes"], len(data.result.cells)
    )
    script = _asset("report.js")
    context |= {"style": Markup(style), "script": Markup(script), "policy": _policy(style, script)}
    return environment.get_template("report.html.jinja").render(context)


def _asset(name: str) -> str:
    return files("factlab.report").joinpath(name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Nothing loads; the one style sheet and the one script run because their hashes are named."""
    return (
        f"default-src 'none'; style-src '{_sha256(style)}'; script-src '{_sha256(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _sha256(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return "sha256-" + base64.b64encode(digest).decode("ascii")


def _filter_style(splits: Iterable[str], changes: Iterable[str], cells: int) -> str:
    """The rules behind the radio buttons of the question table; they work without scripts.

    Rows carry `s-near` and the like by split, and `c0-lost` by what happened in the first cell.
    A browser without `:has()` shows everything.
    """
    rules = [_hide(f"#split-{split}:checked", f"tr[class]:not(.s-{split})") for split in splits]
    if cells > 1:
        rules += [
            _hide(f"#cell-{cell}:checked", f".of-cell:not(.c{cell})") for cell in range(cells)
        ]
    for change in changes:
        chosen = f"#change-{change}:checked"
        nowhere = "".join(f":not(.c{cell}-{change})" for cell in range(cells))
        rules.append(_hide(chosen, f"tr[class]{nowhere}"))
        if cells > 1:
            rules += [
                _hide(chosen, f"tr[class]:not(.c{cell}-{change})", f"#cell-{cell}:checked")
                for cell in range(cells)
            ]
    return "\n".join(rules) + "\n"


def _hide(chosen: str, what: str, also: str | None = None) -> str:
    condition = f":has({chosen})" + (f":has({also})" if also else "")
    return f".filtered{condition} {what}{{display:none}}"


def _context(data: ReportData) -> dict[str, Any]:
    result = data.result
    best = best_cells(result)
    first = best[0].cell.id if best else (result.cells[0].id if result.cells else "")
    table = rows(data, result.cells)
    limit = answer_limit(data)
    met = {said.change for row in table for said in row.said if said}
    return {
        "title": _title(result),
        "notices": provenance.notices(data),
        "data": data,
        "record": data.record,
        "result": result,
        "best": best,
        "first": first,
        "single": len(result.cells) == 1,
        "sentences": sentences(result),
        "tones": [_tone_pair(item.learned, item.damage.word) for item in best],
        "tone": worst(pair for item in best for pair in _tone_pair(item.learned, item.damage.word)),
        "tiles": {item.cell.id: tables.tiles(item.cell, result.base) for item in best},
        "panels": recall_panels(result.cells),
        "seed_signs": _seed_signs(result.cells),
        "cell_rows": tables.cell_rows(result),
        "metric_tables": [tables.metric_table(cell, result.base) for cell in result.cells],
        "outcomes": {cell.id: tables.outcome_rows(cell, result.base) for cell in result.cells},
        "outcome_meanings": OUTCOMES,
        "broken": [
            (cell, broken_controls(data, cell)) for cell in _best_first(result.cells, first)
        ],
        "open_broken": _OPEN_BROKEN,
        "most_broken": _MOST_BROKEN,
        "rows": table,
        "splits": [split for split in SPLITS if any(row.split == split for row in table)],
        "changes": {change: words for change, words in CHANGES.items() if change in met},
        "counts": [counts(table, place) for place in range(len(result.cells))],
        "limit": limit,
        "cut": cut_answers(data, limit),
        "curves": _curves(data),
        "training_heads": provenance.TRAINING_HEADS,
        "training_rows": provenance.training_rows(result),
        "provenance": provenance.provenance(data),
        "command": provenance.command_line(data),
        "definitions": DEFINITIONS,
        "limits": LIMITS,
        "learned_at": LEARNED_AT,
        "partly_at": PARTLY_LEARNED_AT,
    }


def _title(result: RunResult) -> str:
    if len(result.facts) == 1:
        return f"{result.facts[0].subject}: {result.facts[0].answer}"
    return f"{len(result.facts)} facts" if result.facts else result.run_id


def _tone_pair(learned: str, damage: str) -> tuple[Any, Any]:
    return tone(learned), tone(damage)


def _seed_signs(cells: tuple[CellResult, ...]) -> list[tuple[int, str]]:
    seeds = sorted({cell.seed for cell in cells})
    return [(seed, SHAPE_SIGNS[place % len(SHAPE_SIGNS)]) for place, seed in enumerate(seeds)]


def _best_first(cells: tuple[CellResult, ...], best: str) -> list[CellResult]:
    return sorted(cells, key=lambda cell: cell.id != best)


def _curves(data: ReportData) -> list[dict[str, Any]]:
    logs = {id_: log for id_, log in data.train_logs.items() if log}
    top = tops(logs.values())
    return [
        {"cell": id_, "panels": training_panels(log, top), "steps": thinned(log, _MOST_LOGGED),
         "logged": len(log), "anchored": any(step.anchor_kl_nats is not None for step in log)}
        for id_, log in logs.items()
    ]  # fmt: skip
