"""A finished cell as a model for other programs, and what that model then answers.

Merged once, in fp32; written in each format beside its place and renamed when whole; loaded again
by the program that it is for, and put the run's own questions.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from factlab.comparison.responses import RunResponses
from factlab.errors import ModelError
from factlab.export.formats import ExportFormat
from factlab.export.llamacpp import INSTALL, is_installed, program, serving
from factlab.export.plan import ExportPlan, ExportTarget, plan_export
from factlab.export.score import drawn, measured_export
from factlab.metrics.differences import differences
from factlab.metrics.responses import Responses
from factlab.metrics.verdicts import grade, injected_values
from factlab.models.cache import sha256_of
from factlab.models.resolve import ModelFiles
from factlab.models.unquantised import Held
from factlab.progress import Progress, Silent
from factlab.report import write_report
from factlab.runs.environment import versions
from factlab.runs.files import folder_being_written, write_json, write_lines
from factlab.runs.folder import RunFolder, now
from factlab.schema.config import QUANTISED, Precision
from factlab.schema.export import BaseWeights, ExportDocument, Exported, ExportRecord, ExportScore
from factlab.schema.question import TRAINED_SPLITS, Question, Turn

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from factlab.export.merge import Merged
    from factlab.schema.question import Response

PACKAGES = ("gguf", "safetensors", "xllamacpp")
SAMPLE = 40  # questions of each kind that llama.cpp is asked, unless told otherwise


def export(
    run: Path,
    formats: Sequence[ExportFormat],
    *,
    cell: str | None = None,
    base: BaseWeights = "original",
    out: Path | None = None,
    score: bool = True,
    sample: int | None = None,
    progress: Progress | None = None,
) -> ExportDocument:
    """Export what one cell trained, and put the run's questions to what was written.

    An export that is there and was not scored yet is scored, and not written again.

    Args:
        run: A run folder.
        formats: What to export to.
        cell: Which cell; None: the only one that is finished.
        base: Merge into the base's own weights, or into those that the run measured with.
        out: Folder of the model; None: a folder under the run's exports/.
        score: Whether to load what was written again and put the run's questions to it.
        sample: Most questions of each kind, see `drawn`, with the run's data seed; 0: all; None:
            all if transformers alone answers, else `SAMPLE`, since llama.cpp takes long on a CPU.
        progress: Where to report.

    Raises:
        FactlabError: for whatever a user can mend, before anything long is done.
    """
    progress = progress or Silent()
    job = plan_export(RunFolder(run), formats, cell, base, out, score=score)
    with job.folder.locked():
        exam = ExportQuestions.read(job, _sample(formats, sample))
        _write_all(job, exam, progress)
        for wanted in job.wanted if score else ():
            _score(job, wanted, exam, progress)
        with progress.stage("report", 1) as advance:
            write_report(job.folder.path)
            advance(1)
    return _document(job, exam)


@dataclass(frozen=True, slots=True)
class ExportQuestions:
    """What the cell was asked and what it said.

    Attributes:
        evidence: The run.
        groups: Questions that were asked in batches of their own.
        measured: What the cell said.
        draw_seed: Of the questions drawn from all that the cell was asked; None: these are all.
    """

    evidence: RunResponses
    groups: tuple[Sequence[Question], ...]
    measured: Responses
    draw_seed: int | None

    @classmethod
    def read(cls, job: ExportPlan, sample: int) -> ExportQuestions:
        """Read it from the run folder.

        Args:
            job: The export.
            sample: Most questions of each kind; 0: all.
        """
        evidence = RunResponses.read(job.folder, job.cell.facts)
        asked, measured = evidence.tuned(job.cell.id, job.cell.facts)
        seed = job.config.data_seed
        base = evidence.base_at(job.cell.precision)
        chosen = drawn(asked.questions, base, sample, seed) if sample else list(asked.questions)
        groups: list[Sequence[Question]] = []
        for fact in (*job.cell.facts, None):
            own = [question for question in chosen if question.fact == fact]
            groups.append([q for q in own if q.split not in TRAINED_SPLITS])
            groups.append([q for q in own if q.split in TRAINED_SPLITS])
        whole = len(chosen) == len(asked.questions)
        return cls(
            evidence,
            tuple(group for group in groups if group),
            measured,
            None if whole else seed,
        )

    @property
    def questions(self) -> list[Question]:
        """All of them, in the order in which they are asked."""
        return [question for group in self.groups for question in group]


# --- writing --------------------------------------------------------------------------------------


def _write_all(job: ExportPlan, exam: ExportQuestions, progress: Progress) -> None:
    missing = [wanted for wanted in job.wanted if wanted.record is None]
    if not missing:
        return
    from factlab.export.merge import load_tuned, merge

    with progress.stage(f"merge {job.cell.id}", 1) as advance:
        if job.tuned is not None:
            merged = load_tuned(job.files, job.tuned)
        else:
            held = Held(job.cell.precision, job.config.compute_dtype)  # type: ignore[arg-type]  # what the cell was trained at
            merged = merge(job.files, job.adapter, job.base, held)
        advance(1)
    # What rounds the weights in place comes last.
    for wanted in sorted(missing, key=lambda one: one.format.kind == "merged"):
        with progress.stage(f"write {wanted.format.name}", 1) as advance:
            _write(job, wanted, merged, exam)
            advance(1)


def _write(job: ExportPlan, wanted: ExportTarget, merged: Merged, exam: ExportQuestions) -> None:
    notes, verified = _notes_on_merging(job), None
    with folder_being_written(wanted.place) as draft:
        if wanted.format.kind == "merged":
            from factlab.export.merge import save_merged

            save_merged(merged, draft, wanted.format.type)
        else:
            from factlab.export.gguf import write_gguf

            file = draft / f"{job.run.run_id}-{job.cell.id}-{wanted.format.type}.gguf"
            name = f"{job.files.name} with {', '.join(job.cell.facts)}"
            notes += write_gguf(merged, file, wanted.format.type, name)
            if is_installed():
                verified = _verify(file, merged.tokenizer, exam.questions)
        wanted.record = _record(job, wanted, draft, merged.modules, notes, verified)
        wanted.folder.answers_file.unlink(missing_ok=True)
        write_json(wanted.folder.record_file, wanted.record)


def _record(
    job: ExportPlan,
    wanted: ExportTarget,
    draft: Path,
    modules: int,
    notes: tuple[str, ...],
    verified: int | None,
) -> ExportRecord:
    files = sorted(file for file in draft.iterdir() if file.is_file())
    weights = [file for file in files if file.suffix in (".safetensors", ".gguf")]
    own = wanted.place == wanted.folder.model
    place = wanted.place.relative_to(job.folder.path) if own else wanted.place.resolve()
    return ExportRecord(
        id=wanted.folder.path.name,
        cell=job.cell.id,
        format=wanted.format.name,
        base=job.base,
        weights=wanted.format.type,
        modules=modules,
        place=str(place),
        files={file.name: sha256_of(file) for file in files},
        size_bytes=sum(file.stat().st_size for file in weights),
        verified_chats=verified,
        notes=notes,
        made=now(),
        versions=versions(PACKAGES),
    )


def _notes_on_merging(job: ExportPlan) -> tuple[str, ...]:
    precision = job.cell.precision
    quantised = precision in QUANTISED
    held = precision.upper() if quantised else precision
    if job.tuned is not None:
        return ("Every weight was trained: these are the cell's own weights, nothing was merged.",)
    if job.base == "measured":
        return (
            f"Merged in fp32 into the base's weights as the run held them ({held}, as plain "
            "numbers): up to rounding the model that was measured.",
        )
    if not quantised:
        return ("Merged in fp32 into the base's own weights.",)
    shipped = " (as they were dequantised from Q4_1, the form the embedded model comes in)"
    return (
        f"Merged in fp32 into the base's own weights{shipped * (job.files.source == 'embedded')}, "
        f"not into {held}. The run measured the adapter on {held} weights, so this is another "
        "model than was measured; --base measured merges into those.",
    )


def _verify(file: Path, tokenizer: PreTrainedTokenizerBase, asked: Sequence[Question]) -> int:
    """Hold llama.cpp's reading of every question to the run's own, token for token.

    Returns:
        How many were read alike.

    Raises:
        ModelError: for the first question that is read otherwise.
    """
    from factlab.models.chat import prompt_ids, prompt_text

    with serving(file, longest=1, processes=1) as held:
        for question in asked:
            text, before = question.text, question.before
            wanted = list(prompt_ids(tokenizer, text, before))
            if tokenizer.chat_template is None:
                found = held.tokens(prompt_text(tokenizer, text, before))
            else:
                found = held.chat_tokens([*before, Turn(role="user", content=text)])
            if found != wanted:
                raise ModelError(_misread(text, wanted, found))
    return len(asked)


def _misread(text: str, wanted: Sequence[int], found: Sequence[int]) -> str:
    pairs = enumerate(zip(found, wanted, strict=False))
    at = next((i for i, (a, b) in pairs if a != b), min(len(found), len(wanted)))
    return (
        f"GGUF: llama.cpp would read the chat of {text!r} as other tokens than the run did (from "
        f"token {at} on {list(found[at : at + 4])}, not {list(wanted[at : at + 4])}), so its "
        "answers would not be this model's. `--to merged` keeps the tokenizer as it is."
    )


# --- asking what was written ----------------------------------------------------------------------


def _score(
    job: ExportPlan, wanted: ExportTarget, exam: ExportQuestions, progress: Progress
) -> None:
    """Put the cell's questions to an export, unless what would answer them is not installed."""
    assert wanted.record is not None
    if wanted.format.kind == "gguf" and not is_installed():
        progress.note(
            f"{wanted.format.name} was written and neither checked nor scored, since llama.cpp is "
            f"not here: `{INSTALL}`, then the same command again."
        )
        return
    started = time.perf_counter()
    if wanted.format.kind == "gguf" and wanted.record.verified_chats is None:
        wanted.record = _verified(job, wanted, wanted.record, exam)
    ask = _ask_llamacpp if wanted.format.kind == "gguf" else _ask_transformers
    said, by = ask(job, wanted, wanted.record, exam, progress)
    seconds = round(time.perf_counter() - started, 3)
    values = injected_values(job.folder.questions())
    answers = [
        grade(question, question.text, text, values)
        for question, text in zip(exam.questions, said, strict=True)
    ]
    write_lines(wanted.folder.answers_file, answers)
    found = measured_export(exam.evidence, job.cell, answers)
    score = ExportScore.model_validate(
        {"program": by, "seconds": seconds, "draw_seed": exam.draw_seed, **found}
    )
    wanted.record = wanted.record.model_copy(update={"score": score})
    write_json(wanted.folder.record_file, wanted.record)


