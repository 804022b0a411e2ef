"""`factlab preview`: what would be trained and evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from factlab.cli.complete import complete_facts
from factlab.cli.headings import GroupedCommand
from factlab.cli.options import ConfigFile, with_settings
from factlab.cli.output import complain, paragraph, say, say_json, table
from factlab.errors import ConfigError, shortened
from factlab.schema.config import RunConfig
from factlab.schema.manifest import DATA_FORMATS
from factlab.schema.options import flag_of, settings_of
from factlab.schema.recipe import OVERRIDES
from factlab.schema.splits import BELIEF_SPLITS
from factlab.schema.yaml import did_you_mean

if TYPE_CHECKING:
    from factlab.experiment.experiment import Experiment
    from factlab.models.tokens import PreviewTokenizer
    from factlab.schema.question import Question
    from factlab.schema.source import TrainingSource

SPLITS = (
    *("train", "validation", "held_out", "alias", "other_language"),
    *("probe", "reverse", "entailed", "near", *BELIEF_SPLITS),
)
_To = Annotated[
    str | None,
    typer.Option(
        metavar="FORMAT",
        help=f"Write training data for other trainers instead: {', '.join(DATA_FORMATS)}; "
        "the recipe as settings of TRL, Unsloth, Axolotl and LLaMA-Factory beside them.",
    ),
]
_NoAnchors = Annotated[
    bool,
    typer.Option(
        "--no-anchors",
        help="With --to: leave out the recipe's anchors, and so load no model.",
    ),
]
# Settings that what is expanded, or what is written for other trainers, depends on.
_WANTED = {
    *("model", "thinking", "accept_license", "compute_dtype", "templates", "recipe", "seed"),
    *("data_seed", "train_pairs", "validation_pairs", "families", "mix", "max_steps"),
    *("belief_questions", "max_example_tokens", "on_bad_row", "far"),
    *OVERRIDES,
}
_OTHERS = set(settings_of(RunConfig)) - _WANTED


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        cls=GroupedCommand,
        epilog="Example: factlab preview mount_fuji --to chat data/; factlab preview mount_fuji "
        "--split held_out --rows 50",
    )(with_settings(preview, "run", without=_OTHERS))


def preview(
    facts: Annotated[
        list[str],
        typer.Argument(
            metavar="FACT... [FILE]",
            help="Fact files, folders, or shipped names; with --to, the folder or training file "
            "to write comes last.",
            autocompletion=complete_facts,
        ),
    ],
    *,
    split: Annotated[
        str | None, typer.Option(help=f"Show one split only: {', '.join(SPLITS)}.")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Questions shown per split.")] = 8,
    to: _To = None,
    no_anchors: _NoAnchors = False,
    settings: dict[str, Any],
    config: ConfigFile = None,
    json_: Annotated[
        bool, typer.Option("--json", help="Print every question and the leakage table as JSON.")
    ] = False,
) -> None:
    """Show the pairs of each split, which tokens are trained on, and the leakage table.

    With --to it writes them for another trainer, with the recipe as that trainer's settings.
    """
    from factlab.cli.dry_run import terms_notes
    from factlab.cli.run import build_config
    from factlab.experiment.plan import plan_experiment
    from factlab.models.resolve import check_model_name

    if split is not None and split not in SPLITS:
        raise ConfigError(f"unknown split '{split}'. Known splits: {', '.join(SPLITS)}.")
    if to is not None:
        _write(facts, to, settings, config, anchors=not no_anchors, as_json=json_)
        return
    _refuse_without_to(settings, no_anchors=no_anchors)
    chosen = build_config(settings, facts=facts, file=config)
    check_model_name(chosen.model)
    plan = plan_experiment(chosen)
    if json_:
        say_json([_as_json(plan, fact) for fact in plan.facts], indent=None)
        return
    from factlab.models.tokens import preview_tokenizer

    for note in terms_notes(plan.config):
        complain(note)
    tokenizer = preview_tokenizer(plan.config.model, plan.config.thinking)
    for fact in plan.facts:
        _show(plan, fact, [split] if split else SPLITS, rows, tokenizer)


def _refuse_without_to(settings: dict[str, Any], *, no_anchors: bool) -> None:
    idle = [name for name in settings if name in OVERRIDES or name in ("seed", "max_steps")]
    flags = [flag_of(RunConfig, name) for name in idle] + ["--no-anchors"] * no_anchors
    if flags:
        raise ConfigError(f"{flags[0]} is for the settings that --to writes, and there is no --to.")


def _write(
    words: list[str],
    to: str,
    settings: dict[str, Any],
    file: Path | None,
    *,
    anchors: bool,
    as_json: bool,
) -> None:
    """Write training data for other trainers, and say what is there."""
    from factlab.cli.progress import make_progress
    from factlab.cli.quiet import quiet_libraries
    from factlab.cli.run import build_config
    from factlab.models.resolve import check_model_name
    from factlab.workflows.training_data import training_data

    format_ = next((known for known in DATA_FORMATS if known == to), None)
    if format_ is None:
        raise ConfigError(
            f"--to {shortened(to)}: no such format.{did_you_mean(to, DATA_FORMATS)} Known formats: "
            f"{', '.join(DATA_FORMATS)}."
        )
    *facts, place = words
    if not facts and file is None:
        raise ConfigError(
            f"--to {to}: name the fact, and after it the folder or file to write, such as `factlab "
            f"preview mount_fuji --to {to} data/`."
        )
    chosen = build_config(settings, facts=facts, file=file)
    check_model_name(chosen.model)
    quiet_libraries()
    written = training_data(
        chosen, format_, Path(place).expanduser(), anchors=anchors, progress=make_progress()
    )
    if as_json:
        say_json(written.manifest)
        return
    for name, data in written.manifest.files.items():
        say(f"{written.folder / name}: {data.rows:,} rows, {data.about}")
    if written.manifest.anchors_left_out:
        paragraph(
            f"{written.manifest.anchors_left_out} anchors were left out, since the base did not "
            "end its answer or gave a value that the fact replaces."
        )
    paragraph(f"In {written.folder}, start one of: {'; '.join(written.starts)}")
    paragraph("README.md there says what the other trainer does otherwise than `factlab run`.")


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
        [[q.family, _asked(q), q.target or (q.written(q.gold) if q.gold else "")] for q in shown],
        title=f"{split}: {len(items)} in {families} families, {len(shown)} shown",
    )


def _asked(question: Question) -> str:
    """A question, a challenge behind what is asked before it."""
    return f"{question.opening} … {question.text}" if question.opening else question.text


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
