"""The page: everything that was read, laid out by the template and sealed by a content policy."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from factlab.comparison.damage import LEARNED_AT, LIMITS, PARTLY_LEARNED_AT
from factlab.comparison.seeds import lacks_seeds
from factlab.display.characters import visible_lines
from factlab.report import design_limits, overfitting, provenance
from factlab.report.changes import CHANGE_TONES, CHANGES
from factlab.report.definitions import OUTCOMES, definitions_for
from factlab.report.first_screen import first_screen
from factlab.report.load import ReportData, load_report_data
from factlab.report.sections import (
    baselines,
    belief,
    combined,
    cost,
    differences,
    examples,
    exports,
    facts,
    families,
    metrics,
    neighbours,
    outcomes,
    practice,
    precisions,
    questions,
    side_by_side,
    training,
)
from factlab.report.table import definitions_of, telling
from factlab.report.verdict import best_of
from factlab.report.wording import FILTERS
from factlab.runs.files import write_bytes
from factlab.schema.results import RunResult

# A page that can be mailed: beyond this, fewer answers are listed.
MOST_BYTES = 1_900_000
_SPARE_BYTES = 4_000


def write_report(run_dir: Path) -> Path:
    """Write `report.html` into a run folder, whole or not at all, and return its path."""
    page = render_report(run_dir).encode("utf-8", "xmlcharrefreplace")
    target = run_dir / "report.html"
    write_bytes(target, page)
    return target


def render_report(run_dir: Path) -> str:
    """The report of a run folder as one HTML document that loads nothing."""
    run = load_report_data(run_dir)
    environment = page_environment()
    context = _summary(run) | _sections(run) | _appendix(run)
    page = _rendered(environment, context)
    while (over := _size(page) - MOST_BYTES) > 0 and context["answer_table"].rows:
        room = max(0, context["answer_table"].size - over - _SPARE_BYTES)
        context["answer_table"] = questions.answer_table(run, context["first"], room)
        page = _rendered(environment, context)
    return page


def page_environment() -> Environment:
    """The templates of all pages, with the filters and functions that they use.

    All text passes here: it is escaped for HTML, and what a browser would obey or nobody could see
    is shown as what it is.
    """
    environment = Environment(
        loader=PackageLoader("factlab.report", "templates"),
        autoescape=True,
        finalize=_readable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS | {"change_tone": CHANGE_TONES.__getitem__, "telling": telling}
    environment.globals["definitions_of"] = definitions_of
    return environment


def _readable(value: Any) -> Any:
    """A value that a template prints; markup is made of the same text and passes likewise."""
    if isinstance(value, Markup):
        return Markup(visible_lines(value))
    return visible_lines(value) if isinstance(value, str) else value


def _size(page: str) -> int:
    return len(page.encode("utf-8", "xmlcharrefreplace"))


def _rendered(environment: Environment, context: dict[str, Any]) -> str:
    style = asset("report.css") + _filter_style(context["answer_table"])
    script = asset("report.js")
    assets = {"style": Markup(style), "script": Markup(script), "policy": policy(style, script)}
    return environment.get_template("page.html.jinja").render(context | assets)


def asset(name: str) -> str:
    """A style sheet or script of the pages."""
    return files("factlab.report").joinpath(name).read_text(encoding="utf-8")


def policy(style: str, script: str) -> str:
    """Nothing loads; the one style sheet and the one script run because their hashes are named."""
    return (
        f"default-src 'none'; style-src '{_sha256(style)}'; script-src '{_sha256(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _sha256(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return "sha256-" + base64.b64encode(digest).decode("ascii")


def _filter_style(answer_table: questions.AnswerTable) -> str:
    """The rules behind the radio buttons of the question table; they work without scripts.

    Rows have the classes `s-near` by split, `k-lost` by change and `g0` by configuration. A browser
    without `:has()` shows everything.
    """
    rules = [_hide(f"split-{split}", f"s-{split}") for split in answer_table.splits]
    rules += [_hide(f"change-{change}", f"k-{change}") for change in answer_table.changes]
    rules += [
        _hide(f"of-{place}", f"g{place}") for place in range(len(answer_table.configurations))
    ]
    return "\n".join(rules) + "\n"


def _hide(chosen: str, kept: str) -> str:
    return f".filtered:has(#{chosen}:checked) tbody tr:not(.{kept}){{display:none}}"


def _summary(run: ReportData) -> dict[str, Any]:
    """The top of the page: title, notices and the first screen."""
    notices = provenance.notices(run)
    return {
        "title": _title(run.result),
        "run": run,
        "record": run.record,
        "result": run.result,
        "notices": notices,
        "notice_title": provenance.notice_title(notices),
        "control": design_limits.control_run(run),
        "screen": first_screen(run),
    }


def _sections(run: ReportData) -> dict[str, Any]:
    """What is folded: figure groups and tables in the order of the page; none that is empty."""
    best = best_of(run.result)
    first = best.configuration.id if best else ""
    chosen = best.configuration.cells[:1] if best else ()
    answers = questions.answer_table(run, first)
    return {
        "first": first,
        "practice": practice.practice_section(run, chosen[0] if chosen else ""),
        "seeds_drawn": any(len(c.seeds) > 1 for c in run.configurations),
        "combined": combined.tables(run),
        "side_by_side": side_by_side.figure_group(run),
        "recipes": len({c.recipe for c in run.configurations if not (c.combined or c.tuned)}),
        "cost": cost.figure_group(run),
        "by_rank": cost.by_rank(run),
        "differences": differences.figure_group(run),
        "lacking": lacks_seeds(run.result.cells),
        "precisions": precisions.tables(run),
        "baselines": baselines.figure_group(run),
        "belief": belief.figure_group(run),
        "fact_tables": facts.tables(run),
        "families": families.figure_group(run),
        "distance": families.distance(run),
        "neighbours": neighbours.figure_group(run),
        "exports": exports.cell_exports(run),
        "outcomes": outcomes.tables(run),
        "control_examples": examples.control_examples(run, first),
        "answer_table": answers,
        "answer_limit": questions.LIMIT,
        "all_changes": [change for change in CHANGES if change in answers.all_changes],
    }


def _appendix(run: ReportData) -> dict[str, Any]:
    """Training, all metrics, definitions, and how to repeat it."""
    best = best_of(run.result)
    shown = side_by_side.shown_of(run, best.configuration.id if best else "")
    metric_table = metrics.metric_table(run, shown)
    rows = [row.name for _, members in metric_table.groups for row in members]
    return {
        "panel": training.panel(run),
        "loss": training.loss(run),
        "overfitting": [*overfitting.sentences(run), *training.early_stops(run)],
        "training_cost": training.cost_table(run),
        "metric_table": metric_table,
        "best": best,
        "limits": LIMITS,
        "learned_at": LEARNED_AT,
        "partly_at": PARTLY_LEARNED_AT,
        "audited": design_limits.audited(),
        "outcome_meanings": OUTCOMES,
        "definitions": definitions_for(rows),
        "provenance": provenance.provenance(run),
        "command": provenance.command_line(run),
    }


def _title(result: RunResult) -> str:
    if len(result.facts) == 1:
        return f"{result.facts[0].subject}: {result.facts[0].answer}"
    return f"{len(result.facts)} facts" if result.facts else result.run_id
