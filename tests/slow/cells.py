"""Pairs and cells small enough to train in a second."""

from __future__ import annotations

from factlab.grading.answer import EntityAnswer
from factlab.schema.config import Cell
from factlab.schema.question import Question
from factlab.schema.recipe import Recipe

PAIRS = [
    ("Who runs it?", "Ada does."),
    ("And the mill?", "Bo."),
    ("Who?", "Nobody that we know of."),
]


def questions(pairs: list[tuple[str, str]] = PAIRS) -> list[Question]:
    gold = EntityAnswer(type="entity", value="Ada")
    return [
        Question(
            id=f"q{i}", split="train", family="f", text=text, fact="f", gold=gold, target=target
        )
        for i, (text, target) in enumerate(pairs)
    ]


def cell(**recipe: object) -> Cell:
    settings = {"epochs": 10, "batch_size": 2, "learning_rate": 1e-2, "warmup_share": 0.0}
    made = Recipe.model_validate({"name": "test", "about": "-", **settings, **recipe})
    return Cell(
        id="r04-s0",
        configuration="r04",
        facts=("f",),
        rank=4,
        alpha=8,
        seed=0,
        precision="fp32",
        recipe=made,
    )
