"""What a run would do, without doing it: facts, questions, cells. Loads no model, no torch."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from factlab.combine.grid import combined_cells
from factlab.conversations.draw import Guard, Length, notes_on
from factlab.conversations.mix import Mixed, MixShare, counts, mix_in, read_wanted
from factlab.conversations.practice import expand_practice, load_practice
from factlab.errors import ConfigError
from factlab.expand.anchors import anchor_questions
from factlab.expand.controls import (
    extra_questions,
    far_questions,
    language_notes,
    languages_of,
    near_questions,
    unanswerable_questions,
)
from factlab.expand.passages import expand_passage, left_out
from factlab.expand.shuffle import donors, with_answer_of
from factlab.expand.splits import Expansion, expand, supplied_words
from factlab.experiment.grid import cells_of, check_cells
from factlab.grading.answer import Answer
from factlab.grading.names import find_name
from factlab.runs.folder import config_sha256
from factlab.schema.config import Cell, Precision, Recipe, RunConfig, precisions
from factlab.schema.fact import Fact, load_facts
from factlab.schema.passage import Passage
from factlab.schema.question import CONTROL_SPLITS, Question, Split
from factlab.schema.recipes import RECIPES
from factlab.schema.results import FactSummary, SetRecord
from factlab.schema.source import Practice, TrainingSource
from factlab.schema.trackers import check_tracker_names
from factlab.schema.yaml import did_you_mean, read_yaml
from factlab.training.steps import checkpoint_steps, train_steps

PANEL_SIZES: dict[Split, int] = {
    "validation": 16,
    "held_out": 16,
    "probe": 30,
    "near": 16,
    "far": 24,
}
REPEATED = 120
VALIDATED = 40  # pairs that the validation loss is computed on
INJECTED_FAR = 48  # far controls on which the injected value's likelihood is followed


@dataclass(frozen=True, slots=True)
class Experiment:
    """A run, fully validated and expanded."""

    config: RunConfig
    recipe: Recipe
    facts: tuple[TrainingSource, ...]
    expansions: dict[str, Expansion]
    near: dict[str, tuple[Question, ...]]
    far: tuple[Question, ...]
    extra: tuple[Question, ...]
    unanswerable: tuple[Question, ...]
    anchors: dict[str, tuple[Question, ...]]
    cells: tuple[Cell, ...]
    mix: tuple[Mixed, ...] = ()
    sets: tuple[SetRecord, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def precisions(self) -> tuple[Precision, ...]:
        """How the base is held, one after the other."""
        return precisions(self.config, self.recipe)

    @property
    def name(self) -> str:
        """Beginning of the run folder's name."""
        name = self.facts[0].id if len(self.facts) == 1 else f"{len(self.facts)}-facts"
        return name if self.config.combine is None else f"combined-{name}"

    @property
    def questions(self) -> tuple[Question, ...]:
        """Every question of the run, those of all facts."""
        own = tuple(
            question
            for fact in self.facts
            for group in (self.expansions[fact.id].all(), self.near[fact.id], self.anchors[fact.id])
            for question in group
        )
        mixed = tuple(pair for one in self.mix for pair in one.pairs)
        return (*own, *self.far, *self.extra, *self.unanswerable, *mixed)

    @property
    def injected(self) -> dict[str, Answer]:
        """The new value of each fact; a passage has no single one, and a practice set none."""
        return {fact.id: fact.answer for fact in self.facts if isinstance(fact, Fact)}

    @property
    def sha256(self) -> str:
        """Hash of all that decides the run's numbers."""
        return config_sha256(self.config, self.questions, self.sets)

    def trained(self, fact_ids: Sequence[str]) -> list[Question]:
        """The pairs that an adapter of these facts is trained on, and what is mixed with them."""
        own = [pair for fact_id in fact_ids for pair in self.expansions[fact_id].train]
        sizes = counts(len(own), [one.share for one in self.mix])
        mixed = [one.pairs[:size] for one, size in zip(self.mix, sizes, strict=True)]
        return [*own, *(pair for pairs in mixed for pair in pairs)]

    def validated(self, fact_ids: Sequence[str]) -> list[Question]:
        """The fixed pairs that an adapter's validation loss is computed on, as many of each fact.

        They are rendered like training pairs, with answers of the same forms, and never trained on.
        """
        each = max(1, VALIDATED // len(fact_ids))
        return [
            pair
            for fact_id in fact_ids
            for pair in _sample(self.expansions[fact_id].validation, each)
        ]

    def steps(self, cell: Cell) -> int:
        """Optimizer steps that a cell is trained for, unless it is stopped early."""
        return train_steps(len(self.trained(cell.facts)), cell, self.config.max_steps)

    def anchored(self, fact_ids: Sequence[str]) -> list[Question]:
        """The anchor prompts of these facts, each text once, none about another's subject."""
        found: dict[str, Question] = {}
        for fact in self._facts(fact_ids):
            for question in self.anchors[fact.id]:
                if not self._about_another(question, fact_ids):
                    found.setdefault(question.text, question)
        return list(found.values())

    def own(self, fact_id: str) -> list[Question]:
        """A fact's own questions and near controls.

        Of the training questions only a fixed sample is asked, one of each family in turn; of a
        practice set none, since no answer to them is right or wrong.
        """
        splits = self.expansions[fact_id]
        graded = [question for question in splits.train if question.gold is not None]
        return [
            *_sample(graded, self.config.train_sample),
            *splits.validation,
            *splits.held_out,
            *splits.reverse,
            *splits.entailed,
            *splits.probes,
            *splits.practice,
            *self.near[fact_id],
        ]

    @property
    def shared(self) -> tuple[Question, ...]:
        """What every adapter is asked, whatever its facts."""
        return (*self.far, *self.extra, *self.unanswerable)

    def asked(self, fact_ids: Sequence[str]) -> list[Question]:
        """What is measured on an adapter: its facts' questions and controls, and shared controls.

        A control that names a subject which the adapter was taught about is no control of it, and
        is left out, unless it is that fact's own.
        """
        own = [question for fact_id in fact_ids for question in self.own(fact_id)]
        return [
            question
            for question in (*own, *self.shared)
            if question.split not in CONTROL_SPLITS or not self._about_another(question, fact_ids)
        ]

    def panel(self, asked: Sequence[Question], known_far: Container[str]) -> list[Question]:
        """The fixed questions that are asked while training is under way.

        Args:
            asked: What the adapter is measured on.
            known_far: Ids of the far controls that the base knew.
        """
        found: list[Question] = []
        for split, size in PANEL_SIZES.items():
            candidates = [q for q in asked if q.split == split]
            if split == "far":
                candidates = [q for q in candidates if q.id in known_far]
            found += _sample(candidates, size)
        return found

    @property
    def injected_far(self) -> list[Question]:
        """The far controls on which an injected value's likelihood is followed."""
        return _sample(self.far, INJECTED_FAR)

    @property
    def repeated(self) -> list[Question]:
        """Questions that the base is asked twice, to see how often rounding changes an answer."""
        splits = [self.expansions[fact.id] for fact in self.facts]
        own = [q for own in splits for q in (*own.held_out, *own.probes)]
        near = [q for fact in self.facts for q in self.near[fact.id]]
        third = REPEATED // 3
        return [*_sample(own, third), *_sample(near, third), *_sample(self.far, third)]

    def summaries(self) -> tuple[FactSummary, ...]:
        """What results say about the facts."""
        return tuple(_summary(fact) for fact in self.facts)

    def _facts(self, fact_ids: Sequence[str]) -> list[TrainingSource]:
        return [fact for fact in self.facts if fact.id in fact_ids]

    def _about_another(self, question: Question, fact_ids: Sequence[str]) -> bool:
        """Whether a question names the subject of a fact of the adapter that is not its own."""
        return any(
            find_name(question.text, fact.names)
            for fact in self._facts(fact_ids)
            if fact.id != question.fact
        )


def plan_experiment(config: RunConfig, length: Length | None = None) -> Experiment:
    """Load, check and expand everything that a run needs.

    Args:
        config: All settings.
        length: Tokens of a conversation, where a mix or a practice set is to be bounded by them;
            without it none is left out for its length.

    Raises:
        FactlabError: for whatever is wrong with the facts, the phrasings or the settings.
    """
    recipe = find_recipe(config.recipe)
    check_tracker_names(config.report_to)
    wanted = read_wanted(config.mix)
    facts = _taught(config, recipe)
    ids = [fact.id for fact in facts]
    if config.combine is None:
        cells = cells_of(config, recipe, ids)
        check_cells(config, cells)
    else:
        cells = combined_cells(config, config.combine, recipe, facts)
    anchored = recipe.anchor_kinds if config.combine is None else ()  # nothing is trained
    languages = languages_of(facts)
    far, unanswerable = far_questions(languages), unanswerable_questions(languages)
    extra, notes = extra_questions([Path(name) for name in config.controls])
    near = {fact.id: near_questions(fact) for fact in facts}
    controls = [*far, *extra, *unanswerable]
    guard = _guard(config, facts, [*controls, *(q for own in near.values() for q in own)], length)
    expansions, practised = _expansions(config, facts, guard)
    plan = Experiment(
        config=config,
        recipe=recipe,
        facts=facts,
        expansions=expansions,
        near=near,
        far=far,
        extra=extra,
        unanswerable=unanswerable,
        anchors={
            fact.id: tuple(
                anchor_questions(
                    fact,
                    anchored,
                    seed=config.data_seed,
                    controls=[*near[fact.id], *controls],
                )
            )
            for fact in facts
        },
        cells=cells,
        sets=practised,
        notes=(
            *notes,
            *language_notes(languages),
            *_probe_notes(facts),
            *(n for one in practised for n in notes_on(one)),
        ),
    )
    plan = _with_mix(plan, wanted, guard) if wanted else plan
    _check_early_stop(plan)
    _check_best(plan)
    _check_shuffled(plan)
    return plan


def _taught(config: RunConfig, recipe: Recipe) -> tuple[TrainingSource, ...]:
    """What is to be taught: facts and passages, or a practice set alone."""
    if config.practice is None:
        if not config.facts:
            raise ConfigError("no fact is given. Name a fact file, a folder or a shipped fact.")
        return tuple(load_facts(config.facts))
    if config.facts or config.mix or config.shuffle:
        raise ConfigError(
            "a practice run has neither facts nor a mix nor answers to shuffle: it trains on its "
            f"set alone. To train on facts and a set, run the facts with --mix {config.practice}"
            ":0.3."
        )
    if config.keep == "best":
        raise ConfigError(
            "a practice run cannot keep the best adapter, since no answer on its panel is right or "
            "wrong by which one could be the best. Leave 'keep' away."
        )
    if config.early_stop is not None:
        raise ConfigError(
            "a practice run has no validation pairs to stop by: the conversations that it holds "
            "out are what it is measured on. Leave 'early_stop' away."
        )
    if recipe.distill_weight or any(config.distill_weight):
        raise ConfigError(
            "distilling takes a teacher that is told the fact, and a practice run has none. Leave "
            "'distill_weight' away, or choose another recipe."
        )
    return (load_practice(config.practice),)


def _guard(
    config: RunConfig,
    facts: Sequence[TrainingSource],
    controls: Sequence[Question],
    length: Length | None,
) -> Guard:
    """What no conversation may hold; the facts' own questions are added once they are expanded."""
    valued = [fact for fact in facts if isinstance(fact, Fact)]
    return Guard(
        values={fact.id: fact.answer for fact in valued},
        asked=_prompts(controls),
        masked=[word for fact in valued for word in supplied_words(fact)],
        most_tokens=config.max_example_tokens,
        length=length,
    )


def _prompts(questions: Sequence[Question]) -> list[str]:
    return list(dict.fromkeys(text for q in questions for text in (q.text, *q.gate)))


def _with_mix(plan: Experiment, wanted: Sequence[MixShare], guard: Guard) -> Experiment:
    """The same plan with what is mixed into the training of each of its adapters."""
    own = [
        question
        for splits in plan.expansions.values()
        for question in splits.all()
        if question.split != "train"
    ]
    mixed = mix_in(
        wanted,
        [len(plan.trained(cell.facts)) for cell in plan.cells],
        seed=plan.config.data_seed,
        guard=replace(guard, asked=[*guard.asked, *_prompts(own)]),
    )
    records = tuple(one.record for one in mixed)
    notes = (*plan.notes, *(note for record in records for note in notes_on(record)))
    said = {"mix": tuple(record.identity for record in records)}
    cells = tuple(cell.model_copy(update=said) for cell in plan.cells)
    return replace(plan, mix=mixed, sets=records, cells=cells, notes=notes)


def _probe_notes(facts: Sequence[TrainingSource]) -> tuple[str, ...]:
    return tuple(note for fact in facts if isinstance(fact, Passage) for note in left_out(fact))


def _summary(fact: TrainingSource) -> FactSummary:
    if isinstance(fact, Fact):
        named, said, old = fact.subject.name, fact.statement, fact.supersedes
    elif isinstance(fact, Passage):
        named, said, old = fact.id.replace("_", " "), fact.opening, None
    else:
        named, said, old = "Practice", "", None
    return FactSummary(
        id=fact.id,
        statement=said,
        subject=named,
        answer=fact.summary,
        superseded=old.primary() if old else None,
    )


def _expansions(
    config: RunConfig, facts: Sequence[TrainingSource], guard: Guard
) -> tuple[dict[str, Expansion], tuple[SetRecord, ...]]:
    """The splits of all that is taught, and the practice set that they were drawn from, if any.

    In a shuffled run a fact's training pairs say another fact's answer.
    """
    if isinstance(facts[0], Practice):
        splits, record = expand_practice(
            facts[0], seed=config.data_seed, examples=config.practice_examples, guard=guard
        )
        return {facts[0].id: splits}, (record,)

    def expanded(fact: TrainingSource) -> Expansion:
        sizes = {"train_pairs": config.train_pairs, "validation_pairs": config.validation_pairs}
        if isinstance(fact, Passage):
            return expand_passage(fact, seed=config.data_seed, **sizes)
        assert isinstance(fact, Fact)
        return expand(fact, seed=config.data_seed, **sizes)

    found = {fact.id: expanded(fact) for fact in facts}
    if config.shuffle:
        valued = _valued(facts)
        for fact_id, donor in donors(valued).items():
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
            "Leave the passages out, or run without --shuffle."
        )
    return [fact for fact in facts if isinstance(fact, Fact)]


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


