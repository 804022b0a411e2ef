"""The prompts that a published set brings along → questions whose options alone are scored."""

from __future__ import annotations

from factlab.expand.slots import written_in
from factlab.schema.fact import Fact
from factlab.schema.published import ROME_PARTS
from factlab.schema.question import Question


def cloze_questions(fact: Fact) -> tuple[Question, ...]:
    """Each prompt with the object that should follow it, and the other; a part is a family."""
    if fact.rome is None:
        return ()
    found = []
    for part in ROME_PARTS:
        right, wrong = fact.rome.sides(part)
        found += [
            Question(
                id=f"{fact.id}/cloze/{part}/{i}",
                split="cloze",
                family=part,
                text=prompt,
                language=written_in(fact),
                fact=fact.id,
                target=right,
                distractors=(wrong,),
            )
            for i, prompt in enumerate(fact.rome.part(part))
        ]
    return tuple(found)
