"""A model's answers as an Inspect log (`.eval`), which `inspect view` opens.

The layout is that of inspect_ai's log version 2: a zip of `header.json` (what was evaluated, and
the results), `summaries.json`, `_journal/start.json`, and a JSON file per sample. That package does
not write it, since it asks for an older fsspec than the one factlab is tested with.
https://inspect.aisi.org.uk/eval-logs.html
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from factlab.metrics.catalogue import in_page_order, spec_of
from factlab.runs.files import write_bytes
from factlab.schema.results import Metric
from factlab.sharing.answers import Answered, AnsweringModel, SharedRun

LOG_VERSION = 2
_STAMP = (1980, 1, 1, 0, 0, 0)  # of the files in the zip, so that a log is the same whenever made
_MOST_SUMMARY = 1000  # characters of a text in a sample's summary
Json = dict[str, Any]


def write_inspect_logs(run: SharedRun, folder: Path) -> list[Path]:
    """Write a log per model: the base's, at each precision, and each cell's."""
    written = []
    for subject in run.subjects():
        file = folder / f"{subject.name}.eval"
        write_bytes(file, inspect_log(run, subject))
        written.append(file)
    return written


def inspect_log(run: SharedRun, subject: AnsweringModel) -> bytes:
    """One model's log."""
    samples = [_sample(run, subject, asked) for asked in subject.asked]
    spec, plan = _spec(run, subject), {"name": "plan", "steps": [], "config": {}}
    members: list[tuple[str, Any]] = [
        ("_journal/start.json", {"version": LOG_VERSION, "eval": spec, "plan": plan})
    ]
    members += [(f"samples/{sample['id']}_epoch_1.json", sample) for sample in samples]
    members.append(("summaries.json", [_summary(sample) for sample in samples]))
    members.append(("header.json", _header(run, subject, spec, plan)))
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, document in members:
            info = zipfile.ZipInfo(name, _STAMP)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, json.dumps(document, ensure_ascii=True, allow_nan=False))
    return written.getvalue()


def _spec(run: SharedRun, subject: AnsweringModel) -> Json:
    record, cell = run.record, subject.cell
    splits = Counter(asked.question.split for asked in subject.asked)
    return {
        "eval_id": _id(run, subject, "eval"),
        "run_id": _id(run, None, "run"),
        "created": record.started,
        "task": f"factlab/{run.result.run_id}",
        "task_id": _id(run, None, "task"),
        "task_version": run.result.scorer_version,
        "task_attribs": {},
        "task_args": {},
        "task_args_passed": {},
        "tags": [subject.name, *([cell.configuration] if cell else [])],
        "dataset": {
            "name": run.result.run_id,
            "samples": len(subject.asked),
            "sample_ids": [asked.question.id for asked in subject.asked],
            "shuffled": False,
        },
        "model": _model_name(subject),
        "model_generate_config": {"temperature": 0.0},
        "model_args": {},
        "model_roles": None,
        "config": {"epochs": 1},
        "packages": dict(record.versions),
        "metadata": {
            "run": run.result.run_id,
            "model_sha256": subject.model.sha256,
            "precision": subject.precision,
            "cell": cell.id if cell else None,
            "configuration": cell.configuration if cell else None,
            "seed": cell.seed if cell else None,
            "facts": list(cell.facts) if cell else [fact.id for fact in run.result.facts],
            "questions_by_split": dict(splits),
            "command": list(record.argv),
        },
    }


def _model_name(subject: AnsweringModel) -> str:
    tuned = f"+{subject.cell.id}" if subject.cell else ""
    return f"factlab/{subject.model.name}{tuned}"


def _id(run: SharedRun, subject: AnsweringModel | None, what: str) -> str:
    told = f"{what}:{run.result.run_id}:{run.record.started}:{subject.name if subject else ''}"
    return hashlib.sha256(told.encode()).hexdigest()[:22]


