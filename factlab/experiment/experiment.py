"""What a run trains and evaluates: its facts, questions and cells. Loads no model, no torch."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

from factlab.conversations.mix import MixedSet, mix_counts
from factlab.expand.anchors import near_controls
from factlab.expand.sampling import one_of_each
from factlab.expand.splits import Expansion
from factlab.grading.answer import Answer
from factlab.grading.name_index import NameIndex
from factlab.runs.folder import config_sha256
from factlab.schema.config import Cell, Precision, RunConfig
from factlab.schema.conversation import SetRecord
from factlab.schema.fact import Fact
from factlab.schema.passage import Passage
from factlab.schema.question import Question
from factlab.schema.quick import QUICK_REPEATED
from factlab.schema.recipe import AnchorChoice, Recipe
from factlab.schema.results import FactSummary, Placebo
from factlab.schema.source import TrainingSource
from factlab.schema.splits import CONTROL_SPLITS, PANEL_SIZES
from factlab.training.steps import train_steps

REPEATED = 120
VALIDATED = 40  # pairs that the validation loss is computed on
INJECTED_FAR = 48  # far controls on which the injected value's likelihood is followed


@dataclass(frozen=True, slots=True)
class Experiment:
    """A run, fully validated and expanded."""

    config: RunConfig
    recipes: tuple[Recipe, ...]
    facts: tuple[TrainingSource, ...]
    expansions: dict[str, Expansion]
    near: dict[str, tuple[Question, ...]]
    far: tuple[Question, ...]
    extra: tuple[Question, ...]
    unanswerable: tuple[Question, ...]
    anchors: dict[str, tuple[Question, ...]]
    anchor_orders: dict[str, dict[AnchorChoice, tuple[Question, ...]]]
    cells: tuple[Cell, ...]
    placebos: Mapping[tuple[Placebo, tuple[str, ...]], tuple[Question, ...]] = field(
        default_factory=dict
    )
    mix: tuple[MixedSet, ...] = ()
    sets: tuple[SetRecord, ...] = ()
    notes: tuple[str, ...] = ()
    # Of each set of facts; made when it is first asked for, since a check of many facts takes long.
    anchor_sets: dict[tuple[tuple[str, ...], AnchorChoice | None], tuple[Question, ...]] = field(
        init=False, default_factory=dict, repr=False, compare=False
    )

    @property
    def precisions(self) -> tuple[Precision, ...]:
        """How the base is held, one after the other."""
        return tuple(dict.fromkeys(cell.precision for cell in self.cells))

    @property
    def name(self) -> str:
        """Beginning of the run folder's name."""
        name = self.facts[0].id if len(self.facts) == 1 else f"{len(self.facts)}-facts"
        if self.config.tuned:
            return f"evaluated-{name}"
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
        placebos = tuple(pair for pairs in self.placebos.values() for pair in pairs)
        return (*own, *self.far, *self.extra, *self.unanswerable, *mixed, *placebos)

    @property
    def injected_values(self) -> dict[str, Answer]:
        """The new value of each fact; a passage has no single one, and a practice set none."""
        return {fact.id: fact.answer for fact in self.facts if isinstance(fact, Fact)}

    def superseded_values(self, fact_ids: Sequence[str]) -> list[Answer]:
        """What was true before, of those facts that replace something."""
        facts = [fact for fact in self._facts(fact_ids) if isinstance(fact, Fact)]
        return [fact.supersedes for fact in facts if fact.supersedes is not None]

    @property
    def sha256(self) -> str:
        """Hash of all that decides the run's numbers."""
        return config_sha256(self.config, self.recipes, self.questions, self.sets)

    def training_pairs(self, fact_ids: Sequence[str]) -> list[Question]:
        """The pairs that an adapter of these facts is trained on, and what is mixed with them."""
        own = [pair for fact_id in fact_ids for pair in self.expansions[fact_id].train]
        sizes = mix_counts(len(own), [one.share for one in self.mix])
        mixed = [one.pairs[:size] for one, size in zip(self.mix, sizes, strict=True)]
        return [*own, *(pair for pairs in mixed for pair in pairs)]

    def pairs_of(self, cell: Cell) -> list[Question]:
        """The pairs that a cell's adapter is trained on."""
        if cell.placebo is not None:
            return list(self.placebos[cell.placebo, cell.facts])
        return self.training_pairs(cell.facts)

    def validation_pairs(self, cell: Cell) -> list[Question]:
        """The fixed pairs that a cell's validation loss is computed on, as many of each fact.

        They are rendered like training pairs, with answers of the same forms, and never trained on.
        A placebo has none: it does not train the fact.
        """
        if cell.placebo is not None:
            return []
        each = max(1, VALIDATED // len(cell.facts))
        return [
            pair
            for fact_id in cell.facts
            for pair in _sample(self.expansions[fact_id].validation, each)
        ]

    def steps(self, cell: Cell) -> int:
        """Optimizer steps that a cell is trained for, unless it is stopped early."""
        return train_steps(len(self.pairs_of(cell)), cell, self.config.max_steps)

    def anchor_prompts(
        self, fact_ids: Sequence[str], choice: AnchorChoice | None
    ) -> list[Question]:
        """Anchor prompts of these facts, one of each in turn.

        Each text is there once. None is about another's subject, nor nearly a near control or a
        held-out question of any.
        """
        wanted = tuple(fact_ids), choice
        if wanted not in self.anchor_sets:
            self.anchor_sets[wanted] = self._merged_anchors(fact_ids, choice) if choice else ()
        return list(self.anchor_sets[wanted])

    def _merged_anchors(
        self, fact_ids: Sequence[str], choice: AnchorChoice
    ) -> tuple[Question, ...]:
        orders = [self.anchor_orders[fact.id][choice] for fact in self._facts(fact_ids)]
        index, found = self._names(fact_ids), dict[str, Question]()
        for question in one_of_each(orders):
            if question.text not in found and index.named(question.text) <= {question.fact}:
                found[question.text] = question
        if len(orders) < 2:
            return tuple(found.values())
        near = [text for id_ in fact_ids for q in self.near[id_] for text in (q.text, *q.gate)]
        unseen = [self.expansions[id_] for id_ in fact_ids]
        held = [q.text for own in unseen for q in own.held_out]
        held += [text for own in unseen for q in own.belief for text in q.prompts]
        barred = near_controls(list(found), [*near, *held])
        return tuple(question for text, question in found.items() if text not in barred)

    def questions_of(self, fact_id: str) -> list[Question]:
        """A fact's own questions and near controls.

        Of the training questions only a fixed sample is evaluated, one of each family in turn; of a
        practice set none, since no answer to them is right or wrong.
        """
        splits = self.expansions[fact_id]
        graded = [question for question in splits.train if question.gold is not None]
        return [
            *_sample(graded, self.config.train_sample),
            *splits.validation,
            *splits.held_out,
            *splits.alias,
            *splits.other_language,
            *splits.reverse,
            *splits.entailed,
            *splits.belief,
            *splits.probes,
            *splits.practice,
            *self.near[fact_id],
        ]

    @property
    def shared_controls(self) -> tuple[Question, ...]:
        """The questions that every adapter is evaluated on, whatever its facts."""
        return (*self.far, *self.extra, *self.unanswerable)

    def evaluated(self, fact_ids: Sequence[str]) -> list[Question]:
        """What is measured on an adapter: its facts' questions and controls, and shared controls.

        A control that names a subject that the adapter was trained on is no control of it, and
        is left out, unless it is that fact's own.
        """
        own = [
            question
            for fact_id in fact_ids
            for question in (*self.questions_of(fact_id), *self.expansions[fact_id].cloze)
        ]
        index = self._names(fact_ids)
        return [
            question
            for question in (*own, *self.shared_controls)
            if question.split not in CONTROL_SPLITS or index.named(question.text) <= {question.fact}
        ]

    def panel(self, asked: Sequence[Question], known_far: Container[str]) -> list[Question]:
        """The fixed questions that are evaluated during training.

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
        return _sample(self.far, min(INJECTED_FAR, self.config.questions_per_fact or INJECTED_FAR))

    @property
    def rounding_sample(self) -> list[Question]:
        """Questions that the base answers twice, to see how often rounding changes an answer."""
        splits = [self.expansions[fact.id] for fact in self.facts]
        own = [q for own in splits for q in (*own.held_out, *own.probes)]
        near = [q for fact in self.facts for q in self.near[fact.id]]
        third = (QUICK_REPEATED if self.config.quick else REPEATED) // 3
        return [*_sample(own, third), *_sample(near, third), *_sample(self.far, third)]

    def summaries(self) -> tuple[FactSummary, ...]:
        """What results say about the facts."""
        return tuple(_summary(fact) for fact in self.facts)

    def _facts(self, fact_ids: Sequence[str]) -> list[TrainingSource]:
        wanted = set(fact_ids)
        return [fact for fact in self.facts if fact.id in wanted]

    def _names(self, fact_ids: Sequence[str]) -> NameIndex:
        """Which of these facts' subjects a question names."""
        return NameIndex({fact.id: fact.names for fact in self._facts(fact_ids)})


def _summary(fact: TrainingSource) -> FactSummary:
    if isinstance(fact, Fact):
        named, said = fact.subject.name, fact.statement
        old = fact.supersedes.primary(fact.language) if fact.supersedes else None
    elif isinstance(fact, Passage):
        named, said, old = fact.id.replace("_", " "), fact.opening, None
    else:
        named, said, old = "Practice", "", None
    return FactSummary(
        id=fact.id,
        statement=said,
        subject=named,
        answer=fact.summary,
        superseded=old,
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
