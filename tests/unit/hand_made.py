"""Questions, answers and likelihoods so small that every figure can be worked out on paper."""

from __future__ import annotations

from collections.abc import Sequence

from factlab.grading.answer import EntityAnswer
from factlab.metrics.measure import Measurement
from factlab.metrics.responses import Responses
from factlab.metrics.scores import QuestionSet, Scores
from factlab.schema.question import AnswerRecord, LikelihoodRecord, OptionScore, Question
from factlab.schema.splits import Split

GOLD = EntityAnswer(value="Paris")


def ask(
    id_: str,
    split: Split,
    *,
    gated: bool = False,
    fact: str | None = None,
    family: str = "f",
    alias: bool = False,
) -> Question:
    """A question of a split, with a gate prompt if it is gated."""
    return Question(
        id=id_,
        split=split,
        family=family,
        text=f"{id_}?",
        fact=fact,
        gold=None if split == "unanswerable" else GOLD,
        gate=(f"{id_}, again?",) if gated else (),
        alias=alias,
    )


def said(
    question: Question, right: bool | None, *, text: str = "-", intrusions: tuple[str, ...] = ()
) -> AnswerRecord:
    """A graded answer to the question's own text."""
    return AnswerRecord(
        question_id=question.id,
        prompt=question.text,
        text=text,
        tokens=1,
        finished=True,
        outcome=None if right is None else "new" if right else "other",
        correct=right,
        intrusions=intrusions,
    )


def gate(question: Question, right: bool) -> AnswerRecord:
    """A graded answer to its first gate prompt."""
    return said(question, right).model_copy(update={"prompt": question.gate[0]})


def likely(
    question: Question,
    right: tuple[float, int] | None,
    *wrong: tuple[float, int],
    injected: dict[str, float] | None = None,
) -> LikelihoodRecord:
    """Scored options, each as (summed NLL in nats, tokens)."""
    options = [_option("wrong", None, *pair) for pair in wrong]
    options += [_option("injected", fact, nll, 1) for fact, nll in (injected or {}).items()]
    if right is not None:
        options.insert(0, _option("right", None, *right))
    return LikelihoodRecord(question_id=question.id, options=tuple(options))


def _option(role: str, fact: str | None, nll: float, tokens: int) -> OptionScore:
    return OptionScore.model_validate(
        {"text": "-", "role": role, "fact": fact, "nll_nats": nll, "tokens": tokens}
    )


def evidence(
    questions: Sequence[Question],
    *answers: AnswerRecord,
    likelihoods: Sequence[LikelihoodRecord] = (),
    in_context: Sequence[AnswerRecord] = (),
) -> Responses:
    """What a model said to these questions."""
    return Responses.of(questions, answers, likelihoods, in_context)


def asked(questions: Sequence[Question], *facts: str) -> QuestionSet:
    """What an adapter was asked; of the fact x, unless others are named."""
    return QuestionSet(facts or ("x",), questions)


def figure(found: Measurement, name: str) -> tuple[float, int]:
    """Value and n of a metric."""
    return found.metrics[name].value, found.metrics[name].n


def values(items: Scores, name: str) -> list[float]:
    """The values of a metric, item by item."""
    return [item.value for item in items[name]]


FAR = [ask(f"q{i}", "far", gated=True) for i in range(1, 6)]
# The base: 1 and 2 known; 3 right, but not when asked again; 4 and 5 wrong.
BASE = evidence(
    FAR,
    *(said(q, right) for q, right in zip(FAR, [True, True, True, False, False], strict=True)),
    gate(FAR[0], True),
    gate(FAR[1], True),
    gate(FAR[2], False),
)
# The tuned model: 1 kept, 2 and 3 lost, 4 gained.
TUNED = evidence(
    FAR, *(said(q, right) for q, right in zip(FAR, [True, False, False, True, False], strict=True))
)
