"""What an exported model answers, in the program that it is for: transformers or llama.cpp."""

from __future__ import annotations

import gc
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from factlab.export.plan import ExportPlan, ExportTarget
from factlab.export.questions import ExportQuestions
from factlab.llamacpp import server as llamacpp
from factlab.models.resolve import ModelFiles
from factlab.progress import Progress
from factlab.schema.config import Precision
from factlab.schema.export import ExportRecord

if TYPE_CHECKING:
    from factlab.schema.question import Response


def exported_answers(
    plan: ExportPlan,
    target: ExportTarget,
    record: ExportRecord,
    questions: ExportQuestions,
    progress: Progress,
) -> tuple[list[Response], str]:
    """Load an export again and have it answer.

    Args:
        plan: The export.
        target: Which of its targets.
        record: What was written.
        questions: What to answer; prompts, limits and end tokens are the run's.
        progress: Where to report.

    Returns:
        An answer for each question, and the program with its version.

    Raises:
        ModelError: if the model cannot be loaded.
    """
    with progress.stage(f"ask {record.format}", len(questions.all)) as advance:
        answer = _from_llamacpp if target.format.kind == "gguf" else _from_transformers
        return answer(plan, target, record, questions, advance)


def gguf_file(target: ExportTarget, record: ExportRecord) -> Path:
    """The file of a GGUF export."""
    return target.destination / next(name for name in record.files if name.endswith(".gguf"))


def _from_transformers(
    plan: ExportPlan,
    target: ExportTarget,
    record: ExportRecord,
    questions: ExportQuestions,
    advance: llamacpp.Advance,
) -> tuple[list[Response], str]:
    from factlab.inference.generate import continued, end_tokens
    from factlab.inference.prompts import Limits
    from factlab.models.chat import prompt_ids
    from factlab.models.load import load_model

    # fp16 fits into fp32 exactly, and not every CPU computes in it.
    precision: Precision = "bf16" if record.weights == "bf16" else "fp32"
    loaded = load_model(ModelFiles(record.id, "folder", target.destination), precision)
    size, most = plan.config.generation_batch, plan.config.max_new_tokens
    limits = Limits(size, most, end_tokens(loaded.model, loaded.tokenizer))
    responses: list[Response] = []
    for group in questions.groups:
        prompts = [prompt_ids(loaded.tokenizer, q.text, q.before) for q in group]
        responses += continued(loaded.model, loaded.tokenizer, prompts, limits, advance)
    loaded_as = loaded.record.precision_note
    # The next export is loaded into the memory that this one leaves.
    del loaded
    gc.collect()
    return responses, f"transformers {version('transformers')}, {loaded_as}"


def _from_llamacpp(
    plan: ExportPlan,
    target: ExportTarget,
    record: ExportRecord,
    questions: ExportQuestions,
    advance: llamacpp.Advance,
) -> tuple[list[Response], str]:
    from factlab.inference.generate import end_tokens_in, read_answer
    from factlab.models.chat import prompt_ids
    from factlab.models.load import load_tokenizer

    tokenizer = load_tokenizer(plan.files, plan.config.thinking)
    ends = end_tokens_in(plan.files.folder, tokenizer)
    prompts = [prompt_ids(tokenizer, q.text, q.before) for q in questions.all]
    limit = plan.config.max_new_tokens
    longest = max(map(len, prompts)) + limit
    with llamacpp.serving(gguf_file(target, record), longest=longest) as server:
        found = server.answers(prompts, max_new_tokens=limit, ends=ends, advance=advance)
    return [read_answer(tokenizer, tokens, ends) for tokens in found], llamacpp.program()
