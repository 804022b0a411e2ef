"""General benchmarks of lm-evaluation-harness on a model in memory, document by document.

The harness asks each document as its task words it, without a chat template, and scores the choices
by their likelihood. `pip install 'factlab[benchmarks]'` has it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factlab.errors import ConfigError, DataError, shortened
from factlab.reading.paths import expanded, is_folder
from factlab.schema.benchmark import BenchmarkScore
from factlab.schema.yaml import did_you_mean

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

    from factlab.models.load import LoadedModel

METRIC = "acc"  # of every document: whether the right choice is the likeliest
BATCH = 16


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A task with its data.

    Attributes:
        name: As the harness calls it.
        task: The harness's own object; its documents are read.
        limit: Most documents that are asked.
    """

    name: str
    task: Any
    limit: int | None = None


def find_benchmarks(
    names: Sequence[str], data: str | None, limit: int | None
) -> tuple[Benchmark, ...]:
    """Find tasks and read their data, so that what is missing is said before anything long begins.

    Args:
        names: Tasks of the harness.
        data: A folder of data sets as on the hub, each under its name there (`ai2_arc`,
            `allenai/ai2_arc`) or the task's; nothing is fetched. None: the hub, or its cache.
        limit: Most documents of each.

    Raises:
        ConfigError: without the harness, and for a task that it does not have, or that is no
            choice among answers.
        DataError: for data that are not there or cannot be read.
    """
    if not names:
        return ()
    if find_spec("lm_eval") is None:
        raise ConfigError(
            "--benchmarks needs lm-eval, which is not installed. Install it with `pip install "
            "'factlab[benchmarks]'`, or remove --benchmarks."
        )
    if data is not None and not is_folder(expanded(data)):
        raise DataError(f"--benchmark-data {shortened(data)}: there is no such folder.")
    manager = _tasks()
    known = manager.all_subtasks
    for name in names:
        if name not in known:
            raise ConfigError(
                f"--benchmarks {shortened(name)}: lm-eval has no such task."
                f"{did_you_mean(name, known)} `lm_eval ls tasks` lists all; of a group name its "
                "tasks."
            )
    return tuple(
        Benchmark(name, _loaded(manager, name, expanded(data) if data else None), limit)
        for name in names
    )


@lru_cache(maxsize=1)  # it reads some thousand files
def _tasks() -> Any:
    from lm_eval.tasks import TaskManager

    _quiet()
    return TaskManager()


def _loaded(manager: Any, name: str, data: Path | None) -> Any:
    # The harness has no public way to read a known task from other data.
    entry, factory = manager._index[name], manager._factory
    placed = _placed(factory._load_full_config(entry, None), name, data) if data else None
    try:
        task = factory.build(entry, overrides=placed, registry=manager._index)
        first = next(iter(task.eval_docs), None)
    except Exception as problem:  # of data, of the harness, of the network
        where = f"in {data}" if data else "here, nor to be had from the hub"
        said = shortened(" ".join(str(problem).split()) or type(problem).__name__, 160)
        raise DataError(
            f"--benchmarks {name}: its data are not {where} ({said}). Put them into a folder as "
            "on the hub, and name it with --benchmark-data."
        ) from None
    if first is None:
        raise DataError(f"--benchmarks {name}: its data hold no document that is asked.")
    if task.OUTPUT_TYPE != "multiple_choice" or METRIC not in task.aggregation():
        raise ConfigError(
            f"--benchmarks {name}: this task is no choice among answers that is scored by "
            f"{METRIC}, document by document. Others are not measured; arc_easy and hellaswag are."
        )
    return task


def _placed(config: dict[str, Any], name: str, data: Path) -> dict[str, Any]:
    """Where the data of a task are, in the harness's own keys.

    Raises:
        DataError: with the folders that were looked for.
    """
    named = [str(config.get("dataset_path") or ""), name]
    looked_for = [path for one in named if one for path in dict.fromkeys((one, Path(one).name))]
    folder = next((data / one for one in looked_for if is_folder(data / one)), None)
    if folder is None:
        raise DataError(
            f"--benchmarks {name}: {data} has none of the folders "
            f"{', '.join(dict.fromkeys(looked_for))}, one of which its data would be in."
        )
    part = str(config.get("dataset_name") or "")
    if part and is_folder(folder / part):
        return {"dataset_path": str(folder / part), "dataset_name": None}
    described = (folder / "README.md").is_file()
    return {"dataset_path": str(folder), "dataset_name": part or None if described else None}


def score_benchmark(
    loaded: LoadedModel, model: PreTrainedModel | PeftModel, benchmark: Benchmark
) -> list[BenchmarkScore]:
    """A row per document, by the model as it is in memory, its active adapter on.

    Args:
        loaded: The base, whose tokenizer it is.
        model: The base itself, or a tuned model on it.
        benchmark: The task.
    """
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM

    _quiet()
    was_training = model.training
    model.eval()
    harness = HFLM(
        pretrained=model,
        tokenizer=loaded.tokenizer,
        batch_size=BATCH,
        device=str(loaded.device),
    )
    found: Any = simple_evaluate(
        model=harness,
        tasks=[benchmark.task],
        limit=benchmark.limit,
        bootstrap_iters=0,
        log_samples=True,
        random_seed=None,  # seeds of training are its own
        numpy_random_seed=None,
        torch_random_seed=None,
    )
    model.train(was_training)
    return [
        BenchmarkScore(
            task=benchmark.name,
            document=int(sample["doc_id"]),
            sha256=str(sample["doc_hash"]),
            right=float(sample[METRIC]),
        )
        for sample in sorted(found["samples"][benchmark.name], key=lambda one: one["doc_id"])
    ]


def _quiet() -> None:
    """The harness logs every stage; ours are shown as progress."""
    for name in ("lm_eval", "lm-eval"):
        logging.getLogger(name).setLevel(logging.ERROR)
