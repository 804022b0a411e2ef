"""`factlab preview`: what would be trained and evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from factlab.cli.complete import complete_facts
from factlab.cli.options import setting_option
from factlab.cli.output import complain, paragraph, say, say_json, table
from factlab.errors import ConfigError

if TYPE_CHECKING:
    from factlab.experiment.experiment import Experiment
    from factlab.models.tokens import PreviewTokenizer
    from factlab.schema.question import Question
    from factlab.schema.source import TrainingSource

SPLITS = (
    *("train", "validation", "held_out", "alias", "other_language"),
    *("probe", "reverse", "entailed", "near"),
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: factlab preview mount_fuji --split held_out --rows 50")(preview)


def preview(
    facts: Annotated[
        list[str],
        typer.Argument(
            metavar="FACT...",
            help="Fact files, folders, or shipped names.",
            autocompletion=complete_facts,
        ),
    ],
    split: Annotated[
        str | None, typer.Option(help=f"Show one split only: {', '.join(SPLITS)}.")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Questions shown per split.")] = 8,
    model: Annotated[
        str | None, setting_option("model", "The model whose tokens are shown, as in `run`.")
    ] = None,
    templates: Annotated[
        str | None, setting_option("templates", "Relation files of your own, as in `run`.")
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="Print every question and the leakage table as JSON.")
    ] = False,
) -> None:
    """Show the pairs of each split, which tokens are trained on, and the leakage table."""
    from factlab.cli.dry_run import terms_notes
    from factlab.cli.run import build_config
    from factlab.experiment.plan import plan_experiment
    from factlab.models.resolve import check_model_name

    if split is not None and split not in SPLITS:
        raise ConfigError(f"unknown split '{split}'. Known splits: {', '.join(SPLITS)}.")
    given = {"model": model, "templates": templates}
    settings = {name: value for name, value in given.items() if value}
    config = build_config(settings, facts=facts)
    check_model_name(config.model)
    plan = plan_experiment(config)
    if json_:
        say_json([_as_json(plan, fact) for fact in plan.facts], indent=None)
        return
    from factlab.models.tokens import preview_tokenizer

    for note in terms_notes(plan.config):
        complain(note)
    tokenizer = preview_tokenizer(plan.config.model, plan.config.thinking)
    for fact in plan.facts:
        _show(plan, fact, [split] if split else SPLITS, rows, tokenizer)


def _as_json(plan: Experiment, fact: TrainingSource) -> dict[str, Any]:
    expansion = plan.expansions[fact.id]
    questions = [*expansion.all(), *plan.near[fact.id]]
    return {
        "fact": fact.id,
        "questions": [
            question.model_dump(mode="json", exclude_defaults=True) for question in questions
        ],
        "leakage": [
            {"held_out": n.held_out, "trained": n.trained, "similarity": round(n.similarity, 4)}
            for n in expansion.nearest
        ],
    }


def _show(
    plan: Experiment,
    fact: TrainingSource,
    splits: Sequence[str],
    rows: int,
    tokenizer: PreviewTokenizer | None,
) -> None:
    expansion = plan.expansions[fact.id]
    questions = [*expansion.all(), *plan.near[fact.id]]
    say(f"{fact.id}: {fact.statement}")
    _show_wording(fact)
    for split in splits:
        items = [question for question in questions if question.split == split]
        if items or len(splits) == 1:
            _show_split(split, items, rows)
    if "train" in splits and expansion.train:
        _show_tokens(expansion.train[0], tokenizer)
    if "held_out" in splits and expansion.nearest:
        _show_leakage(plan, fact, rows)


def _show_wording(fact: TrainingSource) -> None:
    """By what a fact is worded, and one of each of its forms."""
    from factlab.expand.wording import described
    from factlab.schema.fact import Fact

    if isinstance(fact, Fact):
        paragraph(described(fact))


def _show_split(split: str, items: Sequence[Question], rows: int) -> None:
    families = len({question.family for question in items})
    step = max(1, len(items) // rows)
    shown = items[::step][:rows]
    table(
        ["family", "question", "trained answer" if split in ("train", "validation") else "right"],
        [[q.family, q.text, q.target or (q.written(q.gold) if q.gold else "")] for q in shown],
        title=f"{split}: {len(items)} in {families} families, {len(shown)} shown",
    )


def _show_tokens(question: Question, tokenizer: PreviewTokenizer | None) -> None:
    say("Which tokens are trained on, in one pair ([…] is trained, the rest is only read):")
    answer = question.target or ""
    if tokenizer is None:
        say(f"  {question.text} → [{answer}] [end of turn]")
        paragraph(
            "Token by token once the model is on this machine with a chat template; `factlab "
            "doctor --fetch` gets the embedded one."
        )
        return
    prompt, trained = tokenizer.pair(question.text, answer)
    say("  " + "".join(prompt).replace("\n", "⏎") + "".join(f"[{token}]" for token in trained))
    say(f"  {len(prompt)} tokens read, {len(trained)} trained on")
    say()


def _show_leakage(plan: Experiment, fact: TrainingSource, rows: int) -> None:
    from factlab.expand.leakage import NEAR_DUPLICATE

    nearest = plan.expansions[fact.id].nearest
    table(
        ["similarity", "held out", "nearest that is trained"],
        [[f"{n.similarity:.2f}", n.held_out, n.trained] for n in nearest[:rows]],
        title=f"leakage: the nearest of {len(nearest)} held-out questions; "
        f"{NEAR_DUPLICATE} is refused",
    )
