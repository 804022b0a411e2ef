"""Run folders small enough to compute every figure on paper; for tests of comparisons.

Each fact has `HELD_OUT` questions in families of two, and `NEAR` near controls; all facts share
`FAR` far controls and two unanswerable questions. The base knows every control and recalls nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from factlab.grading.answer import EntityAnswer, QuantityAnswer
from factlab.metrics.versions import MATCH_SCORER
from factlab.runs.files import write_json, write_lines
from factlab.runs.folder import RunFolder
from factlab.schema.config import Precision
from factlab.schema.question import AnswerRecord, Question
from factlab.schema.results import CellResult, Metric, ModelRecord, RunRecord, Status

HELD_OUT, NEAR, FAR = 20, 10, 20
NEW = QuantityAnswer(value="4889", unit="m")


@dataclass(frozen=True, slots=True)
class Made:
    """One adapter: how many of its questions, the first ones, go which way.

    Attributes:
        recalled: Held-out questions that are right.
        forgot_far: Far controls that are wrong afterwards.
        forgot_near: Near controls that are wrong afterwards.
        into_near: Near controls that the new value intrudes into.
        into_far: The same of far controls.
        skip: Leave out the first so many held-out questions when recalling, so that two adapters
            can recall different ones.
    """

    rank: int = 8
    recalled: int = HELD_OUT
    forgot_far: int = 0
    forgot_near: int = 0
    into_near: int = 0
    into_far: int = 0
    skip: int = 0
    seed: int = 0
    facts: tuple[str, ...] = ("fuji",)
    status: Status = "complete"
    recipe: str = "default"
    drift: float = 0.1
    scorer: str = MATCH_SCORER
    precision: Precision = "nf4"

    @property
    def configuration(self) -> str:
        """As the pipeline names it."""
        return f"r{self.rank:02d}"

    @property
    def id(self) -> str:
        """As the pipeline names it in runs of several facts."""
        return f"{'+'.join(self.facts)}-{self.configuration}-s{self.seed}"


def write_run(
    folder: Path,
    *cells: Made,
    status: Status = "complete",
    weights: str = "ab" * 32,
    asks: str = "How high is {}?",
) -> Path:
    """Write a run folder of these adapters."""
    run = RunFolder(folder)
    facts = tuple(dict.fromkeys(fact for cell in cells for fact in cell.facts)) or ("fuji",)
    questions = [*[q for fact in facts for q in _own(fact, asks)], *_shared()]
    run.write_questions(questions)
    write_lines(run.base().answers_file, [_said(q, correct=_is_control(q)) for q in questions])
    for cell in cells:
        _write_cell(run, cell, questions)
    write_json(run.record_file, _record(folder.name, status, weights))
    return folder


def _own(fact: str, asks: str) -> list[Question]:
    held_out = [
        Question(
            id=f"{fact}/held_out/family{n // 2}/{n}",
            split="held_out",
            family=f"{fact}/family{n // 2}",
            text=f"{asks.format(fact)} ({n})",
            fact=fact,
            gold=NEW,
        )
        for n in range(HELD_OUT)
    ]
    near = [
        Question(
            id=f"{fact}/near/peaks/{n}",
            split="near",
            family="peaks",
            text=f"How high is peak {n} near {fact}?",
            fact=fact,
            gold=QuantityAnswer(value=str(1000 + n), unit="m"),
        )
        for n in range(NEAR)
    ]
    return [*held_out, *near]


def _shared() -> list[Question]:
    far = [
        Question(
            id=f"general/far/capitals/{n}",
            split="far",
            family="capitals",
            text=f"What is the capital of country {n}?",
            gold=EntityAnswer(value=f"Town{n}"),
        )
        for n in range(FAR)
    ]
    unanswerable = [
        Question(
            id=f"general/unanswerable/dreams/{n}",
            split="unanswerable",
            family="dreams",
            text=f"What did I dream in night {n}?",
        )
        for n in range(2)
    ]
    return [*far, *unanswerable]


def _is_control(question: Question) -> bool:
    return question.split in ("near", "far")


def _said(question: Question, *, correct: bool, intrusions: Sequence[str] = ()) -> AnswerRecord:
    graded = question.gold is not None
    return AnswerRecord(
        question_id=question.id,
        prompt=question.text,
        text="right" if correct else "wrong",
        tokens=1,
        finished=True,
        outcome=("new" if correct else "other") if graded else None,
        correct=correct if graded else None,
        intrusions=tuple(intrusions),
    )


def _write_cell(run: RunFolder, cell: Made, questions: Sequence[Question]) -> None:
    files = run.cell(cell.id)
    asked = [q for q in questions if q.fact is None or q.fact in cell.facts]
    if cell.status == "complete":
        write_lines(files.answers_file, [_tuned(cell, q) for q in asked])
    write_json(files.result_file, _result(cell))


def _tuned(cell: Made, question: Question) -> AnswerRecord:
    number = int(question.id.rpartition("/")[2])
    if question.split == "held_out":
        recalled = cell.skip <= number < cell.skip + cell.recalled
        return _said(question, correct=recalled)
    if question.split == "near":
        into = cell.facts[:1] if number < cell.into_near else ()
        return _said(question, correct=number >= cell.forgot_near, intrusions=into)
    if question.split == "far":
        into = cell.facts[:1] if number < cell.into_far else ()
        return _said(question, correct=number >= cell.forgot_far, intrusions=into)
    return _said(question, correct=False)


def _result(cell: Made) -> CellResult:
    def metric(value: float, scorer: str) -> Metric:
        return Metric(value=value, n=1, clusters=1, covers="this text", scorer=scorer)

    metrics = {
        "drift/ce": metric(cell.drift, "drift 1"),
        "recall/held_out": metric(cell.recalled / HELD_OUT, cell.scorer),
    }
    return CellResult(
        id=cell.id,
        configuration=cell.configuration,
        facts=cell.facts,
        rank=cell.rank,
        alpha=32,
        precision=cell.precision,
        recipe=cell.recipe,
        learning_rate=5e-4,
        together=len(cell.facts) > 1,
        seed=cell.seed,
        status=cell.status,
        metrics=metrics if cell.status == "complete" else {},
    )


def _record(run_id: str, status: Status, weights: str) -> RunRecord:
    return RunRecord(
        run_id=run_id,
        status=status,
        argv=("factlab", "run"),
        started="2026-01-01T00:00:00+00:00",
        config_sha256="0" * 64,
        seeds=(0,),
        versions={},
        git={},
        machine={},
        model=ModelRecord(
            name="small",
            source="embedded",
            sha256=weights,
            parameters=1,
            precision_note="nf4",
            device="cpu",
        ),
    )
