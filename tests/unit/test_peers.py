"""The benchmarks' contenders train alike: factlab's cells say what the scripts are given."""

from __future__ import annotations

from benchmarks import peers
from benchmarks.training import factlab_cell
from factlab.recipes.load import shipped_recipe


def test_the_recipe_of_the_sweep_has_the_scripts_settings() -> None:
    plain = shipped_recipe("plain")
    settings = (plain.rank, plain.alpha, plain.batch_size, plain.learning_rate)
    assert settings == (peers.RANK, peers.ALPHA, peers.BATCH, peers.LEARNING_RATE)
    assert (plain.warmup_share, plain.max_grad_norm) == (peers.WARMUP_SHARE, peers.CLIP)
    same = {"name", "about", "epochs"}
    assert plain.model_dump(exclude=same) == factlab_cell("bf16", 1).recipe.model_dump(exclude=same)
    # What SFTTrainer and the peers' LoraConfig do by themselves, or are told.
    assert (plain.schedule, plain.optimizer, plain.weight_decay) == ("linear", "adamw", 0)
    assert (plain.dropout, plain.targets, plain.method) == (0, "all-linear", "lora")
    assert (plain.anchor_weight, plain.distill_weight) == (0, 0)
