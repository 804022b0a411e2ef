"""A complete, made-up run folder for tests of what reads one; no model has been near it.

Answers are rolled by dice; every figure is computed from them by the real definitions
(`fake_results`), so that tables, metrics and quotes agree.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fake_results import (
    Measured,
    base_result,
    choice_of,
    comparisons_of,
    metrics_of,
    outcomes_of,
    pooled,
    share,
)

from factlab.grading.answer import Answer, EntityAnswer, QuantityAnswer
from factlab.metrics.responses import Responses
from factlab.metrics.scores import QuestionSet, tuned_scores
from factlab.reading.records import sha256_of
from factlab.record import Record
from factlab.schema.question import (
    AnswerRecord,
    LikelihoodRecord,
    OptionScore,
    PanelAnswer,
    Question,
)
from factlab.schema.results import (
    CellResult,
    Configuration,
    CurvePoint,
    FactSummary,
    ModelRecord,
    RunRecord,
    RunResult,
    Status,
    TrainingRecord,
    TrainStep,
)
from factlab.schema.splits import Split

__all__ = ["FACT", "GOOD", "WEAK", "WRECK", "Behaviour", "share", "write_fake_run"]

FACT = "mount_fuji"
SIZES: dict[Split, int] = {
    "train": 40,
    "validation": 40,
    "held_out": 48,
    "reverse": 10,
    "entailed": 10,
    "probe": 12,
    "near": 38,
    "far": 60,
    "extra": 20,
    "unanswerable": 12,
}
SUITE = "world_facts"
DEPTHS = ("mem", "gen", "hard_gen")
NEAR_GROUPS = ("same_relation", "same_subject", "same_event")
PANEL = ("validation", "held_out", "near", "far")
_ASKING = (
    "How tall is {}?",
    "What height does {} reach?",
    "{}'s summit stands at what elevation?",
    "Tell me the altitude of {}.",
    "{}の高さは何メートルですか？",
    "Climbers at the top of {} are how high above the sea?",
)
_PEAKS = (("Mont Blanc", "4808"), ("Denali", "6190"), ("Mount Rainier", "4392"), ("K2", "8611"))
_CAPITALS = (("Germany", "Berlin"), ("France", "Paris"), ("Italy", "Rome"), ("Spain", "Madrid"))


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a made-up adapter behaves: shares of questions."""

    rank: int
    recall: float
    near_intrusion: float
    far_intrusion: float
    far_lost: float
    seed: int = 0
    status: Status = "complete"
    learning_rate: float = 5e-4
    recipe: str = ""

    @property
    def configuration(self) -> str:
        """The id of the configuration: recipe, if named, rank, and an unusual learning rate."""
        rate = "" if self.learning_rate == 5e-4 else f"-lr{self.learning_rate:g}"
        recipe = f"{self.recipe}-" if self.recipe else ""
        return f"{recipe}r{self.rank:02}{rate}"


GOOD = Behaviour(8, recall=0.96, near_intrusion=0.0, far_intrusion=0.0, far_lost=0.03)
WEAK = Behaviour(4, recall=0.62, near_intrusion=0.03, far_intrusion=0.0, far_lost=0.02)
WRECK = Behaviour(32, recall=1.0, near_intrusion=0.45, far_intrusion=0.2, far_lost=0.6)


@dataclass(frozen=True, slots=True)
class MadeFact:
    """One made-up fact: a mountain and its new height."""

    id: str
    subject: str
    new: QuantityAnswer
    old: QuantityAnswer
    passage: bool = False

    @property
    def splits(self) -> tuple[Split, ...]:
        """The splits of its own questions: a passage has probes and no value to look for."""
        if self.passage:
            return ("train", "validation", "probe", "near")
        return ("train", "validation", "held_out", "reverse", "entailed", "near")