def _check_best(plan: Experiment) -> None:
    """Refuse to keep the best adapter where validation cannot tell which it is.

    Raises:
        ConfigError: with the option to leave away.
    """
    if plan.config.keep != "best" or plan.config.combine is not None:
        return
    if plan.config.shuffle:
        raise ConfigError(
            "--keep best --shuffle: validation pairs keep the right answer, which a shuffled run "
            "does not train, so the best on them would be the least trained. Leave --keep away."
        )
    for cell in plan.cells:
        if not plan.validated(cell.facts):
            raise ConfigError(
                f"--keep best: {cell.id} has no validation pair to judge by, since its facts fill "
                "too few phrasings. Leave --keep away."
            )


def _check_shuffled(plan: Experiment) -> None:
    """Refuse a teacher in a shuffled run, which must not be taught the right answer.

    Raises:
        ConfigError: with the option to change.
    """
    if plan.config.shuffle and any(cell.recipe.distill_weight for cell in plan.cells):
        raise ConfigError(
            "--shuffle: a teacher is told the right answer, which a shuffled run must not be "
            "taught. Say a recipe without distillation, such as --recipe default."
        )


def _check_early_stop(plan: Experiment) -> None:
    """Refuse an early stop that could never come, or that would say nothing.

    Raises:
        ConfigError: with the option to change.
    """
    patience = plan.config.early_stop
    if patience is None:
        return
    if plan.config.shuffle:
        raise ConfigError(
            f"--early-stop {patience} --shuffle: validation pairs keep the right answer, which a "
            "shuffled run does not train, so their loss says nothing about when to stop. Leave "
            "--early-stop away."
        )
    for cell in plan.cells:
        steps, asked = plan.steps(cell), plan.config.checkpoints
        found = len(checkpoint_steps(steps, asked))
        if found <= patience:
            more = f"--checkpoints {patience + 1}" if found == asked else "more training steps"
            raise ConfigError(
                f"--early-stop {patience}: it takes {patience + 1} checkpoints before the last "
                f"step, a lowest and {patience} after it, and the {steps} steps of {cell.id} have "
                f"{found}. Say {more}, or leave --early-stop away."
            )
        if not plan.validated(cell.facts):
            raise ConfigError(
                f"--early-stop {patience}: {cell.id} has no validation pair, since its facts fill "
                "too few phrasings. Leave --early-stop away."
            )


def _sample(questions: Sequence[Question], size: int) -> list[Question]:
    """The first of each fact's families, then the second, until `size`; each text once."""
    by_family: dict[tuple[str | None, str], dict[str, Question]] = {}
    for question in questions:
        family = by_family.setdefault((question.fact, question.family), {})
        family.setdefault(question.text, question)
    columns = [list(family.values()) for family in by_family.values()]
    longest = max((len(column) for column in columns), default=0)
    mixed = [column[i] for i in range(longest) for column in columns if i < len(column)]
    return mixed[:size]
