"""Settings → the experiment, fully checked and expanded; loads no model and no torch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from factlab.combination.grid import combined_cells
from factlab.comparison.seeds import lacks_seeds
from factlab.conversations.mix import MixShare, load_mix, parse_mix
from factlab.conversations.practice import expand_practice, load_practice
from factlab.conversations.selection import ContaminationFilter, Length, notes_on
from factlab.errors import ConfigError
from factlab.expand.anchors import anchor_orders
from factlab.expand.controls import (
    extra_questions,
    language_notes,
    languages_of,
    near_questions,
    unanswerable_questions,
)
from factlab.expand.own_relations import with_own_relations
from factlab.expand.passages import expand_passage, left_out
from factlab.expand.sampling import drawn
from factlab.expand.shuffle import swap_partners, with_answer_of
from factlab.expand.slots import supplied_words
from factlab.expand.splits import Expansion, expand
from factlab.experiment.checks import check_cells, check_experiment, check_practice
from factlab.experiment.experiment import Experiment
from factlab.experiment.far_controls import FarChoice, choose_far, far_of_run
from factlab.experiment.grid import cells_of
from factlab.experiment.placebo import placebo_pairs
from factlab.experiment.tuned_cells import tuned_cells
from factlab.recipes.load import as_recorded, find_recipes
from factlab.schema.config import Cell, RunConfig
from factlab.schema.control import SuiteName
from factlab.schema.conversation import SetRecord
from factlab.schema.fact import Fact, load_facts
from factlab.schema.passage import Passage
from factlab.schema.question import Question
from factlab.schema.quick import quick_note
from factlab.schema.recipe import AnchorChoice, Recipe
from factlab.schema.source import PracticeSet, TrainingSource
from factlab.schema.trackers import check_tracker_names
from factlab.schema.yaml import read_yaml
from factlab.training.steps import train_steps


def plan_experiment(
    config: RunConfig,
    length: Length | None = None,
    far: FarChoice | None = None,
    expanded: Mapping[str, Expansion] | None = None,
) -> Experiment:
    """Load, check and expand everything that a run needs.

    Args:
        config: All settings.
        length: Tokens of a conversation, where a mix or a practice set is to be bounded by them;
            without it none is left out for its length.
        far: The far controls of a screened base; without it as many as there would be.
        expanded: The splits of facts and passages, where the same settings were planned before.

    Raises:
        FactlabError: for whatever is wrong with the facts, the phrasings or the settings.
    """
    recipes = find_recipes(config.recipes)
    config = config.model_copy(update={"recipe": as_recorded(recipes)})
    check_tracker_names(config.report_to)
    wanted = parse_mix(config.mix)
    facts = _training_sources(config, recipes)
    cells = _cells(config, recipes, facts)
    languages = languages_of(facts)
    far = far or _far(config, languages)
    unanswerable = unanswerable_questions(languages)
    extra, notes = extra_questions([Path(name) for name in config.controls])
    quick = (quick_note(config),) if config.quick else ()
    all_near = {fact.id: near_questions(fact) for fact in facts}
    near = {id_: _asked(config, own) for id_, own in all_near.items()}
    controls = [*far.questions, *extra, *unanswerable]
    guard = _guard(config, facts, [*controls, *(q for own in near.values() for q in own)], length)
    expansions, practised = _expansions(config, facts, guard, expanded)
    choices = _anchors_drawn(config, cells, expansions, sum(one.share for one in wanted))
    anchors = {}
    for fact in facts:
        own = expansions[fact.id]
        unseen = [*all_near[fact.id], *controls, *own.held_out, *own.alias, *own.other_language]
        unseen += own.belief
        anchors[fact.id] = anchor_orders(fact, choices, seed=config.data_seed, controls=unseen)
    experiment = Experiment(
        config=config,
        recipes=recipes,
        facts=facts,
        expansions=expansions,
        near=near,
        far=far.questions,
        extra=extra,
        unanswerable=unanswerable,
        anchors={fact_id: _each_once(orders) for fact_id, orders in anchors.items()},
        anchor_orders=anchors,
        cells=cells,
        sets=practised,
        notes=(*quick, *notes, *far.notes, *_notes(facts, practised, cells)),
    )
    experiment = _with_mix(experiment, wanted, guard) if wanted else experiment
    experiment = _with_placebos(experiment, guard) if config.placebo else experiment
    check_experiment(experiment)
    return experiment


def _cells(
    config: RunConfig, recipes: Sequence[Recipe], facts: Sequence[TrainingSource]
) -> tuple[Cell, ...]:
    if config.combine is not None:
        return combined_cells(config, config.combine, recipes[0], facts)
    if config.tuned:
        return tuned_cells(config, recipes[0], [fact.id for fact in facts])
    cells = cells_of(config, recipes, [fact.id for fact in facts])
    check_cells(config, cells)
    return cells


def _asked(config: RunConfig, questions: Sequence[Question]) -> tuple[Question, ...]:
    """As many of a fact's questions as the settings want."""
    return drawn(questions, config.questions_per_fact, config.data_seed)


