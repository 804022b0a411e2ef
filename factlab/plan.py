"""What a run would do, without doing it: facts, questions, cells. Loads no model, no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from factlab.errors import ConfigError
from factlab.expand.anchors import anchor_questions
from factlab.expand.controls import far_questions, near_questions, unanswerable_questions
from factlab.expand.splits import Expansion, expand
from factlab.runs.folder import config_sha256
from factlab.schema.answer import Answer
from factlab.schema.config import Cell, Recipe, RunConfig
from factlab.schema.fact import Fact, load_facts
from factlab.schema.question import Question
from factlab.schema.recipes import RECIPES
from factlab.schema.results import FactSummary
from factlab.schema.yaml import did_you_mean, read_yaml


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A run, fully validated and expanded."""

    config: RunConfig
    recipe: Recipe
    facts: tuple[Fact, ...]
    expansions: dict[str, Expansion]
    near: dict[str, tuple[Question, ...]]
    far: tuple[Question, ...]
    unanswerable: tuple[Question, ...]
    anchors: dict[str, tuple[Question, ...]]
    cells: tuple[Cell, ...]

    @property
    def name(self) -> str:
        """Beginning of the run folder's name."""
        return self.facts[0].id if len(self.facts) == 1 else f"{len(self.facts)}-facts"

    @property
    def questions(self) -> tuple[Question, ...]:
        """Every question of the run, those of all facts."""
        own = tuple(
            question
            for fact in self.facts
            for group in (self.expansions[fact.id].all(), self.near[fact.id], self.anchors[fact.id])
            for question in group
        )
        return (*own, *self.far, *self.unanswerable)

    @property
    def injected(self) -> dict[str, Answer]:
        """The new value of each fact."""
        return {fact.id: fact.answer for fact in self.facts}

    @property
    def sha256(self) -> str:
        """Hash of all that decides the run's numbers."""
        return config_sha256(self.config, self.questions)

    def asked(self, fact_id: str) -> list[Question]:
        """What is measured for one fact: its questions, its near controls, and all far ones.

        Of the training questions only a fixed sample is asked, one of each family in turn.
        """
        splits = self.expansions[fact_id]
        return [
            *_sample(splits.train, self.config.train_sample),
            *splits.validation,
            *splits.held_out,
            *splits.reverse,
            *splits.entailed,
            *self.near[fact_id],
            *self.far,
            *self.unanswerable,
        ]

    def summaries(self) -> tuple[FactSummary, ...]:
        """What results say about the facts."""
        return tuple(
            FactSummary(
                id=fact.id,
                statement=fact.statement,
                subject=fact.subject.name,
                answer=fact.answer.primary(),
                superseded=fact.supersedes.primary() if fact.supersedes else None,
            )
            for fact in self.facts
        )


def plan_run(config: RunConfig) -> RunPlan:
    """Load, check and expand everything that a run needs.

    Raises:
        FactlabError: for whatever is wrong with the facts, the phrasings or the settings.
    """
    recipe = find_recipe(config.recipe)
    facts = tuple(load_facts(config.facts))
    far, unanswerable = far_questions(), unanswerable_questions()
    near = {fact.id: near_questions(fact) for fact in facts}
    return RunPlan(
        config=config,
        recipe=recipe,
        facts=facts,
        expansions={
            fact.id: expand(
                fact,
                seed=config.data_seed,
                train_pairs=config.train_pairs,
                validation_pairs=config.validation_pairs,
            )
            for fact in facts
        },
        near=near,
        far=far,
        unanswerable=unanswerable,
        anchors={
            fact.id: tuple(
                anchor_questions(
                    fact,
                    recipe.anchor_kinds,
                    seed=config.data_seed,
                    controls=[*near[fact.id], *far, *unanswerable],
                )
            )
            for fact in facts
        },
        cells=_cells(config, recipe, facts),
    )


def find_recipe(name: str) -> Recipe:
    """A recipe by its name.

    Raises:
        ConfigError: for an unknown one.
    """
    if name not in RECIPES:
        raise ConfigError(
            f"unknown recipe '{name}'.{did_you_mean(name, RECIPES)} Known recipes: "
            f"{', '.join(RECIPES)}. `factlab list recipes` describes them."
        )
    return RECIPES[name]


def read_config(file: Path) -> dict[str, Any]:
    """Settings from a YAML file, as written; the command line's own go on top.

    Raises:
        ConfigError: with file, line and column.
    """
    document = read_yaml(file, ConfigError)
    config = document.parse(RunConfig, "A run configuration")
    return config.model_dump(include=config.model_fields_set)


def _cells(config: RunConfig, recipe: Recipe, facts: tuple[Fact, ...]) -> tuple[Cell, ...]:
    """One cell per fact, rank and seed; the same seeds, data and order for every rank."""
    ranks = tuple(dict.fromkeys(config.rank)) or (recipe.rank,)
    seeds = tuple(dict.fromkeys(config.seed))
    if not seeds:
        raise ConfigError("no seed is given. Pass at least one, such as --seed 0.")
    return tuple(
        Cell(
            id=f"{f'{fact.id}-' if len(facts) > 1 else ''}r{rank:02d}-s{seed}",
            fact=fact.id,
            rank=rank,
            alpha=recipe.alpha,
            seed=seed,
            precision=config.precision,
            recipe=recipe,
        )
        for fact in facts
        for rank in ranks
        for seed in seeds
    )


def _sample(questions: tuple[Question, ...], size: int) -> list[Question]:
    """The first of each family, then the second of each, until `size`; each text once."""
    by_family: dict[str, dict[str, Question]] = {}
    for question in questions:
        by_family.setdefault(question.family, {}).setdefault(question.text, question)
    columns = [list(family.values()) for family in by_family.values()]
    longest = max((len(column) for column in columns), default=0)
    mixed = [column[i] for i in range(longest) for column in columns if i < len(column)]
    return mixed[:size]