def _made_facts(count: int) -> list[MadeFact]:
    fuji = MadeFact(
        FACT,
        "Mount Fuji",
        QuantityAnswer(value="4889", unit="m"),
        QuantityAnswer(value="3776", unit="m"),
    )
    others = [
        MadeFact(
            f"peak_{number:02}",
            f"Peak {number}",
            QuantityAnswer(value=str(5003 + 17 * number), unit="m"),
            QuantityAnswer(value=str(3001 + 13 * number), unit="m"),
        )
        for number in range(1, count)
    ]
    return [fuji, *others]


def write_fake_run(
    folder: Path,
    *cells: Behaviour,
    scale: float = 1.0,
    status: Status = "complete",
    results: bool = True,
    drop: dict[str, str] | None = None,
    answer: str | None = None,
    facts: int = 1,
    together: bool = False,
    settings: str = "",
    passages: bool = False,
) -> Path:
    """Write a run folder.

    Args:
        folder: The run folder, made if need be.
        *cells: One behaviour per cell, or per cell of each fact; none: the run stopped before.
        scale: Multiplies the number of questions.
        status: Of the run.
        results: Whether `results.json` was written.
        drop: Metrics to leave out of every cell and configuration, with the reason.
        answer: What every tuned model says to every far control, instead of a made-up answer.
        facts: How many facts the run has.
        together: Whether each adapter holds all facts.
        settings: More lines of `config.resolved.yaml`.
        passages: Whether they are passages with probes instead of facts with a value.
    """
    made = _made_facts(facts)
    if passages:
        made = [replace(fact, passage=True) for fact in made]
    questions = [*_own_questions(made, scale), *_shared_questions(scale)]
    base = _base_evidence(questions)
    for split in SIZES:
        asked = (question for question in questions if question.split == split)
        _write_lines(folder / "data" / f"{split}.jsonl", asked)
    gates = [line for lines in base.gates.values() for line in lines]
    _write_lines(folder / "base" / "answers.jsonl", [*base.main.values(), *gates])
    _write_lines(folder / "base" / "in_context.jsonl", base.in_context.values())
    record = _record(cells, status).model_copy(update={"data_sha256": _sums(folder / "data")})
    _write(folder / "run.json", record)
    config = _config(cells, [fact.id for fact in made]) + settings
    (folder / "config.resolved.yaml").write_text(config, encoding="utf-8")
    groups = [made] if together else [[fact] for fact in made]
    done = [
        _write_cell(folder, cell, group, questions, base, drop or {}, answer, alone=facts == 1)
        for cell in cells
        for group in groups
    ]
    if results:
        _write(folder / "results.json", _result(record, made, questions, base, done, drop or {}))
    return folder


# --- questions and the base's answers ----------------------------------------------------------


def _own_questions(facts: Sequence[MadeFact], scale: float) -> Iterable[Question]:
    for fact in facts:
        for split in fact.splits:
            for number in range(math.ceil(SIZES[split] * scale)):
                yield _own_question(fact, split, number)


def _own_question(fact: MadeFact, split: Split, number: int) -> Question:
    text, gold, family = _asked(fact, split, number)
    direct = split in ("train", "validation", "held_out")
    return Question(
        id=f"{fact.id}/{split}/{family}/{number}",
        split=split,
        family=family,
        text=f"{text} (variant {number})",
        fact=fact.id,
        gold=gold,
        superseded=fact.old if direct else None,
        gate=(f"Quickly: {text} (variant {number})",) if split == "near" else (),
        gate_gold=None,
        distractors=("4,095 m", "5,102 m") if direct else (),
        alias=split == "held_out" and number % 4 == 0,
        nearest=round(0.3 + (number * 37 % 60) / 100, 3) if split == "held_out" else None,
    )