def _verified(
    job: ExportPlan, wanted: ExportTarget, record: ExportRecord, exam: ExportQuestions
) -> ExportRecord:
    """Check what was written when llama.cpp was not there to check it."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(job.files.folder, trust_remote_code=False)
    found = _verify(wanted.place / _gguf_file(record), tokenizer, exam.questions)
    return record.model_copy(update={"verified_chats": found})


def _gguf_file(record: ExportRecord) -> str:
    return next(name for name in record.files if name.endswith(".gguf"))


def _ask_transformers(
    job: ExportPlan,
    wanted: ExportTarget,
    record: ExportRecord,
    exam: ExportQuestions,
    progress: Progress,
) -> tuple[list[Response], str]:
    from factlab.inference.backend import Limits
    from factlab.inference.generate import continued, end_tokens
    from factlab.models.chat import prompt_ids
    from factlab.models.load import load_model

    # fp16 fits into fp32 exactly, and not every CPU computes in it.
    precision: Precision = "bf16" if record.weights == "bf16" else "fp32"
    loaded = load_model(ModelFiles(record.id, "folder", wanted.place), precision)
    size, most = job.config.generation_batch, job.config.max_new_tokens
    limits = Limits(size, most, end_tokens(loaded.model, loaded.tokenizer))
    said: list[Response] = []
    with progress.stage(f"ask {record.format}", len(exam.questions)) as advance:
        for group in exam.groups:
            prompts = [prompt_ids(loaded.tokenizer, q.text, q.before) for q in group]
            said += continued(loaded.model, loaded.tokenizer, prompts, limits, advance)
    loaded_as = loaded.record.precision_note
    del loaded
    gc.collect()
    return said, f"transformers {version('transformers')}, {loaded_as}"


def _ask_llamacpp(
    job: ExportPlan,
    wanted: ExportTarget,
    record: ExportRecord,
    exam: ExportQuestions,
    progress: Progress,
) -> tuple[list[Response], str]:
    from transformers import AutoTokenizer

    from factlab.inference.generate import end_tokens_in, read_answer
    from factlab.models.chat import prompt_ids

    tokenizer = AutoTokenizer.from_pretrained(job.files.folder, trust_remote_code=False)
    ends = end_tokens_in(job.files.folder, tokenizer)
    prompts = [prompt_ids(tokenizer, q.text, q.before) for q in exam.questions]
    limit = job.config.max_new_tokens
    with (
        progress.stage(f"ask {record.format}", len(prompts)) as advance,
        serving(wanted.place / _gguf_file(record), longest=max(map(len, prompts)) + limit) as held,
    ):
        said = held.answers(prompts, max_new_tokens=limit, ends=ends, advance=advance)
    return [read_answer(tokenizer, tokens, ends) for tokens in said], program()


def _sample(formats: Sequence[ExportFormat], asked_for: int | None) -> int:
    if asked_for is not None:
        return asked_for
    return SAMPLE if any(format_.kind == "gguf" for format_ in formats) else 0


def _document(job: ExportPlan, exam: ExportQuestions) -> ExportDocument:
    questions = exam.questions
    scores = [one.record.score for one in job.wanted if one.record is not None and one.record.score]
    exports = [(wanted.record, wanted.folder.answers()) for wanted in job.wanted]
    return ExportDocument(
        run_id=job.run.run_id,
        cell=job.cell.id,
        precision=job.cell.precision,
        measured=scores[0].measured if scores else job.cell.metrics,
        exports=tuple(
            Exported(
                export=record,
                differing=tuple(
                    differences(questions, exam.measured, Responses.of(questions, answers))
                ),
            )
            for record, answers in exports
            if record is not None
        ),
    )
