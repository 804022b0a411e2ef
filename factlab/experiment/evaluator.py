"""Puts an experiment's questions to the base and to tuned models, and grades the answers.

Questions go to the model in the same groups before and after: an untrained adapter must come out
as no change at all, and on a GPU, or where `decoder` does not compute the model, a token in
bf16 now and then depends on the company in its batch. So the groups below are fixed: each fact's
own questions, its trained ones, and what all facts share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from factlab.experiment.belief import answers_about_belief, number_of_requests
from factlab.experiment.experiment import Experiment
from factlab.inference.likelihood import Option, injected_option, own_options
from factlab.metrics.verdicts import grade
from factlab.progress import Progress
from factlab.respondents.protocol import BaseRespondent, Bounds, Request, Respondent
from factlab.respondents.weights import WeightsRespondent
from factlab.runs.files import write_lines
from factlab.runs.folder import BaseFolder, CellFolder
from factlab.schema.config import Cell
from factlab.schema.question import AnswerRecord, LikelihoodRecord, Question
from factlab.schema.splits import (
    BELIEF_SPLITS,
    IN_CONTEXT_SPLITS,
    SCORED_SPLITS,
    TRAINED_SPLITS,
)

if TYPE_CHECKING:
    from factlab.memory.activations import Batch
    from factlab.models.base_cache import BaseCache
    from factlab.models.load import LoadedModel

# A base that reads the fact in its prompt talks around it first; cut short, it counts as wrong.
IN_CONTEXT_TOKENS = 256
TOLD_TOKENS = 128  # the same of questions about belief


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Evaluates models on the questions of an experiment.

    Attributes:
        experiment: Whose questions they are.
        base: The base.
        progress: Where to report.
    """

    experiment: Experiment
    base: BaseRespondent
    progress: Progress

    @property
    def weights(self) -> WeightsRespondent:
        """The base as it is in memory, which is what can be trained."""
        assert isinstance(self.base, WeightsRespondent)
        return self.base

    @property
    def loaded(self) -> LoadedModel:
        """Its weights and its tokenizer."""
        return self.weights.loaded

    @property
    def base_cache(self) -> BaseCache | None:
        """What was computed of the base in earlier runs, if that may be used again."""
        cache = self.weights.cache
        return cache.cache if cache else None

    def evaluate_base(self, folder: BaseFolder) -> None:
        """Evaluate the base on all that trials are measured against, unless that is on disk."""
        if folder.answers_file.is_file():
            return
        facts = [fact.id for fact in self.experiment.facts]
        groups = self._groups(facts, trained=False)
        main, scored = self.evaluate(self.base, facts, "evaluate base", trained=False)
        write_lines(folder.likelihoods_file, scored)
        write_lines(folder.in_context_file, self._in_context(groups))
        write_lines(folder.rounding_file, self._rounding())
        gates = self._gates(groups)
        # Written last: a base folder with this file is whole.
        write_lines(folder.answers_file, (*main, *gates, *self._anchors()))

    def evaluate_tuned(
        self,
        tuned: Respondent,
        facts: Sequence[str],
        folder: CellFolder,
        name: str,
        *,
        trained: bool = True,
    ) -> None:
        """Evaluate a tuned model on what is measured of its facts.

        Args:
            tuned: The model.
            facts: Its facts.
            folder: Where its answers go.
            name: What progress calls it.
            trained: Whether it was trained on the training questions, and is asked them too.
        """
        asked = {question.id for question in self.experiment.evaluated(facts)}
        said, scored = self.evaluate(tuned, facts, f"evaluate {name}", trained=trained)
        write_lines(folder.answers_file, [r for r in said if r.question_id in asked])
        write_lines(folder.likelihoods_file, [r for r in scored if r.question_id in asked])

    def evaluate(
        self, asked: Respondent, facts: Sequence[str], stage: str, *, trained: bool
    ) -> tuple[list[AnswerRecord], list[LikelihoodRecord]]:
        """Everything about some facts: the answer and the options of each question together."""
        scores = "likelihoods" not in asked.lacks
        groups = [
            [Request(q, q.text, self._options(q) if scores else ()) for q in group]
            for group in self._groups(facts, trained=trained)
        ]
        aside = [*self._injected(facts), *self._cloze(facts)] if scores else []
        belief = [self._about_belief(fact) for fact in facts]
        total = sum(map(len, groups)) + sum(map(len, aside)) + sum(map(number_of_requests, belief))
        answers: list[AnswerRecord] = []
        scored: list[LikelihoodRecord] = []
        with self.progress.stage(stage, total) as advance:
            for group in groups:
                said, found = self._respond(asked, group, advance)
                answers += said
                scored += found
            for group in aside:
                scored += self._respond(asked, group, advance, max_new_tokens=0)[1]
            for questions in belief:
                answers += self._believed(asked, questions, advance)
        return answers, scored

    def _about_belief(self, fact: str) -> list[Question]:
        """The questions about belief in a fact, in groups of their own: other answers stay."""
        return [q for q in self.experiment.questions_of(fact) if q.split in BELIEF_SPLITS]

    def _believed(
        self,
        asked: Respondent,
        questions: Sequence[Question],
        advance: Callable[[int], None],
        told: Mapping[str, str] | None = None,
    ) -> list[AnswerRecord]:
        def ask(group: Sequence[tuple[Question, str]], tokens: int) -> list[AnswerRecord]:
            requests = [Request(question, prompt) for question, prompt in group]
            return self._respond(asked, requests, advance, max_new_tokens=tokens)[0]

        limit = self.experiment.config.max_new_tokens
        limit = max(limit, TOLD_TOKENS) if told else limit
        values = self.experiment.injected_values
        return answers_about_belief(questions, ask, values, limit=limit, told=told)

    def answers(
        self,
        asked: Respondent,
        groups: Sequence[Sequence[Request]],
        stage: str,
        *,
        max_new_tokens: int | None = None,
        batch_size: int | None = None,
        otherwise: bool = False,
    ) -> list[AnswerRecord]:
        """Generate and grade answers, each group of prompts in batches of its own."""
        found: list[AnswerRecord] = []
        total = sum(len(group) for group in groups)
        if not total:
            return found
        with self.progress.stage(stage, total) as advance:
            for group in groups:
                found += self._respond(
                    asked,
                    group,
                    advance,
                    max_new_tokens=max_new_tokens,
                    batch_size=batch_size,
                    otherwise=otherwise,
                )[0]
        return found

    def _respond(
        self,
        asked: Respondent,
        group: Sequence[Request],
        advance: Callable[[int], None],
        *,
        max_new_tokens: int | None = None,
        batch_size: int | None = None,
        otherwise: bool = False,
    ) -> tuple[list[AnswerRecord], list[LikelihoodRecord]]:
        config = self.experiment.config
        limit = config.max_new_tokens if max_new_tokens is None else max_new_tokens
        bounds = Bounds(limit, batch_size or config.generation_batch, otherwise)
        replies = asked.respond(group, bounds, advance)
        answers = [
            grade(item.question, item.prompt, reply.answer, self.experiment.injected_values)
            for item, reply in zip(group, replies, strict=True)
            if reply.answer is not None
        ]
        return answers, [r.likelihoods for r in replies if r.likelihoods is not None]

    def step_batch(self, cell: Cell) -> Batch:
        """What an optimizer step of a cell reads, every text taken for as long as the longest."""
        from factlab.memory.activations import Batch
        from factlab.models.chat import prompt_ids, render_pair

        def characters(pair: Question) -> int:
            return len(pair.trained_text())

        recipe, tokenizer = cell.recipe, self.loaded.tokenizer
        sizes = [(1, 1)]  # of prompts and answers
        if pairs := self.experiment.pairs_of(cell):
            longest = max(pairs, key=characters)
            pair = render_pair(tokenizer, longest.text, longest.target or "", longest.before)
            sizes.append((len(pair.prompt_ids), len(pair.answer_ids)))
        anchors = self.experiment.anchor_prompts(cell.facts, cell.anchored_on)
        if anchors:
            longest = max(anchors, key=characters)
            sizes.append((len(prompt_ids(tokenizer, longest.text)), recipe.anchor_tokens))
        return Batch(
            texts=recipe.batch_size + (recipe.anchors_per_step if anchors else 0),
            length=max(prompt + answer for prompt, answer in sizes),
            targets=max(answer for _, answer in sizes),
            anchors=recipe.anchors_per_step if anchors else 0,
        )

    def _groups(self, facts: Iterable[str], *, trained: bool) -> list[list[Question]]:
        """The fixed groups; only tuned models answer the trained questions."""
        groups: list[list[Question]] = []
        for fact in facts:
            own = self.experiment.questions_of(fact)
            aside = (*TRAINED_SPLITS, *BELIEF_SPLITS)
            groups.append([q for q in own if q.split not in aside])
            if trained:
                groups.append([q for q in own if q.split in TRAINED_SPLITS])
        return [group for group in (*groups, list(self.experiment.shared_controls)) if group]

    def _options(self, question: Question) -> list[Option]:
        """The options that are scored on a question, for every model."""
        if question.fact is not None and question.split not in SCORED_SPLITS:
            return []
        options = own_options(question)
        if question.split == "near" and question.fact in self.experiment.injected_values:
            options.append(
                injected_option(
                    question.fact, self.experiment.injected_values[question.fact], question
                )
            )
        return options

    def _injected(self, facts: Sequence[str]) -> list[list[Request]]:
        """Each fact's new value on far controls; separate, since it depends on the facts."""
        found = []
        for fact in facts:
            if fact in self.experiment.injected_values and self.experiment.injected_far:
                value = self.experiment.injected_values[fact]
                found.append(
                    [
                        Request(q, q.text, [injected_option(fact, value, q)])
                        for q in self.experiment.injected_far
                    ]
                )
        return found

    def _cloze(self, facts: Sequence[str]) -> list[list[Request]]:
        """The prompts of published sets: only likelihoods are measured, without a chat template."""
        found = [
            [
                Request(question, question.text, own_options(question))
                for question in self.experiment.expansions[fact].cloze
            ]
            for fact in facts
        ]
        return [group for group in found if group]

    def _in_context(self, groups: Sequence[Sequence[Question]]) -> list[AnswerRecord]:
        """Held-out questions and probes with the fact's statement in the prompt: the ceiling."""
        told, config = {f.id: f.statement for f in self.experiment.facts}, self.experiment.config
        prompts = [
            [
                Request(question, f"{told[question.fact]}\n\n{question.text}")
                for question in group
                if question.split in IN_CONTEXT_SPLITS and question.fact is not None
            ]
            for group in groups
        ]
        found = self.answers(
            self.base,
            prompts,
            "base with the fact in its prompt",
            max_new_tokens=config.max_new_tokens
            if config.quick
            else max(IN_CONTEXT_TOKENS, config.max_new_tokens),
        )
        return [*found, *self._believed_in_context(told)]

    def _believed_in_context(self, told: Mapping[str, str]) -> list[AnswerRecord]:
        """Questions about belief with the fact's statement in the first turn."""
        belief = [self._about_belief(fact) for fact in told]
        total, found = sum(map(number_of_requests, belief)), list[AnswerRecord]()
        if not total:
            return found
        with self.progress.stage("belief with the fact in the prompt", total) as advance:
            for questions in belief:
                found += self._believed(self.base, questions, advance, told)
        return found

    def _gates(self, groups: Sequence[Sequence[Question]]) -> list[AnswerRecord]:
        gates = [[Request(q, prompt) for q in group for prompt in q.gate] for group in groups]
        return self.answers(self.base, gates, "gate controls")

    def _rounding(self) -> list[AnswerRecord]:
        """The same questions again, computed otherwise: how often rounding changes an answer.

        By the library's own forward pass and in other batches, since factlab's decoder gives a
        question the same answer in any.
        """
        if "rounding" in self.base.lacks:
            return []
        again = [own_prompts(self.experiment.rounding_sample)]
        size = max(1, self.experiment.config.generation_batch * 2 // 3)
        return self.answers(
            self.base, again, "base by the library's forward pass", batch_size=size, otherwise=True
        )

    def _anchors(self) -> list[AnswerRecord]:
        """The base's answers to anchor prompts; facts share many; each text is answered once."""
        questions = [q for fact in self.experiment.facts for q in self.experiment.anchors[fact.id]]
        first = {question.text: question for question in reversed(questions)}
        said = self.answers(
            self.base,
            [own_prompts(list(first.values()))],
            "answer anchors",
            max_new_tokens=max(cell.recipe.anchor_tokens for cell in self.experiment.cells),
        )
        by_prompt = {record.prompt: record for record in said}
        return [
            by_prompt[question.text].model_copy(update={"question_id": question.id})
            for question in questions
        ]


def own_prompts(questions: Sequence[Question]) -> list[Request]:
    """Questions with their own text as the prompt."""
    return [Request(question, question.text) for question in questions]
