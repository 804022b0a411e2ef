"""Scoring questions per second: generation and forced choice, on one loaded bf16 model.

Forced choice: the shipped far controls and the near controls of Mount Fuji with their options.
Generation: the same and the held-out questions. Each part is a function of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks import peers
from benchmarks.common import FACT, Reading, Settings, interleaved, show, spread, timed

if TYPE_CHECKING:
    from factlab.experiment.experiment import Experiment
    from factlab.models.load import LoadedModel
    from factlab.schema.question import LikelihoodRecord, Question

# The peers are measured with each of these, and the fastest counts.
GENERATION_BATCHES = (32, 96)
HARNESS_BATCHES = (8, 32, 96)
NATS_PER_TOKEN = 0.1  # mean difference that bf16 explains; lm_eval rounds its log-probs to bf16
EXACT_QUESTIONS = 12  # answered in fp32, where answers must be the same


def measure(settings: Settings, reading: Reading) -> None:
    """Measure every part and add it to the reading."""
    from factlab.experiment.plan import plan_experiment
    from factlab.models.load import load_model
    from factlab.models.resolve import resolve_model
    from factlab.schema.config import RunConfig

    plan = plan_experiment(RunConfig(facts=(FACT,), model=settings.model))
    files = resolve_model(settings.model)
    loaded = load_model(files, "bf16")
    _warm_up(plan, loaded)
    forced_choice(settings, reading, plan, loaded)
    generation(settings, reading, plan, loaded)
    if settings.quick:
        return
    combined(settings, reading, plan, loaded)
    exactness(reading, plan, load_model(files, "fp32"))


def _warm_up(plan: Experiment, loaded: LoadedModel) -> None:
    """The first pass of a process is slow, whoever makes it."""
    asked = _with_options(plan)[:2]
    texts = [question.text for question in asked]
    factlab_both(loaded, plan, asked)
    peers.generate_texts(loaded.model, loaded.tokenizer, texts, batch_size=2, max_new_tokens=4)
    _harness(loaded, asked, 2)


def _timed(call: Callable[[], object]) -> float:
    """Seconds of a call by someone who has not seen the questions: rendering them counts."""
    from factlab.models.chat import forget_rendered

    forget_rendered()
    return timed(call)


# --- forced choice ----------------------------------------------------------------------------


def forced_choice(
    settings: Settings, reading: Reading, plan: Experiment, loaded: LoadedModel
) -> None:
    """Options scored by factlab and by lm_eval, on the same tokens."""
    asked = spread(_with_options(plan), settings.questions)
    said: dict[str, Any] = {}

    def ours() -> float:
        seconds = _timed(lambda: said.update(factlab=factlab_likelihoods(loaded, plan, asked)))
        return len(asked) / seconds

    def harness(batch: int) -> Callable[[], float]:
        def once() -> float:
            name = f"lm_eval_batch_{batch}"
            seconds = _timed(lambda: said.update({name: _harness(loaded, asked, batch)}))
            return len(asked) / seconds

        return once

    print(f"forced choice: {len(asked)} questions", flush=True)
    sizes = _sizes(HARNESS_BATCHES, len(asked))
    rates = {"factlab": ours} | {f"lm_eval_batch_{size}": harness(size) for size in sizes}
    found = interleaved(rates, settings.repeats)
    best = _fastest(found, "lm_eval_batch")
    equal, about = _likelihoods_agree(said["factlab"], said[best])
    reading.note(f"forced choice, factlab and lm_eval: {about}.")
    _enter(reading, "forced_choice", found)
    reading.ratio(
        "scoring/forced_choice/lm_eval", found["factlab"], found[best], "yes" if equal else "no"
    )


def _sizes(batches: Sequence[int], questions: int) -> list[int]:
    """Batches that questions fill, and the smallest that they do not."""
    full = [size for size in batches if size <= questions]
    return full + [size for size in batches if size > questions][:1]


def _fastest(found: dict[str, float], start: str) -> str:
    """The contender with the highest rate, of those whose names begin so."""
    return max((name for name in found if name.startswith(start)), key=lambda name: found[name])


def _with_options(plan: Experiment) -> list[Question]:
    from factlab.inference.likelihood import own_options

    return [q for q in (*plan.far, *plan.near[FACT]) if len(own_options(q)) > 1]


def factlab_likelihoods(
    loaded: LoadedModel, plan: Experiment, asked: Sequence[Question]
) -> list[LikelihoodRecord]:
    """Factlab's own likelihoods, in the batches of a run."""
    from factlab.inference.likelihood import own_options, score_options

    return score_options(
        loaded.model,
        loaded.tokenizer,
        [(question, own_options(question)) for question in asked],
        batch_size=plan.config.generation_batch,
    )


