"""Likelihoods of given answers: teacher-forced, the options of a question in one reading."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from factlab.errors import ModelError
from factlab.grading.answer import Answer
from factlab.inference.backend import complete
from factlab.inference.prompts import Completion, Limits, Prompt
from factlab.schema.question import LikelihoodRecord, OptionScore, Question, Role
from factlab.schema.splits import SPLIT

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class Option:
    """An answer to score: its text, what it is to the question, and whose value it is."""

    text: str
    role: Role
    fact: str | None = None


def own_options(question: Question) -> list[Option]:
    """The right answer and the wrong options of a question; of practice, the held-out answer."""
    if question.split in ("practice", "cloze") and question.target:
        wrong = [Option(text, "wrong") for text in question.distractors]
        return [Option(question.target, "right"), *wrong]
    if question.gold is None:
        return []
    wrong = [Option(text, "wrong") for text in question.wrong_options()]
    return [Option(question.written(question.gold), "right"), *wrong]


def injected_option(fact: str, answer: Answer, control: Question) -> Option:
    """A fact's new value, as an answer to a control, in its language."""
    return Option(control.written(answer), "injected", fact)


def option_prompt(
    tokenizer: PreTrainedTokenizerBase,
    text: str,
    options: Sequence[Option] = (),
    question: Question | None = None,
) -> Prompt:
    """A question and its options as tokens.

    The prompt is the one that generation starts from, and the end of the turn is not scored. A
    raw split's texts are put as they are.

    Args:
        tokenizer: The model's own.
        text: The user's turn.
        options: What is scored.
        question: Whose prompt it is: the turns before it, and whether tokens are to be ranked.

    Raises:
        ModelError: if there is nothing to score of an option.
    """
    from factlab.models.chat import answer_tokens, continuation_ids, prompt_ids, raw_ids

    before = question.before if question is not None else ()
    raw = question is not None and SPLIT[question.split].raw
    scored = [
        continuation_ids(tokenizer, text, option.text)
        if raw
        else answer_tokens(tokenizer, text, option.text, before)
        for option in options
    ]
    for option, tokens in zip(options, scored, strict=True):
        if not tokens:
            where = question.id if question is not None else text
            raise ModelError(
                f"{where}: the answer {option.text!r} has no token to score: this model reads its "
                "beginning as the end of the turn. Word it differently."
            )
    return Prompt(
        raw_ids(tokenizer, text) if raw else prompt_ids(tokenizer, text, before),
        scored,
        ranked=question is not None and question.split == "practice",
    )


def score_options(
    model: PreTrainedModel | PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    questions: Sequence[tuple[Question, Sequence[Option]]],
    *,
    batch_size: int,
    advance: Callable[[int], None] = lambda _: None,
) -> list[LikelihoodRecord]:
    """Score each option as the assistant's answer to its question, in the order given.

    Args:
        model: A causal language model, in evaluation mode.
        tokenizer: Its tokenizer.
        questions: With their options; a question without options gets no record.
        batch_size: Most questions per batch.
        advance: Called with the number of questions scored since the last call.
    """
    scored = [(question, options) for question, options in questions if options]
    prompts = [option_prompt(tokenizer, q.text, options, q) for q, options in scored]
    completions = complete(model, prompts, Limits(batch_size), advance)
    return [
        likelihood_record(question, options, prompt.options, completion)
        for (question, options), prompt, completion in zip(
            scored, prompts, completions, strict=True
        )
    ]


def likelihood_record(
    question: Question,
    options: Sequence[Option],
    tokens: Sequence[Sequence[int]],
    completion: Completion,
) -> LikelihoodRecord:
    """The record of a question's options: summed NLL in nats and tokens of each."""
    top: Sequence[int | None] = completion.top or (None,) * len(options)
    return LikelihoodRecord(
        question_id=question.id,
        options=tuple(
            OptionScore(
                text=option.text,
                role=option.role,
                fact=option.fact,
                nll_nats=round(value, 6),
                tokens=len(ids),
                top=first,
            )
            for option, ids, value, first in zip(options, tokens, completion.nll, top, strict=True)
        ),
    )
