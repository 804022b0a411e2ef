"""The page of a search for a recipe: recall against damage, the front, each point's recipe."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from factlab.comparison.damage import LIMITS
from factlab.comparison.rule import RECALL
from factlab.metrics.catalogue import spec_of
from factlab.report.drawing import HEIGHT, INK, Figure, data, figure
from factlab.report.page import asset, page_environment, policy
from factlab.report.sections.cost import separate_labels
from factlab.report.sections.metrics import KeyFigure
from factlab.report.table import Entry, Table, columns, entries, metric_entry
from factlab.report.verdict import learned_at, tone
from factlab.report.wording import NONE, integer, percent, plural
from factlab.schema.search import Candidate, SearchResult

OPTIMISTIC = (
    "It was chosen by these facts' questions, so its figures here are optimistic: of many "
    "candidates the one that was also lucky comes first."
)
USE = "factlab run FACT --recipe recipe.yaml"
CONFIRM = "factlab tune … --resume --confirm OTHER_FACT"
_WIDTH = 620
_LETTER = 7.5  # pixels of a label's letter
_NAMED = 4  # candidates of one place that its label names
_CAVEAT = (
    "Damage is (1 − far retention) + near intrusion + far intrusion, as in the choice of `factlab "
    "compare`. Seconds are those of training one adapter on the machine that ran the search."
)


def render_search(search: SearchResult) -> str:
    """The page as one HTML document that loads nothing."""
    chosen = search.chosen
    style, script = asset("report.css"), asset("report.js")
    terms = _terms(search)
    return (
        page_environment()
        .get_template("search.html.jinja")
        .render(
            style=Markup(style),
            script=Markup(script),
            policy=policy(style, script),
            search=search,
            title=", ".join(search.facts[:3]) + (" …" if len(search.facts) > 3 else ""),
            counted=_counted(search),
            chosen=chosen,
            tone=tone(chosen.cost) if chosen is not None and chosen.cost else "warn",
            sentence=sentence_of(search),
            figures_of_chosen=_figures_of(chosen, terms) if chosen is not None else [],
            honest=OPTIMISTIC,
            use=USE,
            confirm=CONFIRM,
            figures=[drawn] if (drawn := _figure(search)) else [],
            standings=_standings(search, terms),
            names=(RECALL, *terms),
            caveat=_CAVEAT,
            confirmed=_confirmed(search),
            recipes=_recipes(search),
            space=_space(search),
        )
    )


def _figures_of(chosen: Candidate, terms: tuple[str, ...]) -> list[KeyFigure]:
    """Recall of the recipe to take, and beside it what that cost."""
    if chosen.recall is None:
        return []
    found = [_key_figure(RECALL, chosen.recall, chosen)]
    return found + [_key_figure(name, chosen.metrics[name], chosen) for name in terms]


def _key_figure(name: str, value: float, chosen: Candidate) -> KeyFigure:
    limit = next((limit for limit in LIMITS if limit.metric == name), None)
    word = limit.word(value) if limit else learned_at(value)
    return KeyFigure(
        title=spec_of(name).title,
        value=percent(value),
        detail=f"of {plural(chosen.sizes.get(name, 0), 'answer')}",
        before="",
        tone=tone(word),
    )


def sentence_of(search: SearchResult) -> str:
    """Which recipe to take and why, or why there is none yet."""
    if search.choice is not None:
        return search.choice.sentence
    whole = sum(one.status == "measured" for one in search.candidates)
    return (
        f"{'One candidate was' if whole else 'No candidate was'} measured whole, and a choice "
        "needs two. A larger budget with --resume goes on."
    )


def by_damage(search: SearchResult) -> list[Candidate]:
    """What was measured whole, the least damage first; then what was not."""
    return sorted(
        search.candidates,
        key=lambda one: (
            one.status != "measured",
            9.0 if one.damage is None else one.damage,
            -(one.recall or 0.0),
        ),
    )


def _terms(search: SearchResult) -> tuple[str, ...]:
    names = dict.fromkeys(name for one in search.candidates for name in one.metrics)
    return tuple(name for name in names if name != RECALL)


def _counted(search: SearchResult) -> str:
    states = [one.status for one in search.candidates]
    parts = [f"{plural(len(states), 'candidate')}, {plural(len(search.cells), 'cell')}"]
    parts += [f"{states.count(s)} {s}" for s in dict.fromkeys(states) if s != "measured"]
    return f"{', '.join(parts)}; {plural(round(search.seconds / 60), 'minute')}."


def standing_words(one: Candidate, search: SearchResult) -> str:
    """Taken, on the front, only faster, or why it has no place."""
    words = ["take"] * (search.chosen == one)
    if one.status != "measured":
        words.append(one.status)
    elif one.front:
        words.append("on the front" if one.front == "front" else "faster than those that beat it")
    return ", ".join(words) or NONE


def _standings(search: SearchResult, terms: tuple[str, ...]) -> Table:
    heads = columns(
        "Recipe", "#Held-out recall", *(f"#{spec_of(name).title}" for name in terms),
        "#Damage", "#Training, s", "Cost", "Standing", "#Cells",
    )  # fmt: skip
    rows = [
        entries(
            one.id,
            *(_share(one, name) for name in (RECALL, *terms)),
            NONE if one.damage is None else Entry(f"{one.damage:.3f}", key=one.damage),
            NONE
            if one.training_seconds is None
            else Entry(integer(one.training_seconds), key=one.training_seconds),
            Entry(one.cost, tone=tone(one.cost)) if one.cost else NONE,
            standing_words(one, search),
            len(one.cells),
        )
        for one in by_damage(search)
    ]
    return Table("Candidates, the least damage first.", heads, tuple(rows))


def _share(one: Candidate, name: str) -> Entry:
    if name not in one.metrics:
        return Entry(NONE)
    n = one.sizes.get(name, 0)
    return Entry(percent(one.metrics[name]), key=one.metrics[name], quiet=f"of {integer(n)}")


def _recipes(search: SearchResult) -> Table:
    rows = [
        entries(
            one.id,
            "; ".join(f"{name} {value}" for name, value in one.differs.items()) or "as default",
            {"recipe": "was there", "optuna": "Optuna", "random": "drawn at random"}[
                one.proposed_by
            ],
            one.reason or NONE,
        )
        for one in search.candidates
    ]
    heads = columns("Recipe", "Differs from default", "From", "Why it was not measured whole")
    return Table("Recipes in the order in which they were tried.", heads, tuple(rows))


def _space(search: SearchResult) -> Table:
    rows = [entries(name, ", ".join(values)) for name, values in search.space.items()]
    heads = columns("Value", "What it may be")
    return Table("All other values are those of the recipe default.", heads, tuple(rows))


def _confirmed(search: SearchResult) -> Table | None:
    if search.confirmation is None:
        return None
    found = search.confirmation.configurations
    names = (RECALL, *_terms(search))
    rows = [
        entries(one.id, *(metric_entry(name, one.metrics.get(name)) for name in names), one.recipe)
        for one in found
    ]
    heads = columns("Configuration", *(spec_of(name).title for name in names), "Recipe")
    return Table("Right/questions, share, [interval].", heads, tuple(rows))


# --- the picture ------------------------------------------------------------------------------


def _figure(search: SearchResult) -> Figure | None:
    placed = [one for one in search.candidates if one.recall is not None and one.damage is not None]
    if not placed:
        return None
    said = "; ".join(
        f"{one.id}: recall {one.recall:.0%}, damage {one.damage:.2f}, {standing_words(one, search)}"
        for one in placed
    )
    return figure(
        "Held-out recall against damage",
        _chart(placed, search),
        f"Scatter chart of held-out recall against damage. {said}.",
        key="t",
        wide=True,
    )


def _chart(placed: list[Candidate], search: SearchResult) -> Any:
    import altair as alt

    right = max(0.2, 1.08 * max(one.damage or 0.0 for one in placed))
    bottom = max(0.0, min([0.9, *(one.recall or 0.0 for one in placed)]) - 0.04)
    top = 1 + 0.04 * (1 - bottom)
    x = alt.X(
        "x:Q",
        title="Damage: (1 − far retention) + near intrusion + far intrusion",
        scale=alt.Scale(domain=[0, right], nice=False),
    )
    y = alt.Y(
        "y:Q",
        title="Held-out recall",
        scale=alt.Scale(domain=[bottom, top], nice=False),
        axis=alt.Axis(format=".0%"),
    )
    points = [
        {"x": one.damage, "y": one.recall, "ink": INK[one.cost or "not measured"]} for one in placed
    ]
    whole = [p for p, one in zip(points, placed, strict=True) if one.status == "measured"]
    partly = [p for p, one in zip(points, placed, strict=True) if one.status != "measured"]
    front = [p for p, one in zip(points, placed, strict=True) if one.front == "front"]
    taken = [p for p, one in zip(points, placed, strict=True) if one == search.chosen]
    colour = alt.Color("ink:N", scale=None, legend=None)
    labels = _labels(placed, right, bottom, top)
    words = [
        alt.Chart(data([label for label in labels if label["align"] == align]))
        .mark_text(align=align, fontSize=12.5, fontWeight=600)
        .encode(
            x=alt.X("x:Q", scale=None), y=alt.Y("y:Q", scale=None), text="label:N", color=colour
        )
        for align in ("left", "right")
    ]
    layers = [
        alt.Chart(data(front))
        .mark_line(color=INK["muted"], strokeWidth=1.5, strokeDash=[4, 3])
        .encode(x=x, y=y, order="x:Q"),
        alt.Chart(data(taken))
        .mark_point(filled=False, size=320, strokeWidth=2, color=INK["accent"], opacity=1)
        .encode(x=x, y=y),
        alt.Chart(data(partly))
        .mark_point(filled=False, size=60, strokeWidth=1.5, opacity=1)
        .encode(x=x, y=y, color=colour),
        alt.Chart(data(whole))
        .mark_point(filled=True, size=95, opacity=1)
        .encode(x=x, y=y, color=colour),
        *words,
    ]
    return alt.layer(*layers).properties(width=_WIDTH, height=HEIGHT)


def _labels(
    placed: list[Candidate], right: float, bottom: float, top: float
) -> list[dict[str, Any]]:
    """The name of each point beside it, in pixels, none on another; one for points of one place."""
    heaps: dict[tuple[float, float], list[Candidate]] = {}
    for one in placed:
        place = round(one.recall or 0.0, 2), round(one.damage or 0.0, 2)
        heaps.setdefault(place, []).append(one)
    found = []
    for heap in heaps.values():
        one, names = heap[0], [same.id for same in heap]
        more = f" +{len(names) - _NAMED}" if len(names) > _NAMED else ""
        name = ", ".join(names[:_NAMED]) + more
        at = _WIDTH * (one.damage or 0.0) / right
        long = _LETTER * len(name)
        fits = at + 11 + long <= _WIDTH
        found.append(
            {
                "label": name,
                "ink": INK[one.cost or "not measured"],
                "align": "left" if fits else "right",
                "begin": at + 11 if fits else at - 11 - long,
                "end": at + 11 + long if fits else at - 11,
                "y": HEIGHT * (top - (one.recall or 0.0)) / (top - bottom) + 4,
            }
        )
    separate_labels(found)
    return found
