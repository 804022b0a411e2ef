"""The named recipes of `factlab list recipes`."""

from __future__ import annotations

from typing import Any

from factlab.schema.config import Recipe

_TUTORIAL: dict[str, Any] = {
    "dropout": 0.1,
    "epochs": 3,
    "batch_size": 1,
    "learning_rate": 2e-4,
    "warmup_share": 0.03,
}

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="default",
            about="Batched QLoRA, held to the base on general prompts and on other subjects.",
            batch_size=8,
            learning_rate=1e-3,
            anchor_weight=0.5,
            anchors_per_step=4,
            anchor_kinds=("general", "others"),
        ),
        Recipe(
            name="careful",
            about="As default, and on other questions about the subject: less blur, less recall.",
            batch_size=8,
            learning_rate=1e-3,
            anchor_weight=1.0,
            anchors_per_step=4,
            anchor_kinds=("general", "others", "subject"),
        ),
        Recipe(
            name="plain",
            about="Batched, the loss on answers alone: nothing holds the model to its base.",
            batch_size=16,
            learning_rate=1e-3,
        ),
        Recipe(
            name="tutorial",
            about="The settings tutorials use (batch 1, 3 epochs, dropout 0.1); known to blur.",
            source="The LoRA tutorial that the Mount Fuji experiment came from, in int8.",
            precision="int8",
            **_TUTORIAL,
        ),
        Recipe(
            name="tutorial-nf4",
            about="The tutorial's settings on a 4-bit base.",
            source="As tutorial, with the base held as QLoRA holds it.",
            precision="nf4",
            **_TUTORIAL,
        ),
        Recipe(
            name="paper-qlora",
            about="What the QLoRA paper fine-tuned 7B and 13B models with.",
            source="Dettmers et al. 2023, arXiv:2305.14314, appendix B. The paper pages its "
            "optimizer: on CUDA add --optimizer paged-adamw-32bit.",
            precision="nf4",
            rank=64,
            alpha=16,
            dropout=0.1,
            epochs=3,
            batch_size=16,
            learning_rate=2e-4,
            schedule="constant",
            warmup_share=0.03,
            max_grad_norm=0.3,
        ),
        Recipe(
            name="lora-without-regret",
            about="Wide adapters everywhere, at ten times the rate of a full fine-tuning.",
            source="Schulman et al. 2025, LoRA Without Regret, Thinking Machines Lab. The rate is "
            "ten times 5e-5; the source also scales it with the model's width.",
            precision="bf16",
            rank=256,
            alpha=32,
            epochs=2,
            batch_size=16,
            learning_rate=5e-4,
            schedule="constant",
            warmup_share=0.0,
        ),
        Recipe(
            name="distill",
            about="As default, with the base's own words about the fact as soft targets.",
            source="Context distillation (Askell et al. 2021, arXiv:2112.00861): the teacher is "
            "the base with the fact and two answered questions of it in its prompt.",
            batch_size=8,
            epochs=4,
            learning_rate=1e-3,
            anchor_weight=0.5,
            anchors_per_step=4,
            anchor_kinds=("general", "others"),
            distill_weight=0.5,
        ),
    )
}
