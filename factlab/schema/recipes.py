"""The named recipes of `factlab list recipes`."""

from __future__ import annotations

from factlab.schema.config import Recipe

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
