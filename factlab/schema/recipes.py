"""The named recipes of `factlab list recipes`."""

from __future__ import annotations

from factlab.schema.config import Recipe

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="default",
            about="Batched QLoRA on all linear layers, held to the base model on anchor prompts.",
            batch_size=8,
            learning_rate=1e-3,
            anchor_weight=1.0,
            anchors_per_step=4,
        ),
        Recipe(
            name="tutorial",
            about="The settings tutorials use (batch 1, 3 epochs, dropout 0.1); known to blur.",
            dropout=0.1,
            epochs=3,
            batch_size=1,
            learning_rate=2e-4,
            warmup_share=0.03,
        ),
    )
}
