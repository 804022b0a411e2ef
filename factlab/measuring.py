"""Puts a plan's questions to the base and to tuned models, and keeps what they say.

Questions go to the model in the same batches before and after: in bf16 a token now and then depends
on the company in its batch, and an untrained adapter must come out as no change at all. So the
groups below are fixed: each fact's own questions, its trained ones, and what all facts share.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from factlab.plan import RunPlan
from factlab.progress import Progress
from factlab.runs.files import write_lines
from factlab.runs.folder import CellFolder, RunFolder
from factlab.schema.question import (
    TRAINED_SPLITS,
    AnswerRecord,
    LikelihoodRecord,
    Question,
)
from factlab.scoring.judge import judge
from factlab.scoring.likelihood import Option, injected_option, own_options, score_options

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

    from factlab.models.load import LoadedModel

ANCHOR_TOKENS = 24  # of each anchor answer; the first words decide where an answer goes
Prompts = Sequence[tuple[Question, str]]
Options = list[tuple[Question, list[Option]]]


@dataclass(frozen=True, slots=True)
class Examiner:
    """Asks the questions of a plan."""

    plan: RunPlan
    loaded: LoadedModel
    progress: Progress

    def ask_base(self, folder: RunFolder) -> None:
        """Ask the base everything that is measured against it; what is on disk is kept."""
        if folder.base_answers_file.is_file():
            return
        facts = [fact.id for fact in self.plan.facts]
        groups = self._groups(facts, trained=False)
        main = self.answers(self.loaded.model, [_own(group) for group in groups], "ask base")
        write_lines(folder.in_context_file, self._in_context(groups))
        write_lines(folder.repeat_file, self._repeat())
        write_lines(
            folder.base_likelihoods_file,
            self.likelihoods(self.loaded.model, facts, "likelihoods base"),
        )
        gates = self._gates(groups)
        # Written last: a base folder with this file is whole.
        write_lines(folder.base_answers_file, (*main, *gates, *self._anchors()))

    def ask_tuned(
        self, model: PeftModel, facts: Sequence[str], folder: CellFolder, name: str
    ) -> None:
        """Ask a tuned model what is measured on its facts."""
        asked = {question.id for question in self.plan.asked(facts)}
        groups = [_own(group) for group in self._groups(facts, trained=True)]
        said = self.answers(model, groups, f"ask {name}")
        write_lines(folder.answers_file, [r for r in said if r.question_id in asked])
        scored = self.likelihoods(model, facts, f"likelihoods {name}")
        write_lines(folder.likelihoods_file, [r for r in scored if r.question_id in asked])

    def answers(
        self,
        model: PreTrainedModel | PeftModel,
        groups: Sequence[Prompts],
        stage: str,
        *,
        max_new_tokens: int | None = None,
        batch_size: int | None = None,
    ) -> list[AnswerRecord]:
        """Generate and grade answers, each group of prompts in batches of its own."""
        from factlab.scoring.generate import generate

        found: list[AnswerRecord] = []
        config = self.plan.config
        total = sum(len(group) for group in groups)
        if not total:
            return found
        with self.progress.stage(stage, total) as advance:
            for group in groups:
                said = generate(
                    model,
                    self.loaded.tokenizer,
                    [prompt for _, prompt in group],
                    max_new_tokens=max_new_tokens or config.max_new_tokens,
                    batch_size=batch_size or config.generation_batch,
                    advance=advance,
                )
                found += [
                    judge(question, prompt, generated, self.plan.injected)
                    for (question, prompt), generated in zip(group, said, strict=True)
                ]
        return found

    def likelihoods(
        self, model: PreTrainedModel | PeftModel, facts: Sequence[str], stage: str
    ) -> list[LikelihoodRecord]:
        """Score the options of the questions that are measured on some facts."""
        groups = self._scored(facts)
        found: list[LikelihoodRecord] = []
        with self.progress.stage(stage, sum(len(group) for group in groups)) as advance:
            for group in groups:
                found += score_options(
                    model,
                    self.loaded.tokenizer,
                    group,
                    batch_size=self.plan.config.generation_batch,
                    advance=advance,
                )
        return found

    def _groups(self, facts: Iterable[str], *, trained: bool) -> list[list[Question]]:
        """The fixed groups: the trained questions are asked of tuned models only."""
        groups: list[list[Question]] = []
        for fact in facts:
            own = self.plan.own(fact)
            groups.append([q for q in own if q.split not in TRAINED_SPLITS])
            if trained:
                groups.append([q for q in own if q.split in TRAINED_SPLITS])
        return [group for group in (*groups, list(self.plan.shared)) if group]

    def _scored(self, facts: Sequence[str]) -> list[Options]:
        groups: list[Options] = []
        for fact in facts:
            answer = self.plan.injected.get(fact)
            value = [injected_option(fact, answer)] if answer else []
            own: Options = []
            for question in self.plan.own(fact):
                if question.split in ("held_out", "probe"):
                    own.append((question, own_options(question)))
                elif question.split == "near":
                    own.append((question, [*own_options(question), *value]))
            groups.append(own)
            groups.append([(question, value) for question in self.plan.injected_far])
        groups.append([(question, own_options(question)) for question in self.plan.shared])
        return [[(q, options) for q, options in group if options] for group in groups if group]

    def _in_context(self, groups: Sequence[Sequence[Question]]) -> list[AnswerRecord]:
        """Held-out questions and probes with what is taught in the prompt: the ceiling."""
        told = {fact.id: fact.statement for fact in self.plan.facts}
        prompts = [
            [
                (question, f"{told[question.fact]}\n\n{question.text}")
                for question in group
                if question.split in ("held_out", "probe") and question.fact is not None
            ]
            for group in groups
        ]
        return self.answers(self.loaded.model, prompts, "ask base, told the fact")

    def _gates(self, groups: Sequence[Sequence[Question]]) -> list[AnswerRecord]:
        gates = [[(q, prompt) for q in group for prompt in q.gate] for group in groups]
        return self.answers(self.loaded.model, gates, "gate controls")

    def _repeat(self) -> list[AnswerRecord]:
        """The same questions again in other batches: how often an answer changes by itself."""
        again = [_own(list(reversed(self.plan.repeated)))]
        size = max(1, self.plan.config.generation_batch * 2 // 3)
        return self.answers(self.loaded.model, again, "ask base again", batch_size=size)

    def _anchors(self) -> list[AnswerRecord]:
        """The base's answers to anchor prompts; facts share many, and each text is asked once."""
        questions = [q for fact in self.plan.facts for q in self.plan.anchors[fact.id]]
        first = {question.text: question for question in reversed(questions)}
        said = self.answers(
            self.loaded.model,
            [_own(list(first.values()))],
            "ask anchors",
            max_new_tokens=ANCHOR_TOKENS,
        )
        by_prompt = {record.prompt: record for record in said}
        return [
            by_prompt[question.text].model_copy(update={"question_id": question.id})
            for question in questions
        ]


def _own(questions: Sequence[Question]) -> Prompts:
    """Questions with their own text as the prompt."""
    return [(question, question.text) for question in questions]
