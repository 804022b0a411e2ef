"""Peak memory of training and asking, predicted by `factlab plan` and measured in fresh processes.

Each case is a process of its own (`python -m benchmarks.memory CASE`): what it holds at its peak
beyond what it held before the model was loaded, every library loaded by then.
"""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.common import Reading, Settings, show
from factlab.memory.activations import AttentionBackend, Batch
from factlab.memory.known import KNOWN
from factlab.memory.named_shape import named_shape
from factlab.memory.predict import Memory, Method, Workload, predict_memory
from factlab.models.processor import multiplies_bf16
from factlab.schema.config import EMBEDDED_MODEL, Precision

if TYPE_CHECKING:
    from factlab.models.load import LoadedModel
    from factlab.schema.question import Question
    from factlab.training.batch import Text

STEPS = 2  # in the second, the optimizer has its state
NEW = 64  # tokens of an answer


@dataclass(frozen=True, slots=True)
class Case:
    """What one process does.

    Attributes:
        model: Embedded name, or a well-known one, whose weights are then random.
        method: What is trained, if anything.
        precision: How the weights are held.
        way: How it is computed.
        texts: Of a step, or that are answered.
        length: Tokens of each, about.
        rank: Of the adapter.
        checkpointing: Whether blocks are computed again.
    """

    model: str
    method: Method
    precision: Precision
    backend: AttentionBackend
    texts: int
    length: int
    rank: int = 16
    checkpointing: bool = False

    @property
    def name(self) -> str:
        """In words."""
        how = ", checkpointing" if self.checkpointing else ""
        return (
            f"{self.model}: {self.method} {self.precision}, {self.backend}{how}, "
            f"{self.texts} × {self.length}"
        )


CASES = (
    Case(EMBEDDED_MODEL, "lora", "fp32", "packed", 4, 128),
    Case(EMBEDDED_MODEL, "lora", "bf16", "packed", 1, 128),
    Case(EMBEDDED_MODEL, "lora", "bf16", "packed", 8, 256),
    Case(EMBEDDED_MODEL, "lora", "bf16", "packed", 1, 1024),
    Case(EMBEDDED_MODEL, "lora", "nf4", "packed", 16, 64),
    Case(EMBEDDED_MODEL, "lora", "bf16", "eager", 4, 256),
    Case(EMBEDDED_MODEL, "lora", "bf16", "sdpa", 4, 256),
    Case(EMBEDDED_MODEL, "lora", "bf16", "eager", 8, 256, checkpointing=True),
    Case(EMBEDDED_MODEL, "full", "fp32", "eager", 4, 128),
    Case(EMBEDDED_MODEL, "inference", "bf16", "packed", 1, 512),
    Case(EMBEDDED_MODEL, "inference", "bf16", "packed", 192, 64),
    Case("smollm2-360m", "lora", "bf16", "packed", 4, 128),
    Case("smollm2-360m", "full", "fp32", "eager", 4, 128),
    Case("tinyllama-1.1b", "lora", "bf16", "packed", 2, 128),
    Case("tinyllama-1.1b", "inference", "bf16", "packed", 1, 512),
)
QUICK = CASES[1:3]


@dataclass(frozen=True, slots=True)
class Peak:
    """A case's bytes: predicted by part, and measured.

    Attributes:
        case: What was done.
        batch: The texts as they were.
        predicted: By part.
        loading: The peak while the model was loaded.
        measured: The peak from then on.
    """

    case: Case
    batch: Batch
    predicted: Memory
    loading: int
    measured: int

    @property
    def ratio(self) -> float:
        """Predicted over measured."""
        return self.predicted.peak / self.measured


def measure(settings: Settings, reading: Reading) -> None:
    """Run every case, and show predicted beside measured."""
    found = []
    for case in QUICK if settings.quick else CASES:
        found.append(measured(case))
        print(f"  {case.name}: {found[-1].ratio:.2f}", flush=True)
    rows = [
        [
            peak.case.name,
            *(bytes_ / 1e9 for bytes_ in (peak.predicted.peak, peak.measured, peak.loading)),
            f"{peak.ratio:.2f}",
        ]
        for peak in found
    ]
    show("peak memory, GB", ["", "predicted", "measured", "loading", "ratio"], rows)
    reading.factlab["memory"] = [asdict(peak) | {"ratio": peak.ratio} for peak in found]


def measured(case: Case) -> Peak:
    """Predict a case and run it in a fresh process."""
    with weights_of(case.model) as where:
        command = [sys.executable, "-m", "benchmarks.memory", json.dumps(asdict(case)), where]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{case.name}: {done.stderr[-2000:]}")
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    batch = Batch(**said["batch"])
    workload = Workload(
        method=case.method,
        precision=case.precision,
        device=said["device"],
        batch=batch,
        backend=case.backend,
        rank=case.rank,
        checkpointing=case.checkpointing,
        bf16_products=multiplies_bf16(),
    )
    predicted = predict_memory(named_shape(case.model).shape, workload)
    return Peak(case, batch, predicted, said["loading"], said["measured"])


