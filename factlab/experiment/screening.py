"""Puts the far bank to a base, to see which controls it knows: once for each base.

First the options of every question, since they take no generation; then, where the right answer is
preferred, an answer to each wording. What comes of it is kept in the model cache, and shipped for
the default model; only what neither has is computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from factlab.experiment.far_controls import in_turn
from factlab.inference.likelihood import own_options
from factlab.progress import Progress
from factlab.respondents.protocol import Bounds, FoundBase, Request, Respondent
from factlab.schema.config import Precision, RunConfig
from factlab.schema.question import LikelihoodRecord, Question
from factlab.schema.screening import (
    Screened,
    ScreenedAnswer,
    ScreenedBase,
    ScreenedQuestion,
    screening_key,
    shipped_screening,
)

if TYPE_CHECKING:
    from factlab.models.base_cache import BaseCache

SCREENING_BOUNDS = RunConfig()  # of answers: a run with others has the same controls all the same
AT_ONCE = 64  # questions that are answered before what is there is kept


@dataclass(frozen=True, slots=True)
class Screening:
    """A base, and what it made of the questions it was screened on, in their order."""

    base: ScreenedBase
    questions: tuple[ScreenedQuestion, ...]

    @property
    def by_key(self) -> Screened:
        """The questions as they are looked up."""
        return {question.key: question for question in self.questions}


def screen(
    found_base: FoundBase,
    bank: Sequence[Question],
    precision: Precision,
    progress: Progress,
    *,
    fresh: bool = False,
    most: int | None = None,
) -> Screening:
    """Screen a base on a bank, reading what is shipped or was computed before.

    Args:
        found_base: The base.
        bank: The questions.
        precision: At which it is loaded, if it has to be. What was screened before serves
            whatever its precision was, so that runs at every precision have the same controls.
        progress: Where to report.
        fresh: Compute everything again.
        most: Of a base without a shipped screening, take so many questions, of every group in turn.
    """
    base = found_base.screened(precision, SCREENING_BOUNDS.max_new_tokens)
    cache = _cache(base)
    shipped = shipped_screening(base)
    if most is not None and any(screening_key(question) not in shipped for question in bank):
        bank = in_turn(bank)[:most]
    found = {} if fresh else shipped | _kept(cache)
    missing = [question for question in bank if screening_key(question) not in found]
    if missing:
        for computed in _screened(found_base, missing, precision, progress, fresh=fresh):
            found |= {question.key: question for question in computed}
            cache.write("screened", [one.model_dump(mode="json") for one in found.values()])
    now = [(question, found[screening_key(question)]) for question in bank]
    return Screening(base, tuple(one.model_copy(update={"id": q.id}) for q, one in now))


def _cache(base: ScreenedBase) -> BaseCache:
    from factlab.models.base_cache import BaseCache

    return BaseCache(base.model_dump_json(include={"weights", "template", "tokens"}))


def _kept(cache: BaseCache) -> dict[str, ScreenedQuestion]:
    kept = cache.read("screened")
    if not isinstance(kept, list):
        return {}
    read = [ScreenedQuestion.model_validate(one) for one in kept]
    return {question.key: question for question in read}


def _screened(
    base: FoundBase,
    bank: Sequence[Question],
    precision: Precision,
    progress: Progress,
    *,
    fresh: bool,
) -> Iterator[list[ScreenedQuestion]]:
    """What a base makes of the bank, bit by bit, so that one who stops it loses little."""
    with progress.stage(f"load at {precision}", 1) as advance:
        asked = base.open(precision, fresh=fresh)
        advance(1)
    leads = _leads(asked, bank, progress) if "likelihoods" not in asked.lacks else {}
    promising = [q for q in bank if (lead := leads.get(q.id)) is None or lead > 0]
    likely = {question.id for question in promising}
    yield [_of(question, leads.get(question.id)) for question in bank if question.id not in likely]
    with progress.stage("screen far controls: answers", len(promising)) as advance:
        for start in range(0, len(promising), AT_ONCE):
            some = promising[start : start + AT_ONCE]
            prompts = [Request(q, text) for q in some for text in (q.text, *q.gate)]
            said = iter(_answers(asked, prompts))
            yield [_of(q, leads.get(q.id), tuple(islice(said, 1 + len(q.gate)))) for q in some]
            advance(len(some))


def _leads(
    asked: Respondent, bank: Sequence[Question], progress: Progress
) -> dict[str, float | None]:
    """By how much the right answer leads the best wrong one, by question."""
    with progress.stage("screen far controls: options", len(bank)) as advance:
        requests = [Request(q, q.text, options) for q in bank if (options := own_options(q))]
        replies = asked.respond(requests, Bounds(0, SCREENING_BOUNDS.generation_batch), advance)
    scored = [reply.likelihoods for reply in replies if reply.likelihoods is not None]
    return {record.question_id: _margin(record) for record in scored}


def _of(
    question: Question, lead: float | None, answers: tuple[ScreenedAnswer, ...] = ()
) -> ScreenedQuestion:
    return ScreenedQuestion(
        id=question.id,
        key=screening_key(question),
        margin=None if lead is None else round(lead, 3),
        answers=answers,
    )


def _margin(record: LikelihoodRecord) -> float | None:
    wrong = [option.nll_nats for option in record.options if option.role == "wrong"]
    right = next(option.nll_nats for option in record.options if option.role == "right")
    return min(wrong) - right if wrong else None


def _answers(asked: Respondent, requests: Sequence[Request]) -> list[ScreenedAnswer]:
    bounds = Bounds(SCREENING_BOUNDS.max_new_tokens, SCREENING_BOUNDS.generation_batch)
    said = [reply.answer for reply in asked.respond(requests, bounds)]
    return [ScreenedAnswer(text=one.text, finished=one.finished) for one in said if one is not None]
