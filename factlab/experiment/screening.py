"""Puts the far bank to a base, to see which controls it knows: once for each base.

First the options of every question, since they take no generation; then, where the right answer is
preferred, an answer to each wording. What comes of it is kept in the model cache, and shipped for
the default model; only what neither has is computed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from factlab.experiment.far_controls import in_turn
from factlab.inference.likelihood import own_options
from factlab.progress import Progress
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
    from factlab.models.load import LoadedModel
    from factlab.models.resolve import ModelFiles

_BOUNDS = RunConfig()  # of answers: a run with others has the same controls all the same
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
    files: ModelFiles,
    bank: Sequence[Question],
    config: RunConfig,
    precision: Precision,
    progress: Progress,
    *,
    fresh: bool = False,
    most: int | None = None,
) -> Screening:
    """Screen a base on a bank, reading what is shipped or was computed before.

    Args:
        files: The base.
        bank: The questions.
        config: How it is loaded.
        precision: At which it is loaded, if it has to be. What was screened before serves
            whatever its precision was, so that runs at every precision have the same controls.
        progress: Where to report.
        fresh: Compute everything again.
        most: Of a base without a shipped screening, take so many questions, of every group in turn.
    """
    base = _base_of(files, precision)
    cache = _cache(base)
    shipped = shipped_screening(base)
    if most is not None and any(screening_key(question) not in shipped for question in bank):
        bank = in_turn(bank)[:most]
    found = {} if fresh else shipped | _kept(cache)
    missing = [question for question in bank if screening_key(question) not in found]
    if missing:
        for computed in _screened(files, missing, config, precision, progress):
            found |= {question.key: question for question in computed}
            cache.write("screened", [one.model_dump(mode="json") for one in found.values()])
    now = [(question, found[screening_key(question)]) for question in bank]
    return Screening(base, tuple(one.model_copy(update={"id": q.id}) for q, one in now))


def _base_of(files: ModelFiles, precision: Precision) -> ScreenedBase:
    from factlab.models.load import load_tokenizer

    template = str(load_tokenizer(files).chat_template)
    return ScreenedBase(
        model=files.name,
        weights=files.sha256,
        template=hashlib.sha256(template.encode()).hexdigest()[:12],
        tokens=_BOUNDS.max_new_tokens,
        precision=precision,
    )


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
    files: ModelFiles,
    bank: Sequence[Question],
    config: RunConfig,
    precision: Precision,
    progress: Progress,
) -> Iterator[list[ScreenedQuestion]]:
    """What a base makes of the bank, bit by bit, so that one who stops it loses little."""
    from factlab.inference.likelihood import score_options
    from factlab.models.load import load_model, load_options

    with progress.stage(f"load at {precision}", 1) as advance:
        loaded = load_model(files, precision, load_options(config))
        advance(1)
    with progress.stage("screen far controls: options", len(bank)) as advance:
        scored = score_options(
            loaded.model,
            loaded.tokenizer,
            [(question, own_options(question)) for question in bank],
            batch_size=_BOUNDS.generation_batch,
            advance=advance,
        )
    leads = {record.question_id: _margin(record) for record in scored}
    promising = [q for q in bank if (lead := leads.get(q.id)) is None or lead > 0]
    likely = {question.id for question in promising}
    yield [_of(question, leads.get(question.id)) for question in bank if question.id not in likely]
    with progress.stage("screen far controls: answers", len(promising)) as advance:
        for start in range(0, len(promising), AT_ONCE):
            some = promising[start : start + AT_ONCE]
            said = iter(_answers(loaded, [text for q in some for text in (q.text, *q.gate)]))
            yield [_of(q, leads.get(q.id), tuple(islice(said, 1 + len(q.gate)))) for q in some]
            advance(len(some))


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


def _answers(loaded: LoadedModel, prompts: Sequence[str]) -> list[ScreenedAnswer]:
    from factlab.inference.generate import generate

    said = generate(
        loaded.model,
        loaded.tokenizer,
        prompts,
        max_new_tokens=_BOUNDS.max_new_tokens,
        batch_size=_BOUNDS.generation_batch,
    )
    return [ScreenedAnswer(text=one.text, finished=one.finished) for one in said]
