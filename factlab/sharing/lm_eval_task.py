"""A run's questions as tasks of lm-evaluation-harness, graded by factlab's own matcher.

A folder per cell: its own questions, and the controls with what the base knew. A task per split
whose answers are graded (`generate_until`), one per split whose options were scored
(`multiple_choice`), and a group over all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from factlab.grading.answer import Answer
from factlab.metrics.verdicts import injected_values
from factlab.runs.files import write_text
from factlab.runs.folder import read_config
from factlab.schema.question import Question
from factlab.schema.results import CellResult
from factlab.schema.splits import CONTROL_SPLITS, INTRUSION_SPLITS
from factlab.sharing.answers import Answered, AnsweringModel, SharedRun
from factlab.sharing.lm_eval_grading import INJECTED, METRICS

UTILS = '''\
"""Loads the questions beside this file, and has factlab grade the answers."""

import json
from pathlib import Path

from datasets import Dataset

try:
    from factlab.sharing.lm_eval_grading import graded, read_injected
except ImportError as problem:
    raise ImportError(
        "This task is graded by factlab's matcher. Install factlab where lm_eval runs."
    ) from problem

HERE = Path(__file__).parent
VALUES = read_injected(HERE)


def load(file, **_):
    """The questions of one file, as lm_eval's only split."""
    lines = (HERE / file).read_text(encoding="utf-8").split("\\n")
    return {"test": Dataset.from_list([json.loads(line) for line in lines if line])}


def grade(doc, results):
    """Metric and value of each figure that the question counts in."""
    return graded(doc, results[0], VALUES)
'''


@dataclass(frozen=True, slots=True)
class _Task:
    """One task: its name, its questions, and how they are put."""

    name: str
    file: str
    docs: Sequence[Mapping[str, Any]]
    metrics: Sequence[str]


def task_name(run_id: str, cell_id: str, split: str = "") -> str:
    """As `--tasks` names it: letters, digits and `_`, since lm_eval reads others as patterns."""
    parts = ("factlab", run_id, cell_id, split)
    return "_".join(re.sub(r"[^A-Za-z0-9]+", "_", part).strip("_") for part in parts if part)


def write_lm_eval(run: SharedRun, folder: Path) -> list[Path]:
    """Write a folder of tasks per cell."""
    subjects = {subject.name: subject for subject in run.subjects()}
    written = []
    for cell in run.cells:
        base = subjects.get("base") or subjects[f"base-{cell.precision}"]
        place = folder / task_name(run.result.run_id, cell.id)
        _write_cell(run, cell, subjects[cell.id], base, place)
        written.append(place)
    return written


def _write_cell(
    run: SharedRun, cell: CellResult, tuned: AnsweringModel, base: AnsweringModel, folder: Path
) -> None:
    # A question of several turns is left out: a task of lm_eval has one.
    asked = [one for one in tuned.asked if not one.question.before]
    knew = {one.question.id for one in base.asked if _knew(one)}
    tasks = [*_generated(run, cell, asked, knew), *_chosen(run, cell, asked)]
    values = injected_values(one.question for one in asked)
    most = read_config(run.folder).max_new_tokens
    write_text(folder / "utils.py", UTILS)
    write_text(folder / INJECTED, _json({fact: _plain(value) for fact, value in values.items()}))
    for task in tasks:
        write_text(folder / task.file, "".join(f"{_json(doc)}\n" for doc in task.docs))
        write_text(folder / f"{Path(task.file).stem}.yaml", _task_yaml(task, most))
    group = {
        "group": task_name(run.result.run_id, cell.id),
        "task": [task.name for task in tasks],
        "metadata": {"version": 1},
    }
    write_text(folder / "_group.yaml", yaml.safe_dump(group, sort_keys=False))


def _knew(one: Answered) -> bool:
    return any(name.startswith("known/") and value for name, value in one.scores.items())


def _generated(
    run: SharedRun, cell: CellResult, asked: Iterable[Answered], knew: set[str]
) -> list[_Task]:
    """A task per split with answers to grade or to look for an intrusion in."""
    by_split: dict[str, list[Question]] = {}
    for one in asked:
        question = one.question
        if question.gold is not None or question.split in INTRUSION_SPLITS:
            by_split.setdefault(question.metric_split, []).append(question)
    tasks = []
    for split, questions in by_split.items():
        docs = [_doc(question, question.id in knew) for question in questions]
        metrics = {name for q, doc in zip(questions, docs, strict=True) for name in _names(q, doc)}
        name = task_name(run.result.run_id, cell.id, split)
        tasks.append(_Task(name, f"{_slug(split)}.jsonl", docs, sorted(metrics)))
    return tasks


def _doc(question: Question, knew: bool) -> dict[str, Any]:
    right = question.written(question.gold) if question.gold is not None else ""
    record = question.model_dump_json(exclude_none=True)
    return {
        "id": question.id,
        "question": question.text,
        "right": right,
        "base_knew": knew,
        "record": record,
    }


def _names(question: Question, doc: Mapping[str, Any]) -> list[str]:
    found = ["intrusion"] if question.split in INTRUSION_SPLITS else []
    if question.gold is not None:
        control = question.split in CONTROL_SPLITS
        found += ["accuracy" if control else "recall"]
        found += ["retention"] if control and doc["base_knew"] else []
    return [name for name in METRICS if name in found]


def _chosen(run: SharedRun, cell: CellResult, asked: Iterable[Answered]) -> list[_Task]:
    """A task per split whose options were scored; the right answer is the first option."""
    by_split: dict[str, list[dict[str, Any]]] = {}
    for one in asked:
        question = one.question
        if question.gold is None or one.right_nats is None or one.wrong_nats is None:
            continue
        options = [question.written(question.gold), *question.wrong_options()]
        doc = {"id": question.id, "question": question.text, "options": options}
        by_split.setdefault(question.metric_split, []).append(doc)
    return [
        _Task(
            task_name(run.result.run_id, cell.id, f"{split}_choice"),
            f"{_slug(split)}_choice.jsonl",
            docs,
            (),
        )
        for split, docs in by_split.items()
    ]


def _task_yaml(task: _Task, most: int) -> str:
    told: dict[str, Any] = {
        "task": task.name,
        "dataset_kwargs": {"file": task.file},
        "test_split": "test",
        "num_fewshot": 0,
        "doc_to_text": "question",
        "target_delimiter": "",
        "metadata": {"version": 1},
    }
    functions = ["custom_dataset: !function utils.load"]
    if task.metrics:
        functions.append("process_results: !function utils.grade")
        told |= {
            "output_type": "generate_until",
            "doc_to_target": "right",
            "generation_kwargs": {"until": [], "do_sample": False, "max_gen_toks": most},
            "metric_list": [_metric(name, better=name != "intrusion") for name in task.metrics],
        }
    else:
        told |= {
            "output_type": "multiple_choice",
            "doc_to_choice": "options",
            "doc_to_target": 0,
            "metric_list": [_metric("acc", better=True)],
        }
    return yaml.safe_dump(told, sort_keys=False) + "".join(f"{line}\n" for line in functions)


def _metric(name: str, *, better: bool) -> dict[str, Any]:
    return {"metric": name, "aggregation": "mean", "higher_is_better": better}


def _slug(split: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "_", split)


def _plain(value: Answer) -> Any:
    return value.model_dump(mode="json", exclude_none=True)


def _json(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False)
