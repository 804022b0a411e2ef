"""What an export answers and what it scores, beside the cell that it was made from."""

from __future__ import annotations

import time
from collections.abc import Sequence

from factlab.comparison.responses import RunResponses
from factlab.export.answers import exported_answers, gguf_file
from factlab.export.plan import ExportPlan, ExportTarget
from factlab.export.questions import ExportQuestions
from factlab.grading.matcher import SCORER_VERSION
from factlab.llamacpp import server as llamacpp
from factlab.metrics.catalogue import is_likelihood
from factlab.metrics.differences import differences
from factlab.metrics.measure import measure_tuned
from factlab.metrics.responses import Responses
from factlab.metrics.scores import QuestionSet
from factlab.metrics.verdicts import grade, injected_values
from factlab.progress import Progress
from factlab.runs.files import write_json, write_lines
from factlab.schema.export import ExportDocument, Exported, ExportRecord, ExportScore
from factlab.schema.question import AnswerRecord
from factlab.schema.results import CellResult


def score_target(
    plan: ExportPlan, target: ExportTarget, questions: ExportQuestions, progress: Progress
) -> None:
    """Have an export answer the cell's questions and store what it scores.

    A GGUF file waits for a later call, with a note, where llama.cpp is not installed.

    Raises:
        ModelError: if it cannot be loaded, or llama.cpp reads a chat otherwise than the run did.
    """
    assert target.record is not None
    if target.format.kind == "gguf" and not llamacpp.is_installed():
        progress.note(
            f"{target.format.name} was written, but not checked or scored: llama.cpp is not "
            f"installed. Run `{llamacpp.INSTALL}`, then repeat this command."
        )
        return
    started = time.perf_counter()
    if target.format.kind == "gguf" and target.record.verified_chats is None:
        target.record = _verified(plan, target, target.record, questions)
    responses, program = exported_answers(plan, target, target.record, questions, progress)
    seconds = round(time.perf_counter() - started, 3)
    values = injected_values(plan.folder.questions())
    answers = [
        grade(question, question.text, response, values)
        for question, response in zip(questions.all, responses, strict=True)
    ]
    write_lines(target.folder.answers_file, answers)
    fields = score_fields(questions.run, plan.cell, answers)
    score = ExportScore.model_validate(
        {"program": program, "seconds": seconds, "draw_seed": questions.sample_seed, **fields}
    )
    target.record = target.record.model_copy(update={"score": score})
    write_json(target.folder.record_file, target.record)


def _verified(
    plan: ExportPlan, target: ExportTarget, record: ExportRecord, questions: ExportQuestions
) -> ExportRecord:
    """Check a file that was written when llama.cpp was not installed to check it."""
    from factlab.models.load import load_tokenizer

    tokenizer = load_tokenizer(plan.files, plan.config.thinking)
    found = llamacpp.check_chats(gguf_file(target, record), tokenizer, questions.all)
    return record.model_copy(update={"verified_chats": found})


def score_fields(
    responses: RunResponses, cell: CellResult, answers: Sequence[AnswerRecord]
) -> dict[str, object]:
    """The fields of an export's score that follow from its answers.

    Base and controls are the same as for the cell's own figures. Those of the cell on the same
    questions stand beside them.
    """
    asked, measured = responses.tuned(cell.id, cell.facts)
    exported = Responses.of(asked.questions, answers)
    answered = QuestionSet(asked.facts, [q for q in asked.questions if exported.has(q)])
    base = responses.base_at(cell.precision)
    found = measure_tuned(answered, base, exported)
    beside = measure_tuned(answered, base, measured).metrics
    differing = differences(answered.questions, measured, exported)
    return {
        "scorer_version": SCORER_VERSION,
        "answers": len(answered.questions),
        "of": len(asked.questions),
        "differing": len(differing),
        "lost": sum(d.verdict_changed and bool(d.measured_correct) for d in differing),
        "gained": sum(d.verdict_changed and bool(d.exported_correct) for d in differing),
        "metrics": found.metrics,
        "measured": {name: beside[name] for name in found.metrics if name in beside},
        "not_measured": {
            name: "an export is measured by its answers only" if is_likelihood(name) else why
            for name, why in found.not_measured.items()
        },
        "outcomes": found.outcomes,
    }


def export_document(plan: ExportPlan, questions: ExportQuestions) -> ExportDocument:
    """What the command prints: records, scores and the answers that differ."""
    records = [(target.record, target.folder) for target in plan.targets]
    scores = [record.score for record, _ in records if record is not None and record.score]
    asked = questions.all
    return ExportDocument(
        run_id=plan.run.run_id,
        cell=plan.cell.id,
        precision=plan.cell.precision,
        measured=scores[0].measured if scores else plan.cell.metrics,
        exports=tuple(
            Exported(
                export=record,
                differing=tuple(
                    differences(asked, questions.measured, Responses.of(asked, folder.answers()))
                ),
            )
            for record, folder in records
            if record is not None
        ),
    )