def _header(run: SharedRun, subject: AnsweringModel, spec: Json, plan: Json) -> Json:
    tokens = sum(asked.answer.tokens for asked in subject.asked)
    return {
        "version": LOG_VERSION,
        "status": "success",
        "eval": spec,
        "plan": plan,
        "results": {
            "total_samples": len(subject.asked),
            "completed_samples": len(subject.asked),
            "scores": [
                _score(name, subject.metrics[name], subject)
                for name in in_page_order(set(subject.metrics))
            ],
        },
        "stats": {
            "started_at": run.record.started,
            "completed_at": run.record.ended or run.record.started,
            "model_usage": {_model_name(subject): _usage(tokens)},
        },
    }


def _usage(tokens: int) -> Json:
    return {"input_tokens": 0, "output_tokens": tokens, "total_tokens": tokens}


def _score(name: str, metric: Metric, subject: AnsweringModel) -> Json:
    """A recorded figure, its interval beside it; samples without it are counted as unscored."""
    found: Mapping[str, float | None] = {
        "value": metric.value,
        "ci_low": metric.ci_low,
        "ci_high": metric.ci_high,
        "chance": metric.chance,
    }
    scored = sum(name in asked.scores for asked in subject.asked)
    return {
        "name": name,
        "scorer": name,
        "scored_samples": scored,
        "unscored_samples": len(subject.asked) - scored,
        "params": {},
        "metrics": {
            key: {"name": key, "value": value, "params": {}}
            for key, value in found.items()
            if value is not None
        },
        "metadata": {
            "title": spec_of(name).title,
            "n": metric.n,
            "clusters": metric.clusters,
            "covers": metric.covers,
            "graded_by": metric.scorer,
        },
    }


def _sample(run: SharedRun, subject: AnsweringModel, asked: Answered) -> Json:
    question, answer = asked.question, asked.answer
    turns = [{"role": turn.role, "content": turn.content} for turn in question.before]
    said = {"role": "assistant", "content": answer.text, "source": "generate"}
    stop = "stop" if answer.finished else "max_tokens"
    model = _model_name(subject)
    target = question.target if question.gold is None else question.written(question.gold)
    whole = [*turns, {"role": "user", "content": question.text}]
    return {
        "id": question.id,
        "epoch": 1,
        "input": whole if turns else question.text,
        "target": target or "",
        "choices": None,
        "messages": [*whole, said],
        "output": {
            "model": model,
            "choices": [{"message": said, "stop_reason": stop}],
            "completion": answer.text,
            "usage": _usage(answer.tokens),
        },
        "scores": {name: _value(name, value, asked) for name, value in asked.scores.items()},
        "metadata": {
            "run": run.result.run_id,
            "split": question.split,
            "kind": question.metric_split,
            "family": question.family,
            "fact": question.fact,
            "outcome": answer.outcome,
            "correct": answer.correct,
            "intrusions": list(answer.intrusions),
            "superseded": question.written(question.superseded) if question.superseded else None,
            "right_nll_nats": asked.right_nats,
            "wrong_nll_nats": asked.wrong_nats,
            "injected_nll_nats": asked.injected_nats,
        },
        "store": {},
        "events": [],
        "model_usage": {model: _usage(answer.tokens)},
        "attachments": {},
    }


def _value(name: str, value: float, asked: Answered) -> Json:
    """A score of a sample; the answer stands with it where that is what it was computed from."""
    by_answer = spec_of(name).measured_from == "answers" and "in_context" not in name
    answer = asked.answer
    said = {"answer": answer.text, "explanation": answer.reason or None} if by_answer else {}
    return {"value": value, **said}


def _summary(sample: Json) -> Json:
    kept = ("id", "epoch", "input", "target", "metadata", "model_usage")
    return {
        **{name: sample[name] for name in kept},
        "scores": {
            name: score | ({"answer": score["answer"][:_MOST_SUMMARY]} if "answer" in score else {})
            for name, score in sample["scores"].items()
        },
        "completed": True,
    }