@contextlib.contextmanager
def weights_of(model: str) -> Iterator[str]:
    """The model's name, or a folder with random weights of its shape."""
    if model == EMBEDDED_MODEL:
        yield model
        return
    with tempfile.TemporaryDirectory(prefix="factlab-random-") as folder:
        command = [sys.executable, "-m", "benchmarks.memory", "make", model, folder]
        subprocess.run(command, check=True, capture_output=True)
        yield folder


SMALL = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 49152,
}


def save_random(sizes: Mapping[str, Any], folder: Path) -> None:
    """Save random bf16 weights of a shape, with the embedded model's tokenizer."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from factlab.models.packaged import ensure_packaged

    given = {key: value for key, value in sizes.items() if value is not None}
    config = AutoConfig.for_model(**given, pad_token_id=2, eos_token_id=2, bos_token_id=1)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    torch.set_default_dtype(before)
    for file in ensure_packaged(EMBEDDED_MODEL).iterdir():
        if "token" in file.name or "template" in file.name:
            shutil.copy(file, folder)


# --- in the process of its own ------------------------------------------------------------------


def run(case: Case, where: str) -> dict[str, Any]:
    """Load, do the case's work, and report what it took.

    The same is done to a model of two small layers before, so that libraries, their code and the
    tokenizer are in memory when one begins to look.
    """
    from factlab.cli.quiet import quiet_libraries
    from factlab.models.load import LoadOptions, load_model
    from factlab.models.process_memory import PeakMemory
    from factlab.models.resolve import resolve_model

    quiet_libraries()
    files = resolve_model(where)
    way = "auto" if case.backend == "packed" else case.backend
    placement = LoadOptions(attention=way)
    with tempfile.TemporaryDirectory(prefix="factlab-small-") as folder:
        save_random(SMALL, Path(folder))
        _work(case, load_model(resolve_model(folder), "fp32", placement))
    memory = PeakMemory()
    loaded = load_model(files, case.precision, placement)
    loading = memory.peak_bytes()
    memory.reset()
    batch = _work(case, loaded)
    return {
        "device": loaded.device.type,
        "batch": asdict(batch),
        "loading": loading,
        "measured": memory.peak_bytes(),
    }


def _work(case: Case, loaded: LoadedModel) -> Batch:
    questions = _questions(loaded, case)
    if case.method == "inference":
        return _answer(loaded, questions)
    return _train(loaded, case, questions)


def _questions(loaded: LoadedModel, case: Case) -> list[Question]:
    """Questions that are as long as the case asks for, of numbers that they do not share."""
    from factlab.models.chat import render_pair
    from factlab.schema.question import Question

    draw = random.Random(0)
    found = []
    for number in range(case.texts):
        target = "It is what it is, as it was before and as it will be once more."
        text = ""
        pair = render_pair(loaded.tokenizer, text, target)
        while len(pair.prompt_ids) + len(pair.answer_ids) <= case.length:
            text += f" {draw.randrange(10**4)}"
            pair = render_pair(loaded.tokenizer, text, target)
        found.append(Question(id=f"q{number}", split="train", family="f", text=text, target=target))
    return found


def _batch(texts: Sequence[Text]) -> Batch:
    from factlab.inference.packed import shared_first

    return Batch(
        texts=len(texts),
        length=max(len(text.tokens) for text in texts),
        shared=shared_first(texts),
        targets=max(len(text.targets) for text in texts),
    )


def _train(loaded: LoadedModel, case: Case, questions: Sequence[Question]) -> Batch:
    """Factlab's own training."""
    from factlab.schema.config import Cell
    from factlab.schema.recipe import Recipe
    from factlab.training.attach import attach_adapter
    from factlab.training.batch import render_pairs, text_of
    from factlab.training.job import AdapterJob
    from factlab.training.train import train_together

    full = case.method == "full"
    recipe = Recipe(
        name="memory",
        about="memory",
        method="full" if full else "lora",
        batch_size=case.texts,
        epochs=STEPS,
    )
    cell = Cell(
        id="memory",
        configuration="memory",
        facts=("memory",),
        rank=0 if full else case.rank,
        alpha=32,
        seed=0,
        precision=case.precision,
        recipe=recipe,
    )
    model = loaded.model if full else attach_adapter(loaded, cell)
    train_together(model, loaded, [AdapterJob(cell, questions)], checkpointing=case.checkpointing)
    return _batch([text_of(pair) for pair in render_pairs(loaded.tokenizer, questions)])


def _answer(loaded: LoadedModel, questions: Sequence[Question]) -> Batch:
    from factlab.inference.generate import generate
    from factlab.training.batch import render_pairs, text_of

    texts = [question.text for question in questions]
    generate(loaded.model, loaded.tokenizer, texts, max_new_tokens=NEW, batch_size=len(texts))
    pairs = render_pairs(loaded.tokenizer, questions)
    batch = _batch([text_of(pair) for pair in pairs])
    return replace(batch, length=batch.length - batch.targets + NEW)


def main() -> None:
    """A case's process, or one that makes random weights."""
    if sys.argv[1] == "make":
        save_random(KNOWN[sys.argv[2]].config, Path(sys.argv[3]))
    else:
        print(json.dumps(run(Case(**json.loads(sys.argv[1])), sys.argv[2])))


if __name__ == "__main__":
    main()