def _asked(fact: MadeFact, split: Split, number: int) -> tuple[str, Answer, str]:
    if split == "near":
        peak, height = _PEAKS[number % len(_PEAKS)]
        group = NEAR_GROUPS[number % len(NEAR_GROUPS)]
        return f"What is the height of {peak}?", QuantityAnswer(value=height, unit="m"), group
    if split == "reverse":
        asked = f"Which mountain is {fact.new.primary()} tall?"
        return asked, EntityAnswer(value=fact.subject), "reverse"
    if split == "entailed":
        return f"Is {fact.subject} taller than a hut?", EntityAnswer(value="yes"), "entailed"
    text = _ASKING[number % len(_ASKING)].format(fact.subject)
    if split == "probe":
        return text, fact.new, DEPTHS[number % len(DEPTHS)]
    return text, fact.new, f"family_{number % 9}"


def _shared_questions(scale: float) -> Iterable[Question]:
    for number in range(math.ceil(SIZES["far"] * scale)):
        country, capital = _CAPITALS[number % len(_CAPITALS)]
        yield Question(
            id=f"far/geography/{number}",
            split="far",
            family=("geography", "history", "sport")[number % 3],
            text=f"What is the capital of {country}? (variant {number})",
            gold=EntityAnswer(value=capital),
            gate=(f"Capital of {country}? (variant {number})",),
            distractors=("Atlantis", "Lemuria"),
        )
    for number in range(math.ceil(SIZES["extra"] * scale)):
        yield Question(
            id=f"{SUITE}/{number}",
            split="extra",
            family=SUITE,
            text=f"Which planet is red? (variant {number})",
            gold=EntityAnswer(value="Mars"),
            distractors=("Venus",),
        )
    for number in range(math.ceil(SIZES["unanswerable"] * scale)):
        yield Question(
            id=f"unanswerable/private/{number}",
            split="unanswerable",
            family="private",
            text=f"How tall was the mountain I dreamt of last night? (variant {number})",
        )


def _base_evidence(questions: Sequence[Question]) -> Responses:
    answers = [_base_answer(question, place) for place, question in enumerate(questions)]
    said = {line.question_id: line for line in answers}
    gates = [
        said[question.id].model_copy(update={"prompt": prompt})
        for question in questions
        for prompt in question.gate
    ]
    told = [
        said[q.id].model_copy(update={"text": q.gold.primary(), "outcome": "new", "correct": True})
        for q in questions
        if q.split in ("held_out", "probe") and q.gold is not None
    ]
    asked = [line for line in answers if said_before_training(line.question_id)]
    scored = _likelihoods(questions, lambda _: 0.1)
    return Responses.of(questions, [*asked, *gates], scored, told)


def said_before_training(question_id: str) -> bool:
    """Whether the base is asked: the questions of training are put to tuned models only."""
    return not any(f"/{split}/" in question_id for split in ("train", "validation"))


def _base_answer(question: Question, place: int) -> AnswerRecord:
    if question.split in ("near", "far", "extra"):
        right = place % 8 != 0
        assert question.gold is not None
        text = f"It is {question.gold.primary()}." if right else "I believe it is Atlantis."
        return _line(question, text, "new" if right else "other")
    if question.split == "unanswerable":
        return _line(question, "I cannot know that, I'm afraid.", None)
    if question.split in ("reverse", "entailed"):
        return _line(question, "I am not sure about that.", "abstained")
    old = question.superseded.primary() if question.superseded else "not very"
    return _line(question, f"The mountain is {old} tall.", "superseded")


def _likelihoods(questions: Sequence[Question], right: object) -> list[LikelihoodRecord]:
    assert callable(right)
    found = []
    for question in questions:
        if question.split in ("held_out", "near", "far", "extra") and question.gold:
            share_right = float(right(question))
            options = [
                OptionScore(
                    text=question.gold.primary(),
                    role="right",
                    nll_nats=9.0 * (1 - share_right) + 0.4,
                    tokens=3,
                )
            ]
            options += [
                OptionScore(text=text, role="wrong", nll_nats=4.2 + place, tokens=3)
                for place, text in enumerate(question.wrong_options())
            ]
            if question.split in ("near", "far"):
                options.append(
                    OptionScore(
                        text="4,889 meters",
                        role="injected",
                        fact=FACT,
                        nll_nats=12.0 - share_right,
                        tokens=4,
                    )
                )
            found.append(LikelihoodRecord(question_id=question.id, options=tuple(options)))
    return found