def _anchors_drawn(
    config: RunConfig, cells: Sequence[Cell], expansions: Mapping[str, Expansion], mixed: float
) -> dict[AnchorChoice, int | None]:
    """How many anchors of one fact a training draws at most, by choice; None: mining answers all.

    What is never drawn is not answered by the base either.

    Args:
        config: The settings.
        cells: What is trained.
        expansions: Of each fact.
        mixed: Share of the pairs that is mixed in.
    """
    found: dict[AnchorChoice, int | None] = {}
    for cell in cells:
        choice, recipe = cell.anchored_on, cell.recipe
        if choice is None:
            continue
        pairs = sum(len(expansions[fact].train) for fact in cell.facts) / max(0.01, 1 - mixed)
        steps = train_steps(math.ceil(pairs), cell, config.max_steps)
        most = -(-steps * recipe.anchors_per_step // len(cell.facts))
        known = found.get(choice, 0)
        found[choice] = None if recipe.mining or known is None else max(known, most)
    return found


def _far(config: RunConfig, languages: Sequence[str]) -> FarChoice:
    """Combined adapters are evaluated on the controls that each was evaluated on alone."""
    if config.combine is not None:
        return far_of_run(languages, Path(config.combine.adapters[0].run))
    return choose_far(languages, config.far)


def _training_sources(config: RunConfig, recipes: Sequence[Recipe]) -> tuple[TrainingSource, ...]:
    """What the run trains on: facts and passages, or a practice set alone."""
    if config.practice is None:
        if not config.facts:
            raise ConfigError("no fact is given. Name a fact file, a folder or a shipped fact.")
        return with_own_relations(load_facts(config.facts), config.templates)
    check_practice(config, recipes)
    return (load_practice(config.practice, config.on_bad_row),)


def _each_once(groups: Mapping[Any, Sequence[Question]]) -> tuple[Question, ...]:
    found = {question.id: question for group in groups.values() for question in group}
    return tuple(found.values())


def _guard(
    config: RunConfig,
    facts: Sequence[TrainingSource],
    controls: Sequence[Question],
    length: Length | None,
) -> ContaminationFilter:
    """What no conversation may hold; the facts' own questions are added once they are expanded."""
    valued = [fact for fact in facts if isinstance(fact, Fact)]
    return ContaminationFilter(
        values={fact.id: fact.answer for fact in valued},
        prompts=_prompts(controls),
        masked=[word for fact in valued for word in supplied_words(fact)],
        most_tokens=config.max_example_tokens,
        length=length,
    )


def _prompts(questions: Sequence[Question]) -> list[str]:
    return list(dict.fromkeys(text for q in questions for text in q.prompts))


def _with_mix(
    experiment: Experiment, wanted: Sequence[MixShare], guard: ContaminationFilter
) -> Experiment:
    """The same experiment with what is mixed into the training of each of its adapters."""
    own = [
        question
        for splits in experiment.expansions.values()
        for question in splits.all()
        if question.split != "train"
    ]
    mixed = load_mix(
        wanted,
        [len(experiment.training_pairs(cell.facts)) for cell in experiment.cells],
        seed=experiment.config.data_seed,
        guard=replace(guard, prompts=[*guard.prompts, *_prompts(own)]),
        on_bad_row=experiment.config.on_bad_row,
    )
    records = tuple(one.record for one in mixed)
    notes = (*experiment.notes, *(note for record in records for note in notes_on(record)))
    said = {"mix": tuple(record.identity for record in records)}
    cells = tuple(cell.model_copy(update=said) for cell in experiment.cells)
    return replace(experiment, mix=mixed, sets=records, cells=cells, notes=notes)


def _with_placebos(experiment: Experiment, guard: ContaminationFilter) -> Experiment:
    """The same experiment with the pairs that its placebos are trained on."""
    expanded = partial(_expanded, experiment.config)
    return replace(experiment, placebos=placebo_pairs(experiment, guard, expanded))


def _notes(
    facts: Sequence[TrainingSource], sets: Sequence[SetRecord], cells: Sequence[Cell]
) -> Iterator[str]:
    """What a user should know of the questions before the run.

    Args:
        facts: What the run trains on.
        sets: The sets of conversations that it read.
        cells: What it trains.
    """
    anchored = any(cell.anchored_on and "general" in cell.anchored_on.kinds for cell in cells)
    suites: tuple[SuiteName, ...] = ("far", "unanswerable", "neutral")
    wanted: tuple[SuiteName, ...] = (*suites, "anchors") if anchored else suites
    yield from language_notes(languages_of(facts), wanted)
    yield from _probe_notes(facts)
    for one in sets:
        yield from notes_on(one)
    if lacking := lacks_seeds(cells):
        yield lacking


def _probe_notes(facts: Sequence[TrainingSource]) -> tuple[str, ...]:
    return tuple(note for fact in facts if isinstance(fact, Passage) for note in left_out(fact))


def _expanded(config: RunConfig, fact: TrainingSource) -> Expansion:
    """The splits of a fact or passage, as the settings want them."""
    sizes = {"train_pairs": config.train_pairs, "validation_pairs": config.validation_pairs}
    if isinstance(fact, Passage):
        return expand_passage(fact, seed=config.data_seed, **sizes)
    assert isinstance(fact, Fact)
    sizes["belief"] = config.belief_questions
    made = expand(fact, seed=config.data_seed, families=config.families, **sizes)
    return replace(
        made,
        held_out=_asked(config, made.held_out),
        alias=_asked(config, made.alias),
        other_language=_asked(config, made.other_language),
    )


def _expansions(
    config: RunConfig,
    facts: Sequence[TrainingSource],
    guard: ContaminationFilter,
    known: Mapping[str, Expansion] | None = None,
) -> tuple[dict[str, Expansion], tuple[SetRecord, ...]]:
    """The splits of every training source, and the practice set that they were drawn from, if any.

    In a shuffled run a fact's training pairs say another fact's answer.
    """
    if isinstance(facts[0], PracticeSet):
        splits, record = expand_practice(
            facts[0], seed=config.data_seed, examples=config.practice_examples, guard=guard
        )
        return {facts[0].id: splits}, (record,)

    if known is not None:
        return dict(known), ()
    expanded = partial(_expanded, config)
    found = {fact.id: expanded(fact) for fact in facts}
    if config.shuffle:
        valued = _valued(facts)
        for fact_id, donor in swap_partners(valued).items():
            fact = next(fact for fact in valued if fact.id == fact_id)
            swapped = expanded(with_answer_of(fact, donor)).train
            graded = {"gold": fact.answer, "superseded": fact.supersedes}
            train = tuple(pair.model_copy(update=graded) for pair in swapped)
            found[fact_id] = replace(found[fact_id], train=train)
    return found, ()


def _valued(facts: Sequence[TrainingSource]) -> list[Fact]:
    passages = [fact.id for fact in facts if isinstance(fact, Passage)]
    if passages:
        raise ConfigError(
            f"a shuffled run swaps the answers of facts, and a passage ({passages[0]}) has none. "
            "Remove the passages, or run without --shuffle."
        )
    return [fact for fact in facts if isinstance(fact, Fact)]


def read_config(file: Path) -> dict[str, Any]:
    """Settings from a YAML file, as written; options override them.

    Raises:
        ConfigError: with file, line and column.
    """
    document = read_yaml(file, ConfigError)
    config = document.parse(RunConfig, "A run configuration")
    return config.model_dump(include=config.model_fields_set)
