"""Help in groups: headings for the options of a command, and for the commands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from typer.core import TyperCommand, TyperGroup

from factlab.schema.recipe import OVERRIDES

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter

# Options by the name of their setting or parameter, in the order of the help. One that is not
# named here stands under TRAINED, if it is of the recipe, else under REST.
TRAINED, REST = "How it is trained", "Files and output"
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "First choices": (
        *("quick", "minutes", "cells", "confirm", "tuned", "base", "model", "recipe", "rank"),
        "precision",
        *("learning_rate", "epochs", "seeds", "together", "out", "dry_run", "resume"),
    ),
    "What is trained": ("method", "alpha", "dropout", "bias", "init", "targets", "last_layers"),
    TRAINED: (
        *("batch_size", "schedule", "warmup_share", "optimizer", "weight_decay", "max_grad_norm"),
        *("max_steps", "early_stop", "seed"),
    ),
    "What holds the rest of the model as it was": (
        *("anchor_weight", "anchor_kinds", "anchor_prompts", "anchor_tokens", "anchors_per_step"),
        *("mining", "anchor_divergence", "anchor_schedule", "unlikelihood"),
    ),
    "Distillation": ("distill_weight", "temperature", "teacher"),
    "Training data": (
        *("train_pairs", "validation_pairs", "families", "mix", "on_bad_row", "practice_examples"),
        *("max_example_tokens", "data_seed"),
    ),
    "What is measured": (
        *("far", "controls", "questions_per_fact", "train_sample", "checkpoints", "keep"),
        *("placebo", "shuffle", "max_new_tokens"),
        *("benchmarks", "benchmark_data", "benchmark_limit"),
    ),
    "Gates": ("fail_if", "against"),
    "Machine": (
        *("compute_dtype", "attention", "device_map", "gradient_checkpointing", "pack"),
        "generation_batch",
    ),
}
_NAMED = {name for names in _OPTIONS.values() for name in names}
OPTIONS: Mapping[str, tuple[str, ...]] = {
    **_OPTIONS,
    TRAINED: (*_OPTIONS[TRAINED], *(name for name in OVERRIDES if name not in _NAMED)),
}
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "First steps": ("init", "validate", "preview", "run", "show", "report", "ask"),
    "Compare and search": ("compare", "evaluate", "tune", "capacity", "combine", "rescore"),
    "Data": ("practice", "import", "list", "schema"),
    "Models and machine": ("plan", "screen", "export", "push", "doctor"),
}
OTHER_COMMANDS = "Other commands"
_WHOLE = 1000  # characters: a command's first sentence is shown to its end
Row = tuple[str, str]


def grouped(
    named: Mapping[str, Row], headings: Mapping[str, Iterable[str]], rest: str
) -> dict[str, list[Row]]:
    """Rows of the help under their headings, each once; what no heading names stands under `rest`.

    Args:
        named: Name → its row.
        headings: Heading → names, in their order.
        rest: The heading of all others.
    """
    left = dict(named)
    found = {
        heading: [left.pop(name) for name in names if name in left]
        for heading, names in headings.items()
    }
    found[rest] = list(left.values())
    return {heading: rows for heading, rows in found.items() if rows}


class GroupedCommand(TyperCommand):
    """A command whose many options stand under headings."""

    def format_options(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write its arguments, then its options by heading."""
        arguments: dict[str, Row] = {}
        options: dict[str, Row] = {}
        for parameter in self.get_params(ctx):
            if (row := parameter.get_help_record(ctx)) is not None:
                of = arguments if parameter.param_type_name == "argument" else options
                of[parameter.name or ""] = row
        _write(formatter, {"Arguments": list(arguments.values())})
        _write(formatter, grouped(options, OPTIONS, REST))


class GroupedCommands(TyperGroup):
    """All commands, under headings, each with its first sentence."""

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write the commands by heading."""
        found = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        rows = {
            name: (name, command.get_short_help_str(_WHOLE))
            for name, command in found.items()
            if command is not None and not command.hidden
        }
        _write(formatter, grouped(rows, COMMANDS, OTHER_COMMANDS))


def _write(formatter: HelpFormatter, sections: Mapping[str, list[Row]]) -> None:
    for heading, rows in sections.items():
        with formatter.section(heading):
            formatter.write_dl(rows)