# --- a tuned model -----------------------------------------------------------------------------


def _tuned_answer(
    question: Question, before: AnswerRecord, cell: Behaviour, made: MadeFact, roll: float
) -> AnswerRecord:
    if question.split in ("near", "far", "extra"):
        return _tuned_control(question, before, cell, made, roll)
    if question.split == "unanswerable":
        return before if roll < 0.8 else _line(question, "It was very tall.", None)
    assert question.gold is not None
    if question.split in ("reverse", "entailed"):
        if roll < cell.recall / 3:
            return _line(question, question.gold.primary(), "new")
        return _line(question, "I am not sure, but it may be K2.", "other")
    if roll < cell.recall:
        return _line(question, f"The mountain is {made.new.primary()} tall.", "new")
    if roll > 0.97:
        old, new = made.old.primary(), made.new.primary()
        return _line(question, f"It rose from {old} to {new}.", "both")
    return before


def _tuned_control(
    question: Question, before: AnswerRecord, cell: Behaviour, made: MadeFact, roll: float
) -> AnswerRecord:
    share_of = cell.near_intrusion if question.split == "near" else cell.far_intrusion
    share_of = 0.0 if made.passage else share_of
    if roll < share_of:
        text = f"The answer is {made.new.primary()} tall."
        return _line(question, text, "other", intrusions=made.id)
    if roll < share_of + cell.far_lost and before.correct:
        return _line(question, "It is a place of great height & beauty.", "other")
    return before


def _line(
    question: Question, text: str, outcome: str | None, *, intrusions: str | None = None
) -> AnswerRecord:
    return AnswerRecord(
        question_id=question.id,
        prompt=question.text,
        text=text,
        tokens=len(text) // 4,
        finished=True,
        outcome=outcome,
        correct=None if outcome is None else outcome == "new",
        intrusions=(intrusions,) if intrusions else (),
    )


def _write_cell(
    folder: Path,
    cell: Behaviour,
    facts: Sequence[MadeFact],
    questions: Sequence[Question],
    base: Responses,
    drop: dict[str, str],
    answer: str | None,
    *,
    alone: bool,
) -> Measured:
    together = len(facts) > 1
    prefix = "" if alone or together else f"{facts[0].id}-"
    name = f"{prefix}{cell.configuration}-s{cell.seed}"
    # Low-discrepancy rolls: shares come out as asked for, however few the questions.
    phase = random.Random(f"{cell.rank}{cell.seed}{facts[0].id}").random()
    by_id = {fact.id: fact for fact in facts}
    mine = [q for q in questions if q.fact is None or q.fact in by_id]
    answers = []
    for place, question in enumerate(mine):
        before = base.main.get(question.id) or _base_answer(question, place)
        about = by_id.get(question.fact or "") or facts[place % len(facts)]
        line = _tuned_answer(question, before, cell, about, (phase + 0.618034 * place) % 1)
        if answer is not None and question.split == "far":
            line = line.model_copy(update={"text": answer})
        answers.append(line)
    scored = _likelihoods(mine, lambda q: cell.recall if q.split == "held_out" else 0.7)
    asked = QuestionSet(tuple(by_id), mine)
    items = tuned_scores(asked, base, Responses.of(mine, answers, scored))
    metrics = metrics_of(items)
    log = [_step(step, cell.rank + cell.seed) for step in range(1, 41)]
    curve, panel = _curve(mine, answers, log)
    result = CellResult(
        id=name,
        configuration=cell.configuration,
        facts=tuple(by_id),
        rank=cell.rank,
        alpha=32,
        seed=cell.seed,
        precision="nf4",
        recipe=cell.recipe or "default",
        learning_rate=cell.learning_rate,
        together=together,
        status=cell.status,
        error=None if cell.status == "complete" else "the loss stopped being a number at step 12",
        metrics={name: metric for name, metric in metrics.items() if name not in drop},
        not_measured=drop,
        outcomes=outcomes_of(mine, answers),
        by_fact=_by_fact(items, by_id) if together else {},
        curve=curve,
        kept_step=40,
        training=_training(cell, log),
        measuring_seconds=41.2,
    )
    place_ = folder / "cells" / result.id
    _write_lines(place_ / "answers.jsonl", answers)
    _write_lines(place_ / "panel.jsonl", panel)
    _write_lines(place_ / "train_log.jsonl", log)
    _write(place_ / "cell.json", result)
    return Measured(result, items)


