"""Placebos: as many pairs as a fact has, which say nothing of it, trained by the same recipe.

What a control loses under a placebo is what any fine-tuning of this length does. There are two: the
pairs of another fact, and everyday conversations. Anchors alone would be no training at all, since
their loss, KL to the base, begins at 0 and stays there; so a placebo keeps the recipe's anchors
beside its pairs, as the fact does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle, islice
from typing import get_args

from factlab.conversations.selection import ContaminationFilter, draw
from factlab.conversations.source import read_set
from factlab.errors import ConfigError
from factlab.expand.splits import Expansion
from factlab.experiment.experiment import Experiment
from factlab.schema.fact import Fact, load_fact, shipped_facts
from factlab.schema.question import Question
from factlab.schema.results import Placebo

CHATS = "everyday"  # the shipped set of conversations
Placebos = dict[tuple[Placebo, tuple[str, ...]], tuple[Question, ...]]


def placebo_pairs(
    experiment: Experiment, guard: ContaminationFilter, expanded: Callable[[Fact], Expansion]
) -> Placebos:
    """The pairs of each placebo, by kind and the facts that it stands beside.

    Args:
        experiment: The run; its facts decide how many pairs there are.
        guard: What no conversation may hold.
        expanded: A fact → its splits, as the run's settings want them.

    Raises:
        ConfigError: if no other fact in the language of a run's facts is known.
    """
    found: Placebos = {}
    for facts in dict.fromkeys(cell.facts for cell in experiment.cells):
        wanted = len(experiment.training_pairs(facts))
        for kind in get_args(Placebo):
            drawn = (
                [pair for fact in _other_facts(experiment, facts) for pair in expanded(fact).train]
                if kind == "fact"
                else _conversations(guard, wanted)
            )
            found[kind, facts] = _numbered(drawn, wanted, f"{facts[0]}/placebo/{kind}")
    return found


def _other_facts(experiment: Experiment, facts: Sequence[str]) -> list[Fact]:
    """As many shipped facts, which are not in the run and ask for something else."""
    own = [fact for fact in experiment.facts if fact.id in facts and isinstance(fact, Fact)]
    trained = {fact.id for fact in experiment.facts}
    relations = {fact.relation for fact in own}
    others = [
        fact
        for language in dict.fromkeys(one.language for one in own)
        for _, file in sorted(shipped_facts(language).items())
        if (fact := load_fact(file)).id not in trained and fact.relation not in relations
    ]
    if not others:
        raise ConfigError(
            "--placebo: there is no other fact in the language of this run's facts whose pairs "
            "could be trained instead. Leave --placebo out."
        )
    return others[: len(facts)]


def _conversations(guard: ContaminationFilter, wanted: int) -> list[Question]:
    drawn = draw(read_set(CHATS).conversations, wanted, seed="placebo", guard=guard)
    return [conversation.as_question("placebo", CHATS) for conversation in drawn.kept]


def _numbered(pairs: Sequence[Question], wanted: int, owner: str) -> tuple[Question, ...]:
    """So many pairs, from the first again where there are fewer; none is graded."""
    return tuple(
        Question(
            id=f"{owner}/{number}",
            split="placebo",
            family=pair.family,
            text=pair.text,
            before=pair.before,
            target=pair.target,
        )
        for number, pair in enumerate(islice(cycle(pairs), wanted))
    )