def _harness(loaded: LoadedModel, asked: Sequence[Question], batch: int) -> list[float]:
    lm = peers.harness(loaded.model, loaded.tokenizer, batch)
    return peers.harness_likelihoods(lm, option_rows(loaded, asked))


def option_rows(
    loaded: LoadedModel, asked: Sequence[Question]
) -> list[tuple[Sequence[int], Sequence[int]]]:
    """Prompt and option of each request, as the tokens that factlab scores."""
    from factlab.inference.likelihood import own_options
    from factlab.models.chat import answer_tokens, prompt_ids

    tokenizer = loaded.tokenizer
    return [
        (prompt_ids(tokenizer, q.text), answer_tokens(tokenizer, q.text, option.text))
        for q in asked
        for option in own_options(q)
    ]


def _likelihoods_agree(
    records: Sequence[LikelihoodRecord], theirs: Sequence[float]
) -> tuple[bool, str]:
    """Whether the mean difference is within tolerance, and a sentence with the figures."""
    remaining = iter(theirs)
    differences: list[float] = []
    same = 0
    for record in records:
        values = [-next(remaining) for _ in record.options]
        ours = [option.nll_nats for option in record.options]
        same += ours.index(min(ours)) == values.index(min(values))
        differences += [
            abs(a - b) / option.tokens
            for a, b, option in zip(ours, values, record.options, strict=True)
        ]
    mean = sum(differences) / len(differences)
    return mean <= NATS_PER_TOKEN, (
        f"the same option is the most probable in {same} of {len(records)} questions; NLL per "
        f"token differs by {mean:.4f} nats on average, {max(differences):.4f} at most"
    )


# --- generation -------------------------------------------------------------------------------


def generation(settings: Settings, reading: Reading, plan: Experiment, loaded: LoadedModel) -> None:
    """Greedy answers by factlab, by `generate` one at a time and batched, and by lm_eval."""
    asked = _texts(plan, settings.questions)
    said: dict[str, list[str]] = {}
    limit = plan.config.max_new_tokens

    def rate(name: str, answer: Callable[[], list[str]]) -> Callable[[], float]:
        return lambda: len(asked) / _timed(lambda: said.update({name: answer()}))

    def library(batch: int) -> list[str]:
        return peers.generate_texts(
            loaded.model, loaded.tokenizer, asked, batch_size=batch, max_new_tokens=limit
        )

    def lm_eval(batch: int) -> list[str]:
        lm = peers.harness(loaded.model, loaded.tokenizer, batch)
        return peers.harness_texts(lm, loaded.tokenizer, asked, limit)

    answers: dict[str, Callable[[], list[str]]] = {
        "factlab": lambda: factlab_texts(loaded, plan, asked),
        "one_at_a_time": lambda: library(1),
    }
    for size in _sizes(GENERATION_BATCHES, len(asked)):
        answers[f"batched_{size}"] = partial(library, size)
        if not settings.quick:
            answers[f"lm_eval_batch_{size}"] = partial(lm_eval, size)
    print(f"generation: {len(asked)} questions", flush=True)
    found = interleaved({n: rate(n, answer) for n, answer in answers.items()}, settings.repeats)
    _enter(reading, "generation", found)
    chosen = {"one_at_a_time": "one_at_a_time", "batched": _fastest(found, "batched")}
    if not settings.quick:
        chosen["lm_eval"] = _fastest(found, "lm_eval_batch")
    agreements = {name: _agreement(said["factlab"], said[way]) for name, way in chosen.items()}
    alone = _agreement(said[chosen["batched"]], said["one_at_a_time"])
    reading.note(
        f"generation in {loaded.model.dtype}, answers that are word for word the same: "
        + ", ".join(f"factlab and {name} {share:.0%}" for name, share in agreements.items())
        + f"; `generate` batched and one at a time {alone:.0%}."
    )
    for name, share in agreements.items():
        # In bf16 answers depend on the batch: the library's own two ways are the reference, give
        # or take two standard errors of such a share (at most 0.5 / √n each).
        quality = "yes" if share >= alone - len(asked) ** -0.5 else "no"
        if settings.quick:  # too few answers to tell
            quality = "not compared"
        reading.ratio(f"scoring/generation/{name}", found["factlab"], found[chosen[name]], quality)