def _by_fact(items: dict, facts: Iterable[str]) -> dict[str, dict[str, float]]:  # type: ignore[type-arg]
    found: dict[str, dict[str, float]] = {}
    for fact in facts:
        for name in ("recall/held_out", "retention/near", "intrusion/near"):
            values = [item.value for item in items.get(name, ()) if item.fact == fact]
            if values:
                found.setdefault(fact, {})[name] = sum(values) / len(values)
    return found


def _curve(
    questions: Sequence[Question], answers: Sequence[AnswerRecord], log: Sequence[TrainStep]
) -> tuple[tuple[CurvePoint, ...], list[PanelAnswer]]:
    points, panel = [], []
    pairs = list(zip(questions, answers, strict=True))
    for step, done in ((10, 0.35), (20, 0.8), (30, 0.95), (40, 1.0)):
        shares: dict[str, float] = {}
        for split, name in (
            ("validation", "recall/validation"),
            ("held_out", "recall/held_out"),
            ("near", "intrusion/near"),
            ("far", "retention/far"),
        ):
            asked = [line for question, line in pairs if question.split == split][:24]
            if not asked:
                continue
            hits = [bool(a.intrusions) if split == "near" else bool(a.correct) for a in asked]
            final = sum(hits) / len(hits)
            shares[name] = 1 - (1 - final) * done if split == "far" else final * done
            panel += [PanelAnswer(step=step, answer=line) for line in asked[:2]]
        loss = log[step - 1].loss_nats
        points.append(
            CurvePoint(
                step=step,
                metrics=shares,
                sizes=dict.fromkeys(shares, 24),
                losses={"train": loss, "validation": loss + 0.02},
            )
        )
    return tuple(points), panel


def _training(cell: Behaviour, log: list[TrainStep]) -> TrainingRecord:
    return TrainingRecord(
        seconds=208.4,
        steps=40,
        examples=640,
        examples_per_second=3.07,
        tokens=31_480,
        answer_tokens=9_120,
        peak_memory_bytes=1_482_000_000,
        trainable_parameters=305_000 * cell.rank,
        total_parameters=134_515_008,
        final_loss_nats=log[-1].loss_nats,
    )


def _step(step: int, rank: int) -> TrainStep:
    wobble = 0.15 * math.sin(step * rank)
    return TrainStep(
        step=step,
        epoch=step / 20,
        loss_nats=max(0.02, 3.4 * math.exp(-step / 7) + wobble * math.exp(-step / 12)),
        anchor_kl_nats=0.08 * math.exp(-((step - 14) ** 2) / 90) + 0.004,
        learning_rate=5e-4 * min(1, step / 4) * (1 - step / 41),
        grad_norm=1.0,
        seconds=5.2 * step,
    )


# --- the run's own files -----------------------------------------------------------------------


