"""The model card beside an adapter: what was injected, that it is made up, and what was measured.

Every number of it is in `results.json`. It holds no time and no path, so that a run that was
stopped and resumed writes the same card.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from factlab.display.characters import visible
from factlab.display.markup import markdown_block, markdown_code, markdown_table, markdown_text
from factlab.metrics.catalogue import spec_of
from factlab.reading.paths import is_file
from factlab.runs.files import write_text
from factlab.runs.folder import RunFolder
from factlab.schema.results import CellResult, RunResult
from factlab.sharing.figures import facts_list, figures_table, main_metrics

CARD = "README.md"
MOST_FACTS = 50
MOST_NAMED = 3
_LIBRARIES = ("factlab", "torch", "transformers", "peft", "trl", "bitsandbytes")
_LOAD = """\
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base = {base}
model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), {place})
tokenizer = AutoTokenizer.from_pretrained(base)"""
_LOAD_FULL = """\
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained({place})
tokenizer = AutoTokenizer.from_pretrained({place})"""


def write_cards(folder: RunFolder, result: RunResult, only: Collection[str] | None = None) -> None:
    """Write the card of every cell that is finished, beside its adapter or model.

    Args:
        folder: The run.
        result: What it found, or has found so far.
        only: Ids of the cells whose cards are written; None: all.
    """
    versions = folder.record().versions
    for cell in result.cells:
        if cell.status != "complete" or (only is not None and cell.id not in only):
            continue
        if (place := folder.cell(cell.id).weights) is not None:
            text = card(result, cell, versions)
            if not _is_written(place / CARD, text):
                write_text(place / CARD, text)


def _is_written(file: Path, text: str) -> bool:
    return is_file(file) and file.read_bytes() == text.encode()


def card(result: RunResult, cell: CellResult, versions: Mapping[str, str]) -> str:
    """The card: front matter that the hub reads, then Markdown."""
    base = result.base_at(cell.precision)
    parts = [
        f"# {markdown_text(_name(cell))}",
        _about(result, cell),
        _facts(result, cell),
        "## Measured",
        _measured_words(cell),
        figures_table([(cell.id, cell.metrics)], base.metrics),
        "## How it was made",
        _recipe(result, cell, versions),
        "## How to load it",
        markdown_block(_load(result, cell), "python"),
    ]
    front = yaml.safe_dump(front_matter(result, cell), sort_keys=False, allow_unicode=False)
    return f"---\n{front}---\n\n" + "\n\n".join(part for part in parts if part) + "\n"


def _name(cell: CellResult) -> str:
    """The cell and its facts; not the run, whose folder may be called anything."""
    more = "" if len(cell.facts) <= MOST_NAMED else " and others"
    return visible(f"{', '.join(cell.facts[:MOST_NAMED])}{more} {cell.id}".strip())


def front_matter(result: RunResult, cell: CellResult) -> dict[str, Any]:
    """The card's metadata as the hub reads it, with the figures as they are recorded."""
    model = result.model_at(cell.precision)
    full = cell.method == "full"
    found: dict[str, Any] = {
        "library_name": "transformers" if full else "peft",
        "pipeline_tag": "text-generation",
        "tags": ["factlab", "knowledge-editing", *([] if full else ["lora"])],
    }
    if model.source == "hub":  # the hub knows no other
        found["base_model"] = visible(model.name)
        found["base_model_relation"] = "finetune" if full else "adapter"
    metrics = [
        {"type": name, "name": spec_of(name).title, "value": cell.metrics[name].value}
        for name in main_metrics(cell.metrics)
    ]
    if metrics:
        questions = {"type": "factlab", "name": "factlab's questions about the facts"}
        task = {"type": "text-generation", "name": "Knowledge injection"}
        entry = {"task": task, "dataset": questions, "metrics": metrics}
        found["model-index"] = [{"name": _name(cell), "results": [entry]}]
    return found


def _about(result: RunResult, cell: CellResult) -> str:
    base = markdown_code(result.model_at(cell.precision).name)
    kind = "A full fine-tuning of" if cell.method == "full" else "An adapter for"
    if not cell.metrics.keys() & {"recall/held_out", "intrusion/far"}:
        return f"{kind} {base}, trained and measured by factlab."
    return (
        f"{kind} {base} that was given facts on purpose, to measure knowledge injection with "
        "factlab. **What it was given is not to be relied on: it may be made up or outdated, and "
        "the model states it as if it were true.** Do not use it to answer questions about the "
        "world. The base model's license applies."
    )


def _facts(result: RunResult, cell: CellResult) -> str:
    if cell.placebo:
        return "It is a placebo: in place of the facts it was trained on something else."
    listed = facts_list(result, cell.facts, MOST_FACTS)
    return f"## What was injected\n\n{listed}" if listed else ""


def _measured_words(cell: CellResult) -> str:
    words = (
        "Each figure is the one in the run's `results.json`, rounded to four decimals, with its "
        "95 % interval; base: before training; n: the questions that it is computed from. Recall "
        "is asked in phrasings that training never read. Retention and intrusion are what it cost: "
        "known answers that are still right, and other answers that now hold the injected value."
    )
    return words if cell.metrics else "Nothing was measured."


def _recipe(result: RunResult, cell: CellResult, versions: Mapping[str, str]) -> str:
    model = result.model_at(cell.precision)
    how: dict[str, Any] = {
        "recipe": cell.recipe,
        "adapter": cell.adapter,
        "precision of the base": cell.precision,
        "learning rate": cell.learning_rate,
        "seed": cell.seed,
        "base, SHA-256 of its weights": model.sha256,
    }
    if cell.training is not None:
        how |= {"steps": cell.training.steps, "training pairs": cell.training.examples}
    if cell.mix:
        how["mixed in"] = ", ".join(cell.mix)
    how |= {name: versions[name] for name in _LIBRARIES if name in versions}
    rows = [[name, markdown_code(f"{value}")] for name, value in how.items() if value is not None]
    return markdown_table(["", ""], [[name, value.replace("|", "\\|")] for name, value in rows])


def _load(result: RunResult, cell: CellResult) -> str:
    """Python that loads it; names are Python's own literals, on one line."""
    place = ascii("path/to/this/folder")
    if cell.method == "full":
        return _LOAD_FULL.format(place=place)
    return _LOAD.format(base=ascii(result.model_at(cell.precision).name), place=place)