def _texts(plan: Experiment, count: int) -> list[str]:
    splits = plan.expansions[FACT]
    questions = (*splits.held_out, *plan.near[FACT], *plan.far)
    return [question.text for question in spread(questions, count)]


def factlab_texts(loaded: LoadedModel, plan: Experiment, asked: Sequence[str]) -> list[str]:
    """Factlab's own answers, in the batches of a run."""
    from factlab.inference.generate import generate

    said = generate(
        loaded.model,
        loaded.tokenizer,
        asked,
        max_new_tokens=plan.config.max_new_tokens,
        batch_size=plan.config.generation_batch,
    )
    return [one.text for one in said]


def _agreement(a: Sequence[str], b: Sequence[str]) -> float:
    return sum(x == y for x, y in zip(a, b, strict=True)) / len(a)


def exactness(reading: Reading, plan: Experiment, loaded: LoadedModel) -> None:
    """In fp32, factlab's answers must be those of one-at-a-time generation."""
    asked = _texts(plan, EXACT_QUESTIONS)
    theirs = peers.generate_texts(
        loaded.model,
        loaded.tokenizer,
        asked,
        batch_size=1,
        max_new_tokens=plan.config.max_new_tokens,
    )
    share = _agreement(factlab_texts(loaded, plan, asked), theirs)
    reading.note(
        f"generation in fp32: {share:.0%} of {len(asked)} answers are word for word those of "
        "`generate` one at a time."
    )
    reading.factlab["scoring"]["generation"]["equal_in_fp32"] = share


# --- both at once -----------------------------------------------------------------------------


def combined(settings: Settings, reading: Reading, plan: Experiment, loaded: LoadedModel) -> None:
    """Answers and likelihoods of the same questions, which is what a measurement needs."""
    asked = spread(_with_options(plan), settings.questions)
    texts = [question.text for question in asked]
    limit = plan.config.max_new_tokens

    def lm_eval(batch: int) -> float:
        lm = peers.harness(loaded.model, loaded.tokenizer, batch)
        return len(asked) / _timed(lambda: both(lm))

    def both(lm: Any) -> None:
        peers.harness_texts(lm, loaded.tokenizer, texts, limit)
        peers.harness_likelihoods(lm, option_rows(loaded, asked))

    print(f"both: {len(asked)} questions", flush=True)
    rates: dict[str, Callable[[], float]] = {
        "factlab": lambda: len(asked) / _timed(lambda: factlab_both(loaded, plan, asked))
    }
    for size in _sizes(GENERATION_BATCHES, len(asked)):
        rates[f"lm_eval_batch_{size}"] = partial(lm_eval, size)
    found = interleaved(rates, settings.repeats)
    _enter(reading, "combined", found)
    theirs = found[_fastest(found, "lm_eval_batch")]
    reading.ratio("scoring/combined/lm_eval", found["factlab"], theirs, "see the parts")


def factlab_both(loaded: LoadedModel, plan: Experiment, asked: Sequence[Question]) -> None:
    """Factlab's answers and likelihoods, from one reading of each question."""
    from factlab.inference.backend import complete
    from factlab.inference.generate import end_tokens
    from factlab.inference.likelihood import option_prompt, own_options
    from factlab.inference.prompts import Limits

    config, ends = plan.config, end_tokens(loaded.model, loaded.tokenizer)
    prompts = [option_prompt(loaded.tokenizer, q.text, own_options(q)) for q in asked]
    complete(loaded.model, prompts, Limits(config.generation_batch, config.max_new_tokens, ends))


def _enter(reading: Reading, part: str, found: dict[str, float]) -> None:
    """Questions per second into the reading, and on the screen."""
    for name, rate in found.items():
        side = reading.factlab if name == "factlab" else reading.peers
        scoring = side.setdefault("scoring", {}).setdefault(part, {})
        scoring["questions_per_second" if name == "factlab" else name] = round(rate, 3)
    title = f"Scoring: {part.replace('_', ' ')}"
    show(title, ["", "questions/s", "factlab is faster"], _faster(found))


def _faster(found: dict[str, float]) -> list[tuple[str, float, str]]:
    return [(name, rate, f"{found['factlab'] / rate:.2f}×") for name, rate in found.items()]