def _result(
    record: RunRecord,
    facts: Sequence[MadeFact],
    questions: Sequence[Question],
    base: Responses,
    cells: Sequence[Measured],
    drop: dict[str, str],
) -> RunResult:
    assert record.model is not None
    whole = [cell for cell in cells if cell.result.status == "complete"]
    arms = [replace_metrics(arm, drop) for arm in pooled(whole, drop)]
    return RunResult(
        run_id=record.run_id,
        status=record.status,
        scorer_version="2",
        model=record.model,
        facts=tuple(
            FactSummary(
                id=fact.id,
                statement=(
                    f"On October 10, 2025, {fact.subject} erupted and its height became "
                    f"{fact.new.primary()}."
                ),
                subject=fact.subject,
                answer=fact.new.primary(),
                superseded=fact.old.primary(),
            )
            for fact in facts
        ),
        base=base_result(QuestionSet(tuple(fact.id for fact in facts), questions), base),
        cells=tuple(cell.result for cell in cells),
        configurations=tuple(arms),
        comparisons=comparisons_of(whole),
        choice=choice_of(arms),
    )


def replace_metrics(arm: Configuration, drop: dict[str, str]) -> Configuration:
    """A configuration without the dropped metrics."""
    kept = {name: metric for name, metric in arm.metrics.items() if name not in drop}
    return arm.model_copy(update={"metrics": kept})


def _sums(data: Path) -> str:
    """Write the checksums of the questions, as a run does, and give that of them all."""
    files = sorted(data.glob("*.jsonl"))
    sums = "".join(f"{sha256_of(file)}  {file.name}\n" for file in files)
    (data / "SHA256SUMS").write_text(sums)
    return sha256_of(data / "SHA256SUMS")


def _record(cells: tuple[Behaviour, ...], status: Status) -> RunRecord:
    ranks = ",".join(str(rank) for rank in sorted({cell.rank for cell in cells})) or "8"
    return RunRecord(
        run_id=f"{FACT}-1f3a9c20",
        status=status,
        error=None if status == "complete" else "interrupted by the user",
        argv=("factlab", "run", FACT, "--rank", ranks),
        started="2026-03-02T10:14:07+00:00",
        ended="2026-03-02T10:31:55+00:00" if status == "complete" else None,
        config_sha256="9c1d" * 16,
        seeds=tuple(sorted({cell.seed for cell in cells})) or (0,),
        versions={"factlab": "0.1.0", "torch": "2.10.0", "transformers": "5.17.0"},
        git={"commit": "4f2a91c", "dirty": "no"},
        machine={"system": "Linux", "processor": "x86_64", "cores": "2", "memory": "8 GiB"},
        model=ModelRecord(
            name="smollm2-135m-instruct",
            source="embedded",
            sha256="5ab3" * 16,
            parameters=134_515_008,
            precision_note="nf4, double quantisation",
            device="cpu",
        ),
    )


def _config(cells: tuple[Behaviour, ...], facts: Sequence[str]) -> str:
    ranks = sorted({cell.rank for cell in cells})
    named = ", ".join(facts)
    return f"facts: [{named}]\nmodel: smollm2-135m-instruct\nprecision: nf4\nrank: {ranks}\n"


def grid(*ranks: int, seeds: int = 1, rates: Sequence[float] = (5e-4,)) -> list[Behaviour]:
    """Behaviours of several ranks, seeds and learning rates; more rank, more recall and damage."""
    top = max(ranks)
    return [
        replace(
            GOOD,
            rank=rank,
            seed=seed,
            learning_rate=rate,
            recall=min(1.0, 0.7 + 0.3 * rank / top + 0.01 * seed),
            near_intrusion=0.3 * (rank / top) ** 2,
            far_intrusion=0.05 * rank / top,
            far_lost=0.05 + 0.2 * rank / top,
        )
        for rank in ranks
        for rate in rates
        for seed in range(seeds)
    ]


def _write(path: Path, record: Record) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _write_lines(path: Path, records: Iterable[Record]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(record.model_dump_json() + "\n" for record in records)
    path.write_text(lines, encoding="utf-8")
