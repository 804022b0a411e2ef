"""`factlab list`: what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from factlab.cli.output import paragraph, say, table
from factlab.errors import ConfigError

KINDS = (
    "facts",
    "templates",
    "controls",
    "sets",
    "published",
    "recipes",
    "methods",
    "metrics",
    "models",
    "runs",
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("list", epilog="Example: factlab list recipes")(list_)


def list_(
    kind: Annotated[
        str,
        typer.Argument(metavar="KIND", help=f"{', '.join(KINDS)}."),
    ],
) -> None:
    """List what is shipped, cached or made: facts, controls, recipes, metrics, models, runs."""
    from factlab.schema.yaml import did_you_mean

    lists = {
        "facts": _facts,
        "templates": _templates,
        "controls": _controls,
        "sets": _sets,
        "published": _published,
        "recipes": _recipes,
        "methods": _methods,
        "metrics": _metrics,
        "models": _models,
        "runs": _runs,
    }
    if kind not in lists:
        raise ConfigError(
            f"unknown kind '{kind}'.{did_you_mean(kind, KINDS)} Known kinds: {', '.join(KINDS)}."
        )
    lists[kind]()


def _facts() -> None:
    from factlab.schema.fact import load_source, shipped_facts

    facts = [load_source(file) for file in shipped_facts(None).values()]
    table(
        ["fact", "answer", "statement"],
        [[fact.id, fact.summary, fact.statement] for fact in facts],
    )


def _templates() -> None:
    from factlab.schema.template import known_relations, load_phrasebook

    relations = known_relations()
    book = load_phrasebook(relations[0], "en")
    for side, families in (("train", book.train.families), ("held out", book.held_out.families)):
        table(
            ["family", "situation", "wordings"],
            [[f.id, f.situation, str(len(f.questions))] for f in families],
            title=f"{side}: {len(families)} families",
        )
    paragraph(
        f"Relations with phrasings of their own: {', '.join(relations)}. Other relations use "
        "the general phrasings."
    )


def _published() -> None:
    from factlab.published.published_set import published_sets

    found = published_sets().values()
    table(
        ["set", "licence", "files", "becomes"],
        [[one.name, one.licence, one.layout, one.becomes] for one in found],
    )
    paragraph("`factlab import SET FILE --out FOLDER` reads one; docs/import.md says more.")


def _controls() -> None:
    from factlab.schema.control import load_controls, load_near_controls, load_prompts
    from factlab.schema.shipped import shipped

    root = shipped("evals")
    rows = []
    suites = [(file, load_controls(file)) for file in sorted(root.glob("*/far/*.yaml"))]
    suites += [(file, load_near_controls(file)) for file in sorted(root.glob("near/*.yaml"))]
    for file, suite in suites:
        rows += [[str(file.relative_to(root)), g.name, str(len(g.questions))] for g in suite.groups]
    prompts = [
        f for name in ("unanswerable", "anchors") for f in sorted(root.glob(f"*/{name}.yaml"))
    ]
    for file in prompts:
        total = sum(len(group.questions) for group in load_prompts(file).groups)
        rows.append([str(file.relative_to(root)), "all groups", str(total)])
    table(["file", "group", "questions"], rows)


def _sets() -> None:
    from factlab.conversations.source import read_set, shipped_sets

    rows = []
    for name, file in shipped_sets().items():
        read = read_set(str(file))
        answers = [len(c.answer.split()) for c in read.conversations]
        rows.append([name, str(len(answers)), f"{min(answers)}–{max(answers)}"])
    table(["set", "conversations", "words in an answer"], rows)
    say("Also taken by --mix and by `factlab practice`: files of your own (docs/data.md).")


def _recipes() -> None:
    from factlab.recipes.load import shipped_recipes
    from factlab.schema.options import value_text

    rows = [
        [
            recipe.name,
            f"rank {recipe.rank}, alpha {value_text(recipe.alpha)}, dropout {recipe.dropout:g}, "
            f"{recipe.targets}, on {recipe.precision or 'nf4'}",
            f"{recipe.epochs:g} epochs, batch {recipe.batch_size}, lr {recipe.learning_rate:g} "
            f"{recipe.schedule}, clipped at {recipe.max_grad_norm:g}",
            recipe.about,
            recipe.source or "factlab's own",
        ]
        for recipe in shipped_recipes().values()
    ]
    table(["recipe", "adapter", "training", "what it is for", "source"], rows)


def _methods() -> None:
    from factlab.schema.combine import METHODS

    rows = [
        [
            how,
            method.about,
            "one" if method.equal_ranks else "any",
            ", ".join(
                word
                for word, used in (
                    ("--density", method.thins),
                    ("--svd-rank", method.truncates),
                    ("--seed", method.random),
                )
                if used
            ),
        ]
        for how, method in METHODS.items()
    ]
    table(["--how", "what it does to the adapters", "ranks", "options"], rows)


def _metrics() -> None:
    from itertools import groupby

    from factlab.metrics.catalogue import PAGE_ROWS
    from factlab.metrics.reference import UNITS, uses

    for group, rows in groupby(PAGE_ROWS, key=lambda row: row.group):
        table(
            ["metric", "unit", "good", "mean over", "decides"],
            [
                [row.name, UNITS[row.unit], row.better, row.mean_of, ", ".join(uses(row))]
                for row in rows
            ],
            title=group,
        )
    paragraph(
        "Each can be a gate of --fail-if. <suite> is a control suite of your own (--controls). "
        "docs/metrics.md has the formulas, caveats and sources, and the splits of <split>."
    )


def _models() -> None:
    from factlab.memory.known import KNOWN, SHORT
    from factlab.memory.shapes import shape_of
    from factlab.models.cache import CachedModel, cache_folder
    from factlab.models.packaged import PACKAGED

    folders = sorted((cache_folder() / "models").glob("*/manifest.json"))
    table(["packaged", "what it is"], [[one.name, one.about] for one in PACKAGED.values()])
    say()
    table(
        ["cached", "whole"],
        [[str(f.parent), CachedModel(f.parent).damaged() or "yes"] for f in folders],
    )
    say("Also taken by --model: a local folder of safetensors, a .gguf file, or a hub id.")
    say()
    paragraph("`factlab plan` knows these without their files, by name or by size:")
    short = {name: ", ".join(s for s, full in SHORT.items() if full == name) for name in KNOWN}
    table(
        ["known", "or", "parameters", "source"],
        [
            [name, short[name], f"{shape_of(model.config, name).parameters:,}", model.source]
            for name, model in KNOWN.items()
        ],
    )


def _runs() -> None:
    from factlab.errors import RunFolderError
    from factlab.runs.folder import RunFolder

    rows = []
    for file in sorted(Path("reports").glob("*/run.json")):
        try:
            record = RunFolder(file.parent).record()
            rows.append([str(file.parent), record.status, record.started, " ".join(record.argv)])
        except RunFolderError as error:
            rows.append([str(file.parent), "unreadable", "", str(error)])
    if not rows:
        say("No runs under reports/. `factlab run mount_fuji` makes one.")
        return
    table(["run", "status", "started", "command"], rows)
