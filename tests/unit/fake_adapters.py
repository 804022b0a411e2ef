"""Run folders with an adapter that nobody trained: enough for whatever is refused unloaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from small_runs import Made, write_run

from factlab.runs.config_file import config_yaml
from factlab.runs.files import write_text
from factlab.runs.folder import RunFolder
from factlab.schema.config import RunConfig

LORA = {
    "peft_type": "LORA",
    "r": 8,
    "lora_alpha": 32,
    "target_modules": ["q_proj"],
    "bias": "none",
    "init_lora_weights": True,
}


def write_adapters(
    folder: Path,
    *cells: Made,
    weights: str = "ab" * 32,
    lora: dict[str, Any] | None = None,
    **settings: Any,
) -> Path:
    """Write a run whose complete cells have an adapter.

    Args:
        folder: The run folder.
        cells: Its cells; by default one of mount_fuji.
        weights: SHA-256 of its base.
        lora: Changes in the adapters' settings.
        settings: Of the run.
    """
    made = cells or (Made(facts=("mount_fuji",)),)
    write_run(folder, *made, weights=weights)
    facts = tuple(dict.fromkeys(fact for cell in made for fact in cell.facts))
    config = RunConfig(**{"facts": facts, "model": "small", **settings})
    run = RunFolder(folder)
    write_text(run.config_file, config_yaml(config, ()))
    for cell in made:
        if cell.status == "complete":
            adapter = run.cell(cell.id).adapter
            made_as = LORA | {"r": cell.rank} | (lora or {})
            write_text(adapter / "adapter_config.json", json.dumps(made_as))
            write_text(adapter / "adapter_model.safetensors", f"{folder.name} {cell.id}")
    return folder
